"""Cases and what hangs on them. Column names are the snapshot's field names (`models.case`)."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, PrimaryKeyConstraint, text
from sqlmodel import Field

from models.columns import big, json, moment, uuid_key, uuid_ref, words
from models.table import Table, one_of
from models.values import CaseState, Mark

#: A limit was computed with days that were guessed.
GUESSED = """due @> '{"provisional": true}' OR clocks @> '[{"deadline": {"provisional": true}}]'"""


class Cases(Table, table=True):
    """One matter, from report to archive."""

    __tablename__ = "cases"
    __table_args__ = (
        one_of("state", CaseState),
        one_of("mark", Mark),
        Index("ix_cases_place", "township", "category", "reported_at"),
        Index("ix_cases_state", "township", "state"),
        Index("uq_cases_number", "number", unique=True, postgresql_where=text("number <> ''")),
        Index("ix_cases_history", "history_ref", postgresql_where=text("history_ref <> ''")),
        # Very few: every engine asks for them at its start (`operations/arrived_days.py`).
        Index("ix_cases_guessed", "shard", "id", postgresql_where=text(GUESSED)),
    )
    id: str = uuid_key()
    shard: int
    version: int = big()
    state: str
    number: str = ""
    county: str = ""
    township: str = ""
    village: str = ""
    grid: str = ""
    category: str = ""
    urgency: str = ""
    tier: int = 0
    emergency_level: int = 0
    mark: str = "none"
    circle: Any = json("[]")
    source: str = ""
    origin: str = ""
    reporter_ref: str = ""
    filed_by: str = ""
    lon: float | None = None
    lat: float | None = None
    evidence: int = 0
    joint: bool = False
    disputed: bool = False
    public_interest: bool = False
    occurred_at: datetime | None = moment(nullable=True)
    reported_at: datetime | None = moment(nullable=True)
    registered_at: datetime | None = moment(nullable=True)
    closed_at: datetime | None = moment(nullable=True)
    policy_version: str = ""
    calendar_version: str = ""
    rule: str = ""
    merge_candidate: str = ""
    merged_into: str = ""
    merged: Any = json("[]")
    not_same: Any = json("[]")
    owner: Any = json()
    due: Any = json()
    breached_at: datetime | None = moment(nullable=True)
    late_received: bool = False
    rungs: Any = json("[]")
    ask: Any = json()
    extensions: int = 0
    suspensions: int = 0
    suspended_at: datetime | None = moment(nullable=True)
    returns: int = 0
    rework: int = 0
    reopened: int = 0
    urged: int = 0
    supervised: str = ""
    leads: Any = json("[]")
    clocks: Any = json("[]")
    consultation_id: str | None = uuid_ref(nullable=True)
    assignment_id: str | None = uuid_ref(nullable=True)
    whistle_id: str | None = uuid_ref(nullable=True)
    visit_id: str | None = uuid_ref(nullable=True)
    grade: str = ""
    deeds: Any = json("{}")
    history_ref: str = ""
    history_rows: int = 0
    #: head of the case's own audit chain
    audit_seq: int = big(default=0)
    audit_hash: str = ""


class Consultations(Table, table=True):
    """Consultations with roll, opinions, votes, tallies, objections and action items."""

    __tablename__ = "consultations"
    id: str = uuid_key()
    case_id: str = uuid_ref(index=True)
    shard: int
    kind: str
    body: str
    org: str
    stage: str
    opened_at: datetime = moment()
    meets_at: datetime | None = moment(nullable=True)
    eligible: int = 0
    members: int = 0
    counted: str = ""
    roll: Any = json("[]")
    opinions: Any = json("[]")
    votes: Any = json("[]")
    sittings: Any = json("[]")
    passed: Any = json("[]")
    recalls: int = 0
    publicity: str = ""
    minutes: Any = json("[]")
    objections: Any = json("[]")
    items: Any = json("[]")
    outcome: str = ""
    outcome_reason: str = ""
    concluded_at: datetime | None = moment(nullable=True)
    township_attendee: str = ""


class Assignments(Table, table=True):
    """Attempts to have the work of a case done."""

    __tablename__ = "assignments"
    __table_args__ = (Index("ix_assignments_assignee", "assignee", "state"),)
    id: str = uuid_key()
    case_id: str = uuid_ref(index=True)
    shard: int
    state: str
    org: str
    helpers: Any = json("[]")
    helpers_done: Any = json("[]")
    accepted_by: Any = json("[]")
    aid: str | None = None
    kept_out: Any = json("[]")
    kind: str = "unit"
    assignee: str = ""
    second: str = ""
    candidates: Any = json("[]")
    declined: Any = json("[]")
    recused: Any = json("[]")
    confirmed_by: str = ""
    requested_at: datetime = moment()
    offered_at: datetime | None = moment(nullable=True)
    accepted_at: datetime | None = moment(nullable=True)
    handled_at: datetime | None = moment(nullable=True)
    handled_by: str = ""
    checked_at: datetime | None = moment(nullable=True)
    checked_by: str = ""
    rework: int = 0
    progress: int = 0
    ended: str = ""


class Whistles(Table, table=True):
    """Whistles with lead and helpers, each on its own clocks."""

    __tablename__ = "whistles"
    id: str = uuid_key()
    case_id: str = uuid_ref(index=True)
    shard: int
    kind: str
    state: str
    org: str
    requested_by: str
    requested_at: datetime = moment()
    approved_by: str = ""
    blown_at: datetime | None = moment(nullable=True)
    confirmed: bool | None = None
    lead: str = ""
    helpers: Any = json("[]")
    due: Any = json()
    extensions: int = 0
    solved: Any = json("{}")
    parties: Any = json("[]")
    objections: Any = json("[]")
    finished_at: datetime | None = moment(nullable=True)
    ratings: Any = json("{}")
    whistle_ratings: Any = json("{}")


class Visits(Table, table=True):
    """Rounds of asking the villager."""

    __tablename__ = "visits"
    id: str = uuid_key()
    case_id: str = uuid_ref(index=True)
    shard: int
    requested_at: datetime = moment()
    channel: str
    attempts: int = 0
    result: str = ""
    contacted: bool = False
    solved: bool | None = None
    satisfaction: str = ""
    visitor: str = ""
    answered_at: datetime | None = moment(nullable=True)
    disputed: bool = False


class VillageTasks(Table, table=True):
    """Work departments want villages to do."""

    __tablename__ = "village_tasks"
    __table_args__ = (Index("ix_village_tasks_township", "township", "state"),)
    id: str = uuid_key()
    shard: int
    version: int = big()
    state: str
    township: str = ""
    title: str = ""
    item: str = ""
    asked_by: str = ""
    villages: Any = json("[]")
    legal_basis: str = ""
    forms: int = 0
    ledgers: int = 0
    meetings: int = 0
    inspections: int = 0
    systems: Any = json("[]")
    funding: str = ""
    off_hours: bool = False
    urgent: bool = False
    listed: bool = False
    findings: Any = json("[]")
    ends_on: str = ""
    reviews: Any = json("[]")
    consents: Any = json("[]")
    renewals: int = 0
    requested_at: datetime | None = moment(nullable=True)
    decided_at: datetime | None = moment(nullable=True)
    policy_version: str = ""
    clocks: Any = json("[]")
    #: head of the task's own audit chain
    audit_seq: int = big(default=0)
    audit_hash: str = ""


class Townships(Table, table=True):
    """What belongs to a township as a whole: its matching round."""

    __tablename__ = "townships"
    id: str = Field(primary_key=True)
    shard: int
    version: int = big()
    waiting: Any = json("[]")
    clocks: Any = json("[]")


class CaseNumbers(Table, table=True):
    """Last sequence number given in a grid on a day."""

    __tablename__ = "case_numbers"
    __table_args__ = (PrimaryKeyConstraint("grid", "day"),)
    grid: str
    day: str
    shard: int
    last: int


class ResponsibilityItems(Table, table=True):
    """Items of the responsibility lists, by policy version: what routed a case, kept for good."""

    __tablename__ = "responsibility_items"
    __table_args__ = (PrimaryKeyConstraint("policy_version", "item"),)
    policy_version: str
    item: str
    kind: str
    title: str
    owner: str
    categories: Any = json("[]")
    legal_basis: str = words()


class FreeTexts(Table, table=True):
    """Words that were taken out of events. Erasable: the chain holds commitments only."""

    __tablename__ = "free_texts"
    __table_args__ = (PrimaryKeyConstraint("token", "source", "event_id", "field"),)
    token: str
    source: str
    event_id: str
    field: str
    subject: str = Field(default="", index=True)
    words: str = words()
    kept_since: datetime = moment()


class Identities(Table, table=True):
    """The vault: who stands behind a pseudonym, encrypted. Deleting a row erases the person."""

    __tablename__ = "identities"
    reporter_ref: str = Field(primary_key=True)
    key_id: str
    ciphertext: bytes
    created_at: datetime = moment()
    last_opened_at: datetime | None = moment(nullable=True)
