from datetime import timedelta

import pytest

from events.contract.escalation import (
    HelperDone,
    ObjectionAdjudicated,
    WhistleFinished,
    WhistleObjected,
    WhistleSigned,
)
from models.case import Owner
from models.clocks import ClockKind
from models.deadlines import due
from models.directory import Directory, RoleHeld
from models.policy.people import Role
from models.policy.span import parse_span
from models.policy.whistle import WhistleKind
from models.values import CaseState, Fate, Mark
from notifications.notice import NoticeKind
from tests import world
from tests.unit.late_cases import (
    ECOLOGY,
    HOUSING,
    JUSTICE,
    WATER,
    Desk,
    late_case,
    office,
    people,
)
from tests.unit.packs import changed
from tests.unit.whistles import SUPERVISOR, blown, handler, head

OBJECTS = WhistleObjected(cites="B-12", reason="t")
OFFICE = (Role.WHISTLE_OFFICE, world.TOWNSHIP)
SECOND = (Role.STAFFING_JUSTICE_OFFICE, world.COUNTY)
THIRD = (Role.COUNTY_LEADER, world.COUNTY)
KEY = f"{ClockKind.WHISTLE_OBJECTION}:{WATER}"
HOUR = timedelta(hours=1)
REJECTED = ObjectionAdjudicated(upheld=False, reason="t")


def upheld(new_lead: str = HOUSING, objector: str = "") -> ObjectionAdjudicated:
    return ObjectionAdjudicated(upheld=True, new_lead=new_lead, objector=objector, reason="t")


def objected(**options: object) -> Desk:
    desk = blown(**options)  # type: ignore[arg-type]
    decision = desk.act(OBJECTS, *head(WATER), after=HOUR)
    assert decision.fate is Fate.APPLIED, decision.reason
    return desk


def test_an_objection_asks_the_first_level_and_stops_no_clock() -> None:
    desk = blown()
    before = {c.key: c for c in desk.case.clocks}
    desk.act(OBJECTS, *head(WATER), after=HOUR)
    after = {c.key: c for c in desk.case.clocks}
    assert after.keys() - before.keys() == {KEY}
    assert all(after[key] == clock for key, clock in before.items()), "the work goes on meanwhile"
    assert desk.due_at(KEY) == due(desk.now, parse_span("1wd"), office=office()).due_at
    assert desk.told(NoticeKind.OBJECTION_RAISED) == [f"{OFFICE[0]}@{OFFICE[1]}"]
    assert desk.case.owner == Owner(org=WATER, role=Role.DEPARTMENT_HANDLER)


@pytest.mark.parametrize(
    ("hours", "sequence", "reason"),
    [
        pytest.param(3, -1, "ok", id="within"),
        pytest.param(30, -1, "objection_too_late", id="too-late"),
        pytest.param(20, 4, "ok", id="written-in-time-heard-late"),
        pytest.param(20, -1, "objection_too_late", id="claimed-without-running-number"),
    ],
)
def test_an_objection_is_raised_within_policys_time(hours: int, sequence: int, reason: str) -> None:
    desk = blown()
    called = desk.now
    decision = desk.act(
        OBJECTS, *head(WATER), after=hours * HOUR, occurred=called + 2 * HOUR, sequence=sequence
    )
    assert decision.reason == reason


def test_emergencies_are_worked_on_first() -> None:
    desk = blown(WhistleKind.EMERGENCY)
    assert desk.act(OBJECTS, *head(WATER)).reason == "act_first"


def test_a_unit_objects_once() -> None:
    desk = objected()
    assert desk.act(OBJECTS, *head(WATER)).reason == "objected_already"
    assert desk.act(OBJECTS, *handler(WATER)).reason == "role_may_not"


def test_each_called_unit_has_its_own_objection() -> None:
    desk = objected()
    desk.act(OBJECTS, *head(ECOLOGY))
    assert desk.act(REJECTED, *OFFICE).reason == "which_objection"
    only = ObjectionAdjudicated(upheld=False, objector=ECOLOGY, reason="t")
    assert desk.act(only, *OFFICE).fate is Fate.APPLIED
    assert [(o.by, o.outcome) for o in desk.whistle.objections] == [
        (WATER, ""),
        (ECOLOGY, "rejected"),
    ]
    assert desk.act(REJECTED, *OFFICE).fate is Fate.APPLIED


