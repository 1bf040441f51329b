"""Running timers of a subject, and what each kind waits for. Pure."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from models.deadlines import Deadline


class ClockKind(StrEnum):
    """What a timer waits for. Only the action that answers a clock stops it."""

    #: verification by the grid is due
    VERIFY = "verify"
    #: somebody must decide on a proposal (register, merge, reject)
    PROPOSAL = "proposal"
    #: the case's own limit: warning share passed
    CASE_WARNING = "case_warning"
    #: the case's own limit is over
    CASE_DUE = "case_due"
    #: next rung of the ladder after a breach
    RUNG = "rung"
    #: the unit must sign for the case
    SIGN = "sign"
    #: the member asked must accept or decline
    ACCEPT = "accept"
    #: the secretary must confirm a recommendation
    CONFIRM = "confirm"
    #: the handled work must be checked
    CHECK = "check"
    #: a return must be adjudicated
    RETURN = "return"
    #: an asked extension or suspension must be answered
    GRANT = "grant"
    #: a suspension ends
    SUSPENSION_END = "suspension_end"
    #: emergency: first on-site response
    ON_SITE = "on_site"
    #: emergency: report upward by telephone, then in writing
    UPWARD_PHONE = "upward_phone"
    UPWARD_WRITTEN = "upward_written"
    #: emergency: file afterwards
    RETROACTIVE_FILING = "retroactive_filing"
    #: a consultation must be convened
    CONVENE = "convene"
    #: a consultation must be concluded
    CONCLUDE = "conclude"
    #: a publicity period ends
    PUBLICITY = "publicity"
    #: an objection must be answered
    OBJECTION_ANSWER = "objection_answer"
    #: an action item's clear-off date
    ACTION_ITEM = "action_item"
    #: the principal must approve a whistle
    WHISTLE_APPROVAL = "whistle_approval"
    #: the principal must confirm an emergency whistle afterwards
    WHISTLE_CONFIRM = "whistle_confirm"
    #: whistle clocks, one a party: `<kind>:<org>`
    WHISTLE_SIGN = "whistle_sign"
    WHISTLE_ARRIVE = "whistle_arrive"
    WHISTLE_PLAN = "whistle_plan"
    WHISTLE_FINISH = "whistle_finish"
    #: an objection to a whistle must be adjudicated at its level
    WHISTLE_OBJECTION = "whistle_objection"
    #: both sides' rating is due
    RATING = "rating"
    #: the villager must be asked
    VISIT = "visit"
    #: the closing decision is due
    CLOSE = "close"
    #: a closed case is evaluated, then put away
    EVALUATE = "evaluate"
    ARCHIVE = "archive"
    #: a matching round of the township
    ROUND = "round"
    #: a parked event's patience
    PATIENCE = "patience"
    #: a village task needs a review, or ends
    TASK_REVIEW = "task_review"
    TASK_EXPIRING = "task_expiring"
    TASK_END = "task_end"


class Clock(Struct, frozen=True, kw_only=True):
    """One running timer of a subject.

    `key` is the kind, with `:<part>` behind it where several of a kind run (one a party).
    `generation` is the case version at which it was set, so a firing of an older one is stale.
    """

    key: str
    generation: int
    due_at: datetime
    #: how the instant came about; absent for plain calendar spans
    deadline: Deadline | None = None
    #: when it first ran out unanswered, where it was set again for the same answer
    missed_at: datetime | None = None

    @property
    def kind(self) -> ClockKind:
        """The kind, without the part."""
        return ClockKind(self.key.partition(":")[0])

    @property
    def ran_out_at(self) -> datetime:
        """When it ran out, for a clock that is set again: the first time."""
        return self.missed_at or self.due_at

    @property
    def part(self) -> str:
        """What stands behind the colon: a party, an item; empty where only one runs."""
        return self.key.partition(":")[2]
