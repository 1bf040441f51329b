from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from events.contract.escalation import CaseBreached, RungClimbed
from flows.decide.decision import Facts
from flows.decide.draft import Draft
from flows.decide.ladder import Place, keep_ladder
from models.case import Case, Owner
from models.clocks import ClockKind
from models.deadlines import beyond, due
from models.directory import Directory, RoleHeld
from models.policy.categories import Urgency
from models.policy.people import Role
from models.policy.span import parse_span
from models.values import CaseState, Fate, Mark, Step
from notifications.notice import NoticeKind
from tests import world
from tests.unit.late_cases import Desk, late_case, office, people
from tests.unit.packs import changed, default_pack

COUNTY_CENTRE = f"{Role.COUNTY_SUPERVISOR}@{world.COUNTY}"
COUNTY_DUTY = f"{Role.COUNTY_DUTY_LEADER}@{world.COUNTY}"
PRINCIPAL = f"{Role.TOWNSHIP_PRINCIPAL}@{world.TOWNSHIP}"
SUPERVISOR = f"{Role.DUTY_SUPERVISOR}@{world.TOWNSHIP}"


def breached(case: Case, **options: object) -> Desk:
    """A desk on which the case's limit has just run out."""
    desk = Desk(case, **options)  # type: ignore[arg-type]
    desk.ring(next(c for c in case.clocks if c.kind is ClockKind.CASE_DUE))
    return desk


def climb_all(desk: Desk) -> None:
    """Let the whole ladder and one repeat go by with nobody acting."""
    climb(desk, len(desk.policy.ladders.by_urgency[Urgency(desk.case.urgency)].rungs) + 1)


def climb(desk: Desk, rungs: int) -> None:
    """Let time pass until so many rungs are climbed."""
    while sum(rung.index >= 0 for rung in desk.case.rungs) < rungs:
        clock = desk.next_clock()
        assert clock is not None
        desk.ring(clock)


def vacant(*roles: Role) -> Directory:
    """The county with nobody in these roles."""
    whole = people()
    orgs = whole.orgs(world.NOW)
    held = [
        RoleHeld(person=person, role=role, org=org.id, valid_from=world.SINCE)
        for org in orgs
        for role in Role
        if role not in roles
        for person in whole.holders(role, org.id, world.NOW)
    ]
    return Directory(revision=2, entries=[*orgs, *held])


@pytest.mark.parametrize("urgency", list(Urgency))
def test_every_rung_is_reached_in_order_up_to_the_county(urgency: Urgency) -> None:
    desk = breached(late_case(urgency=urgency))
    climb_all(desk)
    rules = desk.policy.ladders.by_urgency[urgency].rungs
    climbed = desk.case.rungs
    assert [rung.index for rung in climbed] == list(range(len(rules) + 1))
    assert [rung.name for rung in climbed] == [r.name.zh for r in rules] + [rules[-1].name.zh]
    assert [rung.at for rung in climbed] == sorted(rung.at for rung in climbed)
    assert [rung.skipped for rung in climbed] == [""] * len(climbed)
    assert COUNTY_CENTRE in climbed[len(rules) - 2].told
    assert climbed[len(rules) - 1].told == COUNTY_DUTY
    assert climbed[-1].told == COUNTY_DUTY
    told = [n for n in desk.announced if isinstance(n, RungClimbed)]
    assert len(told) == len(climbed)


@pytest.mark.parametrize("urgency", list(Urgency))
def test_each_rung_fires_at_its_absolute_time_past_the_breach(urgency: Urgency) -> None:
    case = late_case(urgency=urgency)
    assert case.due is not None
    desk = breached(case)
    climb_all(desk)
    for rule, rung in zip(
        desk.policy.ladders.by_urgency[urgency].rungs, desk.case.rungs, strict=False
    ):
        if rule.share is not None:
            expected = beyond(case.due, rule.share, office=office())
        else:
            assert rule.after is not None
            expected = due(case.due.due_at, rule.after, office=office()).due_at
        assert rung.at == expected