def test_without_a_decision_it_goes_up_level_by_level_and_the_lead_stays() -> None:
    desk = objected()
    asked = [(desk.whistle.objections[-1].level, desk.due_at(KEY))]
    for _ in range(2):
        desk.wait_for(KEY)
        asked.append((desk.whistle.objections[-1].level, desk.due_at(KEY)))
    assert [level for level, _ in asked] == [1, 2, 3]
    starts = [desk.whistle.objections[-1].at, asked[0][1], asked[1][1]]
    spans = [parse_span(text) for text in ("1wd", "2wd", "3wd")]
    assert [at for _, at in asked] == [
        due(start, span, office=office()).due_at for start, span in zip(starts, spans, strict=True)
    ]
    assert desk.told(NoticeKind.OBJECTION_RAISED) == [
        f"{role}@{org}" for role, org in (OFFICE, SECOND, THIRD)
    ]
    desk.wait_for(KEY)
    ended = desk.whistle.objections[-1]
    assert (ended.outcome, ended.upheld) == ("no_decision", False)
    assert desk.case.clock(KEY) is None
    assert desk.party(WATER).lead
    assert not desk.party(WATER).released
    assert "no_decision" in desk.reasons()
    told = [n.params["outcome"] for n in desk.notices if n.kind is NoticeKind.OBJECTION_ADJUDICATED]
    assert set(told) == {"no_decision"}


@pytest.mark.parametrize(
    ("level", "who"), [(1, OFFICE), (2, SECOND), (3, THIRD)], ids=["first", "second", "third"]
)
def test_only_the_level_in_charge_decides(level: int, who: tuple[Role, str]) -> None:
    desk = objected()
    for _ in range(level - 1):
        desk.wait_for(KEY)
    for other in {OFFICE, SECOND, THIRD} - {who}:
        assert desk.act(REJECTED, *other).reason == "not_this_level"
    assert desk.act(REJECTED, *who).fate is Fate.APPLIED
    assert desk.case.clock(KEY) is None


def test_a_rejected_objection_may_be_taken_higher_in_time_until_the_last_level() -> None:
    desk = objected()
    for who, level in ((OFFICE, 1), (SECOND, 2), (THIRD, 3)):
        assert desk.whistle.objections[-1].level == level
        desk.act(REJECTED, *who)
        again = desk.act(OBJECTS, *head(WATER), after=HOUR)
        assert again.reason == ("ok" if level < 3 else "objected_already")
    assert len(desk.whistle.objections) == 1
    slow = objected()
    slow.act(REJECTED, *OFFICE)
    assert slow.act(OBJECTS, *head(WATER), after=48 * HOUR).reason == "objection_too_late"


def test_upheld_calls_a_new_lead_on_fresh_clocks_and_lets_the_old_one_go() -> None:
    desk = objected()
    desk.act(WhistleSigned(), *handler(WATER))
    helpers = {c.key: c for c in desk.case.clocks if c.key.endswith(ECOLOGY)}
    desk.act(upheld(), *OFFICE, after=3 * HOUR)
    assert desk.party(WATER).released
    assert not any(c.key.endswith(f":{WATER}") for c in desk.case.clocks)
    assert {c.key: c for c in desk.case.clocks if c.key.endswith(ECOLOGY)} == helpers
    rule = desk.policy.whistles.kinds[WhistleKind.ROUTINE]
    for name, span in (("sign", rule.sign), ("arrive", rule.arrive), ("finish", rule.finish)):
        fresh = due(desk.now, span, office=office()).due_at
        assert desk.due_at(f"whistle_{name}:{HOUSING}") == fresh
    assert desk.party(HOUSING).lead
    assert desk.case.owner == Owner(org=HOUSING, role=Role.DEPARTMENT_HANDLER)
    assert desk.case.leads == (world.TOWNSHIP, WATER, HOUSING)
    assert desk.case.assignment is not None
    assert desk.case.assignment.org == HOUSING
    assert desk.act(WhistleSigned(), *handler(WATER)).reason == "released"
    assert desk.act(WhistleSigned(), *handler(HOUSING)).fate is Fate.APPLIED
    told = desk.told(NoticeKind.OBJECTION_ADJUDICATED)
    assert f"{Role.DEPARTMENT_LEAD}@{WATER}" in told
    assert SUPERVISOR in told


def test_an_upheld_objection_is_a_precedent_for_the_table() -> None:
    desk = objected()
    desk.act(upheld(), *OFFICE)
    detail = next(a.detail for a in desk.audits if a.reason == "upheld")
    assert detail["precedent"] is True
    assert (detail["precedent_category"], detail["precedent_unit"]) == ("05-04", HOUSING)
    assert (detail["precedent_item"], detail["cites"]) == ("B-12", "B-12")
    other = objected()
    other.act(REJECTED, *OFFICE)
    assert "precedent" not in other.audits[-1].detail


