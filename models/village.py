"""What is known of a village task, and of a township as a whole. Pure."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from models.clocks import Clock
from models.values import derived_id


class TaskState(StrEnum):
    """Where a village task stands."""

    REQUESTED = "requested"
    ADMITTED = "admitted"
    TEMPORARY = "temporary"
    REFUSED = "refused"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class TaskReview(Struct, frozen=True, kw_only=True):
    """One review a village task passed."""

    role: str
    by: str
    at: datetime


class VillageTask(Struct, frozen=True, kw_only=True):
    """Work a department wants villages to do."""

    id: str
    version: int = 0
    state: TaskState = TaskState.REQUESTED
    township: str = ""
    title: str = ""
    item: str = ""
    asked_by: str = ""
    villages: tuple[str, ...] = ()
    legal_basis: str = ""
    forms: int = 0
    ledgers: int = 0
    meetings: int = 0
    inspections: int = 0
    systems: tuple[str, ...] = ()
    funding: str = ""
    off_hours: bool = False
    urgent: bool = False
    #: on the admission list, asked for by who may, within the list's figures
    listed: bool = False
    #: what the list check found against it, as codes
    findings: tuple[str, ...] = ()
    #: last day, as an ISO date
    ends_on: str = ""
    reviews: tuple[TaskReview, ...] = ()
    #: villages that agreed to a temporary admission
    consents: tuple[str, ...] = ()
    renewals: int = 0
    requested_at: datetime | None = None
    decided_at: datetime | None = None
    policy_version: str = ""
    clocks: tuple[Clock, ...] = ()

    def clock(self, key: str) -> Clock | None:
        """Return the running clock of this key, or None."""
        return next((clock for clock in self.clocks if clock.key == key), None)


def task_id_of(source: str, event_id: str) -> str:
    """Return the id of the village task that the request (source, event_id) opens."""
    return derived_id("task", source, event_id)


class Township(Struct, frozen=True, kw_only=True):
    """What belongs to a township as a whole: its matching round."""

    id: str
    version: int = 0
    #: cases that wait for the next round, in the order they came
    waiting: tuple[str, ...] = ()
    clocks: tuple[Clock, ...] = ()
