"""The township's waiting list and its round, and what the round recommended. Pure."""

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from events.contract.assignment import AssignmentRecommended
from flows.decide.assignment import (
    AT_WORK,
    begin,
    own,
    search_of,
    secretary,
    urgency,
    with_search,
)
from flows.decide.decision import Firing
from flows.decide.draft import Detail, Draft, Refusal, system, with_clock
from flows.decide.handled import told
from flows.decide.matching import members
from flows.decide.matching_round import is_urgent, match_round
from flows.decide.route import fires, handles
from models.case import Case
from models.clocks import Clock, ClockKind
from models.handling import Assignment, AssignmentState, CandidateOption
from models.values import Step
from models.village import Township
from notifications.notice import NoticeKind, instant

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def enlist(sheet: Draft) -> datetime:
    """Put the case on its township's waiting list; return when the round is that takes it.

    Rounds are at the multiples of policy's interval; an urgent case calls one at once.
    """
    township = sheet.township or sheet.facts.township or Township(id=sheet.case.township)
    every = sheet.policy.deadlines.round_every
    due_at = sheet.now if is_urgent(sheet.case) else next_multiple(sheet.now, every)
    running = next((c for c in township.clocks if c.kind is ClockKind.ROUND), None)
    if running is None or due_at < running.due_at:
        running = Clock(key=str(ClockKind.ROUND), generation=township.version + 1, due_at=due_at)
    sheet.township = replace(
        township,
        version=township.version + 1,
        waiting=tuple(dict.fromkeys((*township.waiting, sheet.case.id))),
        clocks=with_clock(township.clocks, running),
    )
    return running.due_at


def next_multiple(now: datetime, every: timedelta) -> datetime:
    """Return the first multiple of `every` (counted from 1970 in UTC) after `now`."""
    if not every:
        return now
    return _EPOCH + ((now - _EPOCH) // every + 1) * every


@fires(Step.ASSIGNMENT, ClockKind.ROUND)
def hold_round(sheet: Draft, firing: Firing) -> None:
    """When a township's round is due: all waiting tasks are shared out among all who fit.

    A case that was settled or given to somebody meanwhile drops out.
    """
    township = sheet.township or sheet.facts.township or Township(id=firing.township)
    place = {case_id: index for index, case_id in enumerate(township.waiting)}
    still = sorted(
        (case for case in sheet.facts.waiting if is_waiting(case)),
        key=lambda case: (place.get(case.id, len(place)), case.id),
    )
    pool = members(
        sheet.facts.directory,
        firing.township,
        sheet.facts.work,
        policy=sheet.policy,
        on=sheet.now,
    )
    proposals = match_round(still, pool, policy=sheet.policy)
    engine = system(Step.ASSIGNMENT, firing.township)
    for case in still:
        sheet.follow(
            AssignmentRecommended(
                candidates=proposals[case.id].candidates,
                left_out=proposals[case.id].left_out,
                round=f"{firing.township}@{instant(firing.clock.due_at)}",
            ),
            subject=case.id,
            acting=engine,
        )
    clocks = tuple(clock for clock in township.clocks if clock.kind is not ClockKind.ROUND)
    sheet.township = replace(township, version=township.version + 1, waiting=(), clocks=clocks)
    sheet.record(
        f"timer:{ClockKind.ROUND}",
        rule="matching",
        acting=engine,
        detail={
            "waiting": len(still),
            "members": len(pool),
            "nobody": sum(not proposals[case.id].candidates for case in still),
            "dropped": len(place.keys() - {case.id for case in still}),
        },
    )


def is_waiting(case: Case) -> bool:
    """Does the case still wait for a round?"""
    work = case.assignment
    return case.state in AT_WORK and work is not None and search_of(work) is AssignmentState.WAITING


@handles(AssignmentRecommended)
def recommend(sheet: Draft, data: AssignmentRecommended) -> Refusal | None:
    """When the round found candidates, or nobody: the secretary decides either way."""
    work = sheet.case.assignment
    if work is None or not is_waiting(sheet.case):
        return Refusal("not_waiting")
    options = tuple(
        CandidateOption(
            assignee=found.assignee, kind=str(found.kind), score=found.score, reasons=found.reasons
        )
        for found in data.candidates
    )
    left_out: Detail = {f"left_out_{name}": count for name, count in data.left_out.items()}
    by_hand(
        sheet,
        replace(work, candidates=options),
        "assignment.recommend",
        reason="recommended" if options else "nobody_fits",
        detail={"round": data.round, **left_out},
    )
    return None


def by_hand(
    sheet: Draft,
    work: Assignment,
    action: str,
    *,
    reason: str,
    words: str = "",
    detail: Detail | None = None,
) -> None:
    """Lay the choice before the secretary, with a clock; what is chosen is a person's decision."""
    sheet.stop(ClockKind.ACCEPT)
    sheet.change(assignment=with_search(work, AssignmentState.RECOMMENDED))
    who = secretary(sheet)
    if work.aid is None:
        own(sheet, who)
    begin(sheet, ClockKind.CONFIRM, sheet.policy.deadlines.dispatch[urgency(sheet.case)])
    count = len(work.candidates)
    sheet.record(
        action,
        reason=reason,
        words=words,
        rule="matching",
        detail={"candidates": count, **(detail or {})},
    )
    about = f"{work.id}{len(work.declined)}"
    if count:
        sheet.notify(NoticeKind.ASSIGNMENT_RECOMMENDED, told(who), about=about, count=count)
    else:
        sheet.notify(NoticeKind.NOBODY_AVAILABLE, told(who), about=about)
