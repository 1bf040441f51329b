"""Whatever anybody does in whatever order, some things about a whistle are always so."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from events.contract.envelope import Payload
from events.contract.escalation import (
    CaseSupervised,
    CaseUrged,
    DeadlineRecomputed,
    DepartmentArrived,
    DepartmentRated,
    HelperDone,
    ObjectionAdjudicated,
    PlanSubmitted,
    UrgeKind,
    WhistleApproved,
    WhistleConfirmedAfterwards,
    WhistleFinished,
    WhistleObjected,
    WhistleRated,
    WhistleRefused,
    WhistleRequested,
    WhistleSigned,
)
from models.clocks import ClockKind
from models.handling import Party, WhistleState
from models.policy.people import Role
from models.policy.whistle import WhistleKind
from models.values import Mark
from tests import world
from tests.unit.late_cases import ECOLOGY, HOUSING, WATER, Desk, late_case

UNITS = (WATER, ECOLOGY, HOUSING)
unit = st.sampled_from(UNITS)
township = st.just(world.TOWNSHIP)
department = st.tuples(st.sampled_from((Role.DEPARTMENT_LEAD, Role.DEPARTMENT_HANDLER)), unit)
head = st.tuples(st.just(Role.DEPARTMENT_LEAD), unit)
dispatcher = st.tuples(st.just(Role.DISPATCHER), township)
principal = st.tuples(st.just(Role.TOWNSHIP_PRINCIPAL), township)
judge = st.one_of(
    st.tuples(st.just(Role.WHISTLE_OFFICE), township),
    st.tuples(
        st.sampled_from((Role.COUNTY_LEADER, Role.STAFFING_JUSTICE_OFFICE)), st.just(world.COUNTY)
    ),
)
anybody = st.one_of(department, dispatcher, principal, judge)


def by(
    who: st.SearchStrategy[tuple[Role, str]], data: st.SearchStrategy[Payload]
) -> st.SearchStrategy[tuple[Payload, tuple[Role, str]]]:
    """An act, mostly by somebody who may do it."""
    mostly = st.integers(0, 9).flatmap(lambda n: anybody if n == 9 else who)
    return st.tuples(data, mostly)


requests = st.builds(
    WhistleRequested,
    kind=st.sampled_from(WhistleKind),
    lead=st.sampled_from(("", *UNITS)),
    helpers=st.lists(unit, max_size=2, unique=True).map(tuple),
    reason=st.just("t"),
)
decisions = st.builds(
    ObjectionAdjudicated,
    upheld=st.booleans(),
    objector=st.sampled_from(("", *UNITS)),
    new_lead=st.sampled_from(("", *UNITS)),
    reason=st.just("t"),
)
ends = st.builds(WhistleFinished, opinion=st.just("t"), without_helpers=st.sampled_from(("", "t")))
ratings = st.builds(DepartmentRated, department=unit, score=st.just(50), solved=st.booleans())
acts = st.one_of(
    by(dispatcher, requests),
    by(principal, st.builds(WhistleApproved, lead=st.sampled_from(("", *UNITS)))),
    by(principal, st.just(WhistleRefused(reason="t"))),
    by(principal, st.builds(WhistleConfirmedAfterwards, confirmed=st.booleans())),
    by(department, st.just(WhistleSigned())),
    by(department, st.just(DepartmentArrived())),
    by(department, st.just(PlanSubmitted(plan="t"))),
    by(department, st.just(HelperDone())),
    by(department, ends),
    by(head, st.just(WhistleObjected(cites="B-12", reason="t"))),
    by(judge, decisions),
    by(st.just((Role.WHISTLE_OFFICE, world.TOWNSHIP)), decisions),
    by(st.just((Role.DEPARTMENT_HANDLER, WATER)), ends),
    by(principal, ratings),
    by(head, st.just(WhistleRated(score=50))),
    by(principal, st.just(CaseUrged(reason="t"))),
    by(principal, st.just(CaseSupervised(kind=UrgeKind.IMPORTANT, reason="t"))),
    by(
        st.just((Role.DUTY_SUPERVISOR, world.TOWNSHIP)),
        st.just(DeadlineRecomputed(calendar_version="c")),
    ),
)
steps = st.tuples(acts, st.sampled_from((0, 0, 0, 0, 1, 5, 30)))
starts = st.sampled_from(tuple(WhistleKind))


def owed(desk: Desk, party: Party) -> None:
    """A called unit has answered, is on a clock, or is on record as late: for each clock."""
    plan = desk.policy.whistles.kinds[WhistleKind(desk.whistle.kind)].plan
    answered = {
        ClockKind.WHISTLE_SIGN: party.signed_at,
        ClockKind.WHISTLE_ARRIVE: party.arrived_at,
        ClockKind.WHISTLE_FINISH: party.done_at,
    }
    if party.lead and plan is not None:
        answered[ClockKind.WHISTLE_PLAN] = party.planned_at
    for kind, at in answered.items():
        running = desk.case.clock(f"{kind}:{party.org}") is not None
        assert at or party.done_at or running or kind in party.late, (party, kind)
        if at and kind is not ClockKind.WHISTLE_FINISH:
            assert not running


def holds(desk: Desk) -> None:
    """What is always so."""
    case, whistle = desk.case, desk.case.whistle
    clocks = {clock.kind for clock in case.clocks}
    parts = {clock.part for clock in case.clocks if clock.kind is not ClockKind.RUNG}
    if whistle is None:
        return
    called = [party for party in whistle.parties if not party.released]
    assert len({party.org for party in whistle.parties}) == len(whistle.parties)
    if whistle.state is WhistleState.REQUESTED:
        assert ClockKind.WHISTLE_APPROVAL in clocks
        assert not whistle.parties
    if whistle.state is WhistleState.BLOWN:
        assert [party.lead for party in called].count(True) == 1
        lead = next(party for party in called if party.lead)
        assert case.owner is not None
        assert case.owner.org == case.leads[-1] == lead.org
        for party in called:
            owed(desk, party)
    else:
        assert not clocks & {ClockKind.WHISTLE_SIGN, ClockKind.WHISTLE_FINISH}
    assert not parts & {party.org for party in whistle.parties if party.released}
    waiting = {o.by for o in whistle.objections if o.decided_at is None}
    running = {c.part for c in case.clocks if c.kind is ClockKind.WHISTLE_OBJECTION}
    assert waiting == running
    assert set(whistle.ratings) <= {party.org for party in called}
    if case.mark is not Mark.NONE:
        assert all(notice.discreet for notice in desk.notices)


@settings(max_examples=150, deadline=None)
@given(
    first=starts,
    then=st.lists(steps, min_size=5, max_size=25),
    marked=st.booleans(),
    objects=st.booleans(),
)
def test_in_whatever_order_people_act(
    first: WhistleKind,
    then: list[tuple[tuple[Payload, tuple[Role, str]], int]],
    marked: bool,
    objects: bool,
) -> None:
    circle = (world.TOWNSHIP, world.COUNTY) if marked else ()
    mark = Mark.CONFIDENTIAL if marked else Mark.NONE
    desk = Desk(late_case(limit="5wd", mark=mark, circle=circle))
    request = WhistleRequested(kind=first, lead=WATER, helpers=(ECOLOGY,), reason="t")
    desk.act(request, Role.DUTY_LEADER, world.TOWNSHIP)
    desk.act(WhistleApproved(), Role.TOWNSHIP_PRINCIPAL, world.TOWNSHIP)
    if objects:
        desk.act(WhistleObjected(cites="B-12", reason="t"), Role.DEPARTMENT_LEAD, WATER)
    holds(desk)
    for (data, (role, org)), hours in then:
        desk.wait(desk.now + timedelta(hours=hours))
        desk.act(data, role, org)
        holds(desk)