def test_after_the_last_rung_the_duty_owner_is_told_until_somebody_acts() -> None:
    desk = breached(late_case(urgency=Urgency.EMERGENCY))
    climb_all(desk)
    before = len(desk.told(NoticeKind.RUNG_CLIMBED))
    last = desk.case.rungs[-1].at
    desk.wait(last + timedelta(days=3))
    assert [rung.at - last for rung in desk.case.rungs[-3:]] == [
        timedelta(days=n) for n in (1, 2, 3)
    ]
    assert desk.told(NoticeKind.RUNG_CLIMBED)[before:] == [COUNTY_DUTY] * 3
    desk.case = replace(desk.case, state=CaseState.CHECKING)
    desk.wait(last + timedelta(days=4))
    assert desk.case.rungs[-1].skipped == "somebody_acted"
    assert len(desk.told(NoticeKind.RUNG_CLIMBED)) == before + 3
    desk.wait(last + timedelta(days=5))
    assert desk.case.rungs[-1].skipped == "", "it moved once and then rested again"
    assert len(desk.told(NoticeKind.RUNG_CLIMBED)) == before + 4


@pytest.mark.parametrize(
    ("gone", "height", "told"),
    [
        pytest.param(Role.TOWNSHIP_PRINCIPAL, 3, SUPERVISOR, id="principal"),
        pytest.param(Role.COUNTY_SUPERVISOR, 4, COUNTY_DUTY, id="county-centre-goes-up-not-down"),
        pytest.param(Role.COUNTY_DUTY_LEADER, 5, COUNTY_CENTRE, id="duty-owner"),
        pytest.param(Role.DUTY_SUPERVISOR, 2, f"duty_leader@{world.TOWNSHIP}", id="supervisor"),
    ],
)
def test_a_rung_nobody_stands_on_says_why_and_falls_back(
    gone: Role, height: int, told: str
) -> None:
    desk = breached(late_case(), directory=vacant(gone))
    climb_all(desk)
    rung = desk.case.rungs[height]
    assert rung.skipped == "held_by_nobody"
    assert rung.told == told
    assert told in desk.told(NoticeKind.RUNG_CLIMBED)
    assert "held_by_nobody" in desk.reasons()
    others = [r.skipped for r in desk.case.rungs[:-1] if r.index != height]
    assert others == [""] * len(others)


def test_with_nobody_anywhere_the_gap_itself_is_told() -> None:
    desk = breached(late_case(owner=None), directory=vacant(*Role))
    climb_all(desk)
    assert {rung.skipped for rung in desk.case.rungs} <= {"held_by_nobody", "level_not_involved"}
    assert {rung.told for rung in desk.case.rungs} == {COUNTY_DUTY}


def test_a_rung_of_units_that_have_no_part_names_that_as_the_reason() -> None:
    only_departments = changed(
        {"ladders": {"by_urgency": {"N": {"rungs": [_rung("department_lead", "department")]}}}}
    )
    desk = breached(late_case(), policy=only_departments)
    desk.wait(desk.now)
    assert desk.case.rungs[0].skipped == "level_not_involved"
    assert desk.case.rungs[0].told == COUNTY_CENTRE


def test_a_vacant_lowest_rung_goes_to_the_township_and_not_past_it() -> None:
    case = replace(late_case(owner=None), assignment=None)
    desk = breached(case, directory=vacant(Role.GRID_HEAD))
    desk.wait(desk.now)
    assert desk.case.rungs[0].skipped == "held_by_nobody"
    assert desk.case.rungs[0].told == SUPERVISOR


def _rung(role: str, level: str, kind: str = "urge", after: str = "0m") -> dict[str, object]:
    return {
        "name": {"zh": "级", "en": "rung"},
        "kind": kind,
        "tell": [{"role": role, "level": level}],
        "after": after,
    }


def test_a_case_nobody_owns_climbs_all_the_same() -> None:
    desk = breached(late_case(owner=None))
    assert desk.told(NoticeKind.BREACHED) == [SUPERVISOR] * len(desk.told(NoticeKind.BREACHED))
    climb_all(desk)
    assert desk.case.rungs[5].told == COUNTY_DUTY
    assert desk.audits[0].detail["unowned"] is True


