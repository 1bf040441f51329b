"""What is known of a consultation: roll, opinions, votes, sittings, objections. Pure."""

from datetime import datetime

from msgspec import Struct


class Sitting(Struct, frozen=True, kw_only=True):
    """One tally: who could come, who came, how they voted, and who entered it."""

    stage: str
    eligible: int
    present: int
    in_favour: int
    against: int
    abstained: int
    #: persons who entered it; as many as policy asks for it to count
    entered_by: tuple[str, ...]
    at: datetime
    #: when it met, and when draft or notice went out before it; four deliberations only
    met_at: datetime | None = None
    notice_at: datetime | None = None
    #: who decided in it, by which roll and out of how many, where the step leaves that open
    body: str = ""
    counted: str = ""
    members: int = 0


class RollSeat(Struct, frozen=True, kw_only=True):
    """A place on the eligibility roll as it stood when notice was given."""

    stage: str
    person: str
    votes: bool = True
    household: str = ""
    struck: str = ""


class Opinion(Struct, frozen=True, kw_only=True):
    """What a participant said; the words are a token."""

    id: str
    person: str
    stance: str
    opinion: str
    stage: str
    at: datetime


class Vote(Struct, frozen=True, kw_only=True):
    """One person's vote, where the body votes by person."""

    person: str
    stance: str
    stage: str
    at: datetime


class Passed(Struct, frozen=True, kw_only=True):
    """A step of the four deliberations and two publications that is behind the case."""

    stage: str
    #: when it happened, as told; the order of the steps is judged by it
    at: datetime
    #: id of the event that told it
    event: str


class Objection(Struct, frozen=True, kw_only=True):
    """An objection during a publicity period. It is open until `settled` says how it ended."""

    id: str
    at: datetime
    #: which publication it is against
    stage: str = ""
    answered: bool = False
    #: the answer was late once, and asked for again
    urged: bool = False
    #: upheld, checked, unchecked (nobody checked in time), unanswered, moot (another was upheld)
    settled: str = ""


class ActionItem(Struct, frozen=True, kw_only=True):
    """A task from a sitting, with owner and clear-off date."""

    id: str
    owner: str
    due_at: datetime
    cleared_at: datetime | None = None
    late: bool = False


class Consultation(Struct, frozen=True, kw_only=True):
    """One consultation of a case."""

    id: str
    kind: str
    body: str
    #: convening organisation
    org: str
    stage: str
    opened_at: datetime
    meets_at: datetime | None = None
    #: 应到, fixed when notice was given, and all members with a vote, struck ones too
    eligible: int = 0
    members: int = 0
    #: which roll is counted (policy's rolls), where the body may count more than one
    counted: str = ""
    roll: tuple[RollSeat, ...] = ()
    opinions: tuple[Opinion, ...] = ()
    votes: tuple[Vote, ...] = ()
    sittings: tuple[Sitting, ...] = ()
    #: steps behind it, in order; empty for a single sitting
    passed: tuple[Passed, ...] = ()
    #: how often it was called again because too few came
    recalls: int = 0
    #: step whose publication hangs out or waits for objections; empty: none
    publicity: str = ""
    minutes: tuple[str, ...] = ()
    objections: tuple[Objection, ...] = ()
    items: tuple[ActionItem, ...] = ()
    outcome: str = ""
    outcome_reason: str = ""
    concluded_at: datetime | None = None
    township_attendee: str = ""
