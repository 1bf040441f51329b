"""The six steps of 四议两公开, taken one after the other in tests."""

from datetime import datetime

import flows.decide.all  # noqa: F401  # enters all handlers
from events.contract.consultation import (
    ConsultationKind,
    FourTwoDeliberated,
    FourTwoMembersMet,
    FourTwoProposed,
    FourTwoResolved,
    ResolutionPublished,
    Stage,
)
from events.contract.envelope import Payload
from tests.unit.consulting import BRANCH, DAY, DIRECTOR, LAND_TAKEN, SECRETARY, Talk, registered

ORDER = (
    Stage.PROPOSE,
    Stage.DELIBERATE,
    Stage.MEMBERS_MEETING,
    Stage.RESOLVE,
    Stage.PUBLISH_RESOLUTION,
)


def step_event(stage: Stage, now: datetime, *, body: str = "representatives") -> Payload:
    """The event that passes a step, with notice in time before a meeting held now."""
    ahead = now - 4 * DAY
    match stage:
        case Stage.PROPOSE:
            return FourTwoProposed(proposal="t")
        case Stage.DELIBERATE:
            return FourTwoDeliberated(agreed=True)
        case Stage.MEMBERS_MEETING:
            return members_met(9, 6, 5, sent=ahead)
        case Stage.RESOLVE:
            return resolved(30, 20, 11, given=ahead, body=body)
        case _:
            return ResolutionPublished(text="t")


def members_met(
    eligible: int,
    present: int,
    in_favour: int,
    *,
    sent: datetime,
    against: int = 0,
    abstained: int = 0,
    met: datetime | None = None,
) -> FourTwoMembersMet:
    """What the sheet of the Party members' meeting says."""
    return FourTwoMembersMet(
        eligible=eligible,
        present=present,
        in_favour=in_favour,
        against=against,
        abstained=abstained,
        draft_sent_at=sent,
        met_at=met,
    )


def resolved(
    eligible: int,
    present: int,
    in_favour: int,
    *,
    given: datetime,
    body: str = "representatives",
    **fields: object,
) -> FourTwoResolved:
    """What the sheet of the resolving meeting says."""
    return FourTwoResolved(
        body=body,
        eligible=eligible,
        present=present,
        in_favour=in_favour,
        notice_given_at=given,
        **{"against": 0, "abstained": 0, **fields},  # type: ignore[arg-type]
    )


def four_two(
    upto: Stage | None = None,
    *,
    category: str = LAND_TAKEN,
    body: str = "representatives",
    **more: object,
) -> Talk:
    """A case on its way through the six steps, standing before `upto` (default: the first)."""
    talk = Talk(case=registered(category), **more)  # type: ignore[arg-type]
    talk.requested(ConsultationKind.FOUR_TWO, body)
    for stage in ORDER[: ORDER.index(upto)] if upto else ():
        take(talk, stage, body=body)
    return talk


def take(talk: Talk, stage: Stage, *, body: str = "representatives") -> None:
    """Pass the next step, a few days after the one before."""
    talk.now += 5 * DAY
    event = step_event(stage, talk.now, body=body)
    talk.done(event, SECRETARY)
    if stage in (Stage.MEMBERS_MEETING, Stage.RESOLVE):
        talk.done(event, BRANCH if stage is Stage.MEMBERS_MEETING else DIRECTOR)


def published() -> Talk:
    """The resolution hangs out."""
    talk = four_two(Stage.PUBLISH_RESOLUTION)
    talk.done(ResolutionPublished(text="t"))
    return talk