def test_an_unclassified_case_climbs_the_normal_ladder() -> None:
    case = replace(late_case(), urgency="", category="")
    desk = Desk(case)
    desk.wait_for(ClockKind.CASE_DUE)
    assert (
        desk.case.rungs[0].name == desk.policy.ladders.by_urgency[Urgency.NORMAL].rungs[0].name.zh
    )


@pytest.mark.parametrize("urgency", list(Urgency))
def test_urging_and_supervising_are_put_on_the_case(urgency: Urgency) -> None:
    desk = breached(late_case(urgency=urgency))
    climb_all(desk)
    rules = desk.policy.ladders.by_urgency[urgency].rungs
    assert desk.case.urged == sum(rule.kind == "urge" for rule in rules)
    assert desk.case.supervised == "timeout"
    assert len(desk.told(NoticeKind.CASE_SUPERVISED)) == 1
    assert len(desk.told(NoticeKind.CASE_URGED)) == desk.case.urged


def test_a_leaders_supervision_is_not_written_over_by_the_ladder() -> None:
    desk = breached(replace(late_case(), supervised="leader"))
    climb_all(desk)
    assert desk.case.supervised == "leader"


def test_a_rung_is_climbed_once_even_when_its_timer_rings_twice() -> None:
    desk = breached(late_case(urgency=Urgency.EMERGENCY))
    first = desk.case.clock("rung:0")
    assert first is not None
    desk.ring(first)
    told = len(desk.notices)
    again = desk.ring(first)
    assert again.fate is Fate.APPLIED
    assert again.notices == ()
    assert desk.reasons()[-1] == "no_longer_needed"
    relived = replace(
        desk.case, clocks=(*desk.case.clocks, replace(first, generation=desk.case.version + 1))
    )
    desk.case = relived
    desk.ring(relived.clocks[-1])
    assert desk.reasons()[-1] == "already_climbed"
    assert len(desk.notices) == told
    assert len(desk.case.rungs) == 1


def test_the_breach_is_recorded_once() -> None:
    case = late_case()
    desk = breached(case)
    moment = desk.case.breached_at
    assert case.due is not None
    assert moment == case.due.due_at
    assert [type(one) for one in desk.announced] == [CaseBreached]
    second = replace(
        case.clocks[0], generation=desk.case.version, due_at=moment + timedelta(days=1)
    )
    desk.case = replace(desk.case, clocks=(*desk.case.clocks, second))
    desk.ring(second)
    assert desk.case.breached_at == moment
    assert desk.reasons().count("already_breached") == 1
    assert sum(isinstance(one, CaseBreached) for one in desk.announced) == 1


def test_a_settled_case_climbs_nothing() -> None:
    desk = breached(late_case())
    desk.case = replace(desk.case, state=CaseState.CLOSED)
    clock = desk.case.clock("rung:0")
    assert clock is not None
    decision = desk.ring(clock)
    assert decision.notices == ()
    assert desk.case.rungs == ()
    assert desk.reasons()[-1] == "no_longer_needed"
    assert desk.case.clock("rung:0") is None


@pytest.mark.parametrize("urgency", list(Urgency))
def test_a_confidential_case_is_told_only_within_its_circle(urgency: Urgency) -> None:
    case = late_case(urgency=urgency, mark=Mark.CONFIDENTIAL, circle=(world.TOWNSHIP,))
    desk = breached(case)
    climb_all(desk)
    roles = desk.policy.roles.roles
    for who in desk.told(NoticeKind.RUNG_CLIMBED):
        role, org = who.split("@")
        assert org in case.circle or roles[Role(role)].sees_confidential
    assert all(notice.discreet for notice in desk.notices)
    assert desk.case.rungs[-1].skipped == "outside_circle"


@pytest.mark.parametrize("urgency", list(Urgency))
def test_a_bypass_case_never_reaches_village_or_township(urgency: Urgency) -> None:
    owner = Owner(org="d-discipline", role=Role.DISCIPLINE_OFFICER)
    case = late_case(
        urgency=urgency, mark=Mark.BYPASS, category="11-04", owner=owner, circle=("d-discipline",)
    )
    desk = breached(replace(case, assignment=None))
    climb_all(desk)
    heard = {n.recipient for n in desk.notices}
    assert {getattr(who, "role", "") for who in heard} == {Role.DISCIPLINE_OFFICER}
    assert {rung.skipped for rung in desk.case.rungs} <= {"outside_circle", "level_not_involved"}