def test_a_helper_may_become_the_lead_and_then_leads_on_fresh_clocks() -> None:
    desk = objected()
    desk.act(upheld(ECOLOGY), *OFFICE, after=2 * HOUR)
    assert [(p.org, p.lead, p.released) for p in desk.whistle.parties] == [
        (WATER, True, True),
        (ECOLOGY, True, False),
    ]
    assert desk.case.clock(f"whistle_plan:{ECOLOGY}") is not None
    desk.act(WhistleFinished(opinion="t"), *handler(ECOLOGY))
    assert desk.state is CaseState.CHECKING


def test_a_helpers_upheld_objection_lets_it_go_without_a_successor() -> None:
    desk = blown()
    desk.act(OBJECTS, *head(ECOLOGY))
    desk.act(upheld(""), *OFFICE)
    assert desk.party(ECOLOGY).released
    assert desk.party(WATER).lead
    assert desk.act(WhistleFinished(opinion="t"), *handler(WATER)).fate is Fate.APPLIED


@pytest.mark.parametrize(
    ("new_lead", "reason"),
    [
        pytest.param("", "new_lead_needed", id="nobody"),
        pytest.param(WATER, "not_a_successor", id="itself"),
        pytest.param("d-nowhere", "unknown_unit", id="unknown"),
        pytest.param(world.VILLAGE, "not_a_department", id="village"),
    ],
)
def test_a_lead_is_let_go_only_for_a_unit_that_can_take_over(new_lead: str, reason: str) -> None:
    desk = objected()
    before = desk.case
    assert desk.act(upheld(new_lead), *OFFICE).reason == reason
    assert desk.case == before


def test_a_released_unit_is_not_called_back() -> None:
    desk = objected()
    desk.act(upheld(HOUSING), *OFFICE)
    desk.act(OBJECTS, *head(HOUSING))
    assert desk.act(upheld(WATER), *OFFICE).reason == "not_a_successor"
    assert desk.act(upheld(JUSTICE), *OFFICE).fate is Fate.APPLIED


def test_nobody_of_the_objecting_department_decides() -> None:
    person = "p-both"
    extra = [
        RoleHeld(person=person, role=Role.WHISTLE_OFFICE, org=world.COUNTY, valid_from=world.SINCE),
        RoleHeld(person=person, role=Role.DEPARTMENT_HANDLER, org=WATER, valid_from=world.SINCE),
    ]
    whole = people()
    held = [
        RoleHeld(person=one, role=role, org=org.id, valid_from=world.SINCE)
        for org in whole.orgs(world.NOW)
        for role in Role
        for one in whole.holders(role, org.id, world.NOW)
    ]
    both = Directory(revision=2, entries=[*whole.orgs(world.NOW), *held, *extra])
    desk = objected()
    desk.facts = type(desk.facts)(directory=both, office=office())
    decision = desk.act(REJECTED, Role.WHISTLE_OFFICE, world.COUNTY, actor=person)
    assert decision.reason == "own_department"
    clean = desk.act(REJECTED, *OFFICE)
    assert clean.fate is Fate.APPLIED


def test_who_objected_never_decides_even_in_another_role() -> None:
    desk = objected()
    assert world.person(*head(WATER)) in desk.case.deeds["escalation.object"]


def test_a_finished_whistle_overtakes_the_objection() -> None:
    desk = objected()
    desk.act(HelperDone(), *handler(ECOLOGY))
    desk.act(WhistleFinished(opinion="t"), *handler(WATER))
    assert desk.whistle.objections[-1].outcome == "overtaken"
    assert desk.case.clock(KEY) is None


def test_a_released_unit_leaves_the_circle_the_call_let_it_into() -> None:
    case = late_case(mark=Mark.CONFIDENTIAL, circle=(world.TOWNSHIP, world.COUNTY), limit="15wd")
    desk = objected(case=case)
    assert desk.case.circle == (world.TOWNSHIP, world.COUNTY, WATER, ECOLOGY)
    desk.act(upheld(), *OFFICE)
    assert desk.case.circle == (world.TOWNSHIP, world.COUNTY, ECOLOGY, HOUSING)


def test_one_level_that_is_final_ends_it() -> None:
    level = {
        "name": {"zh": "唯一", "en": "only"},
        "role": "county_leader",
        "limit": "1wd",
        "final": True,
    }
    desk = blown(policy=changed({"whistles": {"levels": [level]}}))
    desk.act(OBJECTS, *head(WATER))
    desk.wait_for(KEY)
    assert desk.whistle.objections[-1].outcome == "no_decision"
