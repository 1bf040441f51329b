"""Shards and what proves their order: ownership, journal, records, fates, what waits."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, PrimaryKeyConstraint, text
from sqlmodel import Field

from models.columns import big, binary, counted, json, moment, uuid_key, uuid_ref, words
from models.table import Table, one_of
from models.values import DeadLetterReason, Fate


class Shards(Table, table=True):
    """One row a partition: who owns it, how far it has come. Every transaction begins here."""

    __tablename__ = "shards"
    shard: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    #: counts the takings; a transaction with an older one finds no row
    epoch: int = big(default=0)
    #: last journal entry
    seq: int = big(default=0)
    #: last audit record and its hash
    audit_seq: int = big(default=0)
    audit_hash: bytes = binary()
    #: topic → {"id": topic id, "next": next offset}
    positions: Any = json("{}")
    owner: str = ""
    taken_at: datetime | None = moment(nullable=True)
    #: last instant of a time-lapse that this shard has finished
    drained_at: datetime | None = moment(nullable=True)
    #: per inbound topic: since when it could not be read
    unread_since: Any = json("{}")


class Journal(Table, table=True):
    """Every decided input of a shard, in order: what is replayed. The words are not in it."""

    __tablename__ = "journal"
    __table_args__ = (
        PrimaryKeyConstraint("shard", "seq"),
        Index("uq_journal_identity", "source", "event_id", unique=True),
        Index(
            "ix_journal_numbered",
            "source",
            "decided_at",
            postgresql_where=text("sequence >= 0"),
        ),
    )
    shard: int
    seq: int = big()
    #: external, follow_up or firing
    kind: str
    source: str
    event_id: str
    event_type: str
    content_hash: str = ""
    #: the app's own running number; -1 where it has none
    sequence: int = big(default=-1)
    #: case, task or township it is about
    subject: str = ""
    township: str = ""
    #: decision time; read from here ever after
    decided_at: datetime = moment()
    directory_revision: int = big()
    #: rules and working days that were in force
    policy_version: str = ""
    calendar_version: str = ""
    #: the event as it was decided (words replaced by tokens), or the firing, as JSON
    body: str = words()
    #: what its app signed it with
    signature: str = ""


class Records(Table, table=True):
    """One row a Kafka record: where it ended."""

    __tablename__ = "records"
    __table_args__ = (
        PrimaryKeyConstraint("topic_id", "partition", "offset"),
        one_of("fate", Fate),
        Index("ix_records_identity", "source", "event_id"),
        Index("ix_records_topic", "topic", "partition"),
    )
    topic_id: str
    partition: int
    offset: int = big()
    topic: str
    shard: int
    fate: str
    reason: str = ""
    source: str = ""
    event_id: str = ""
    event_type: str = ""
    recorded_at: datetime = moment()


class Outcomes(Table, table=True):
    """What became of each external event: the answer at the doors."""

    __tablename__ = "outcomes"
    __table_args__ = (PrimaryKeyConstraint("source", "event_id"), one_of("fate", Fate))
    source: str
    event_id: str
    fate: str
    reason: str = ""
    case_id: str | None = uuid_ref(nullable=True, index=True)
    case_number: str = ""
    version: int = -1
    event_type: str = ""
    decided_at: datetime = moment()


class Parked(Table, table=True):
    """Events that came too early, in the order they came; each has a patience timer."""

    __tablename__ = "parked"
    __table_args__ = (Index("ix_parked_case", "shard", "case_id", "seq"),)
    id: str = uuid_key()
    shard: int
    #: journal entry that parked it
    seq: int = big()
    case_id: str = uuid_ref()
    source: str
    event_id: str
    event_type: str
    reason: str
    parked_at: datetime = moment()
    patience_until: datetime = moment()
    body: str = words()
    signature: str = ""
    #: coordinates of its record, so that its fate can be brought up to date
    topic_id: str = ""
    partition: int = -1
    offset: int = big(default=-1)


class DeadLetters(Table, table=True):
    """Records that can never be applied as they are; an operator may edit and replay them."""

    __tablename__ = "dead_letters"
    __table_args__ = (one_of("reason", DeadLetterReason), Index("ix_dead_letters_at", "at"))
    id: str = uuid_key()
    shard: int
    reason: str
    #: what exactly was wrong; never a payload's words
    detail: str = words()
    topic: str
    topic_id: str = ""
    partition: int = -1
    offset: int = big(default=-1)
    source: str = ""
    event_id: str = ""
    event_type: str = ""
    township: str = ""
    #: whether the sender was proved; else source and id are hearsay
    proved: bool = False
    key: bytes | None = binary(nullable=True)
    headers: Any = json("[]")
    #: the record as it came
    value: bytes = binary()
    at: datetime = moment()
    #: event id under which it was replayed
    replayed_as: str = ""
    replayed_by: str = ""
    replayed_at: datetime | None = moment(nullable=True)


class Attempts(Table, table=True):
    """Batches that were begun and not finished: what is left of them after a crash."""

    __tablename__ = "attempts"
    __table_args__ = (PrimaryKeyConstraint("topic_id", "partition", "first_offset"),)
    topic_id: str
    partition: int
    first_offset: int = big()
    last_offset: int = big()
    shard: int
    attempts: int = 1
    begun_at: datetime = moment()


class Outbox(Table, table=True):
    """What must go onto a topic: follow-ups, updates, outcomes, and what the doors took in."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index(
            "ix_outbox_unpublished", "shard", "id", postgresql_where=text("published_at IS NULL")
        ),
        Index("ix_outbox_event", "event_id"),
    )
    id: int | None = counted()
    shard: int
    topic: str
    #: record key: the township, never anything personal
    key: str
    #: set for events only
    source: str = ""
    event_id: str = ""
    #: list of [name, value]
    headers: Any = json("[]")
    value: bytes = binary()
    created_at: datetime = moment()
    published_at: datetime | None = moment(nullable=True)
    #: partition to write to; -1 lets the key decide
    partition: int = -1
    #: instant of a time-lapse
    instant: datetime | None = moment(nullable=True)