def test_the_unit_that_works_on_it_is_the_one_that_is_urged() -> None:
    case = late_case(owner=Owner(org="d-water", role=Role.DEPARTMENT_HANDLER))
    assert case.assignment is not None
    case = replace(case, assignment=replace(case.assignment, org="d-water"))
    desk = breached(case)
    climb_all(desk)
    assert f"{Role.DEPARTMENT_HANDLER}@d-water" in desk.case.rungs[0].told
    assert f"{Role.DEPARTMENT_LEAD}@d-water" in desk.case.rungs[1].told


@given(
    st.sampled_from(["case_due", "on_site", "whistle_arrive:d-water", "whistle_arrive:dept.a:b"]),
    st.integers(min_value=0, max_value=99),
)
def test_a_place_on_a_ladder_is_read_as_it_was_written(limit: str, height: int) -> None:
    place = Place(limit, height)
    assert Place.of(place.part) == place
    assert place.stage == limit.partition(":")[0]


@settings(max_examples=25, deadline=None)
@given(
    urgency=st.sampled_from(list(Urgency)),
    gone=st.frozensets(
        st.sampled_from(
            [
                Role.GRID_HEAD,
                Role.TOWNSHIP_HANDLER,
                Role.VILLAGE_SECRETARY,
                Role.DUTY_SUPERVISOR,
                Role.DUTY_LEADER,
                Role.TOWNSHIP_PRINCIPAL,
                Role.COUNTY_SUPERVISOR,
            ]
        )
    ),
    limit=st.sampled_from(["2h", "72h", "4wh", "1wd", "10wd"]),
    owned=st.booleans(),
)
def test_whoever_is_missing_the_ladder_ends_at_the_duty_owner(
    urgency: Urgency, gone: frozenset[Role], limit: str, owned: bool
) -> None:
    case = late_case(urgency=urgency, limit=limit)
    desk = breached(case if owned else replace(case, owner=None), directory=vacant(*sorted(gone)))
    climb_all(desk)
    rules = desk.policy.ladders.by_urgency[urgency].rungs
    assert [rung.index for rung in desk.case.rungs] == list(range(len(rules) + 1))
    for rung in desk.case.rungs:
        assert rung.told, "every rung is told to somebody"
        assert not {one.split("@")[0] for one in rung.told.split(",")} & set(gone)
    assert desk.case.rungs[-1].told == COUNTY_DUTY


def test_the_default_packs_ladders_all_end_at_the_county() -> None:
    ladders = default_pack().ladders
    for ladder in ladders.by_urgency.values():
        assert {told.level for told in ladder.rungs[-1].tell} == {"county"}


def _kept(case: Case, *, now: datetime) -> Case:
    sheet = Draft(
        step=Step.FEEDBACK,
        input=None,  # type: ignore[arg-type]
        facts=Facts(directory=people(), office=office()),
        policy=default_pack(),
        now=now,
        case=case,
    )
    keep_ladder(sheet)
    return sheet.case


def test_a_ladder_that_was_interrupted_goes_on_at_the_next_rung() -> None:
    desk = breached(late_case())
    climb(desk, 2)
    running = desk.due_at("rung:2")
    case = replace(desk.case, clocks=())
    kept = _kept(case, now=desk.now)
    assert [(c.key, c.due_at) for c in kept.clocks] == [("rung:2", running)]
    assert _kept(kept, now=desk.now) == kept, "while it runs nothing is to be done"


def test_a_case_open_again_on_a_limit_of_its_own_climbs_past_that_one() -> None:
    desk = breached(late_case())
    climb(desk, 3)
    new = due(desk.now, parse_span("2wd"), office=office())
    again = _kept(replace(desk.case, clocks=(), due=new), now=desk.now)
    assert [(c.key, c.due_at) for c in again.clocks] == [("rung:0", new.due_at)]
    later = Desk(again, at=desk.now)
    later.wait(new.due_at)
    assert [r.index for r in later.case.rungs] == [0, 1, 2, 0]


def test_no_ladder_where_none_is_owed() -> None:
    case = late_case()
    assert _kept(case, now=world.NOW) == case
