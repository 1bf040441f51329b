"""What `partygrid reconcile` found: the equations, each with its figures, and the gaps."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct


class Gap(Struct, frozen=True, kw_only=True):
    """Where an equation does not close. `place` names rows, never a person."""

    equation: str
    place: str
    explanation: str

    def __str__(self) -> str:
        return f"{self.equation}: {self.place}: {self.explanation}"


class PartitionCount(Struct, frozen=True, kw_only=True):
    """Equation 1 for one partition of one incarnation of a topic."""

    topic: str
    topic_id: str
    partition: int
    #: next offset less the first; None where the topic of this id is gone
    read: int | None
    records: int
    fates: Mapping[str, int]


class DoorCount(Struct, frozen=True, kw_only=True):
    """Equation 2 for what the doors took in."""

    accepted: int
    #: has a record, so it has a fate
    arrived: int
    #: refused by the broker for good
    unpublishable: int
    #: in the outbox
    waiting: int
    #: published and not read yet
    on_the_way: int
    #: what lies unread in the topics; None where the broker did not answer
    unread: int | None


class ProducerCount(Struct, frozen=True, kw_only=True):
    """Equation 2 for one producer that numbers what it signs."""

    source: str
    #: numbers given out, by its spool; by the highest that arrived where no spool was given
    signed_out: int
    arrived: int
    #: still with the app; None where no spool was given
    in_spool: int | None
    #: numbers that are nowhere, as ranges
    missing: tuple[str, ...]


class ReportCount(Struct, frozen=True, kw_only=True):
    """Equation 3."""

    applied: int
    #: cases of their own, by state; merged and rejected are not among them
    own: Mapping[str, int]
    merged: int
    rejected: int
    #: rows of imported logs, and what the imported cases count
    history_applied: int
    history_rows: int


class RowCheck(Struct, frozen=True, kw_only=True):
    """Something that must hold of every row."""

    name: str
    rows: int
    broken: int


class Reconciled(Struct, frozen=True, kw_only=True):
    """All of one snapshot."""

    at: datetime
    partitions: tuple[PartitionCount, ...]
    doors: DoorCount
    producers: tuple[ProducerCount, ...]
    reports: ReportCount
    checks: tuple[RowCheck, ...]
    gaps: tuple[Gap, ...]

    @property
    def closes(self) -> bool:
        """Do all equations close?"""
        return not self.gaps