class Timers(Table, table=True):
    """Running clocks of every subject, for the owner of the shard to fire in order."""

    __tablename__ = "timers"
    __table_args__ = (
        PrimaryKeyConstraint("subject", "key"),
        Index("ix_timers_due", "shard", "due_at", "subject", "key"),
    )
    subject: str
    key: str
    shard: int
    #: case, task, township or parked
    subject_kind: str
    township: str
    generation: int = big()
    due_at: datetime = moment()
    deadline: Any = json()
    #: time-lapse: instant and wave in which it was set
    set_at: datetime | None = moment(nullable=True)
    wave: int = 0
    #: how often its firing was begun and not finished
    attempts: int = 0


class Conductor(Table, table=True):
    """The one row of a time-lapse: the present instant. Empty where the wall clock runs."""

    __tablename__ = "conductor"
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    instant: datetime = moment()
    #: the time-lapse was handed to the wall clock
    handed_over: bool = False
    #: partition → topic → offset behind the last record written for the instant
    reached: Any = json("{}")


class Installation(Table, table=True):
    """Facts fixed when the installation was made: partitions, time-lapse or not, versions."""

    __tablename__ = "installation"
    name: str = Field(primary_key=True)
    value: str


class PolicyPacks(Table, table=True):
    """Every policy pack that was ever in force, whole: a case keeps the version it began under."""

    __tablename__ = "policy_packs"
    version: str = Field(primary_key=True)
    activated_at: datetime = moment()
    #: the pack as JSON
    pack: str = words()


class Calendars(Table, table=True):
    """Every calendar that deadlines were computed with, whole: libraries and files move on."""

    __tablename__ = "calendars"
    version: str = Field(primary_key=True)
    kept_at: datetime = moment()
    #: published, guessed and overruled days as JSON
    days: str = words()
