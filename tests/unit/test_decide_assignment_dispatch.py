"""Who gets a case: proposed or sent, to a unit or into the township's round."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from events.contract.assignment import (
    AssigneeKind,
    AssignmentConfirmed,
    AssignmentRecommended,
    AssignmentRequested,
)
from events.contract.envelope import Acting
from flows.decide.assignment_waiting import next_multiple
from models.clocks import Clock, ClockKind
from models.consulting import Consultation
from models.directory import Org
from models.handling import AssignmentState
from models.policy.people import Role
from models.values import CaseState, Fate, Mark
from notifications.notice import NoticeKind
from tests import world
from tests.unit.assigning import (
    BRANCH_SECRETARY,
    CHILD,
    CONDUCT,
    DISPATCHER,
    ENGINE,
    FIRE,
    FLOOD,
    GRID,
    LAMP,
    NOW,
    QUARREL,
    SECRETARY,
    TOWNSHIP,
    VILLAGE,
    Desk,
    at_recommended,
    notices,
    registered,
    with_entries,
)

DISCIPLINE = world.acting(Role.DISCIPLINE_OFFICER, "d-discipline")


@pytest.mark.parametrize(
    ("category", "state", "work", "owner", "clock"),
    [
        pytest.param(
            LAMP,
            CaseState.DISPATCHED,
            AssignmentState.WAITING,
            (world.branch_of(GRID), Role.BRANCH_SECRETARY),
            None,
            id="a village's small matter waits for the round",
        ),
        pytest.param(
            FIRE,
            CaseState.REGISTERED,
            AssignmentState.PROPOSED,
            (TOWNSHIP, Role.DISPATCHER),
            ClockKind.CONFIRM,
            id="a township's matter is proposed",
        ),
        pytest.param(
            FLOOD,
            CaseState.DISPATCHED,
            AssignmentState.OFFERED,
            (TOWNSHIP, Role.TOWNSHIP_HANDLER),
            ClockKind.SIGN,
            id="an emergency goes at once",
        ),
        pytest.param(
            CHILD,
            CaseState.REGISTERED,
            AssignmentState.PROPOSED,
            (world.COUNTY, Role.COUNTY_SUPERVISOR),
            ClockKind.CONFIRM,
            id="a confidential matter is proposed to whoever may see it",
        ),
        pytest.param(
            CONDUCT,
            CaseState.REGISTERED,
            AssignmentState.PROPOSED,
            ("d-discipline", Role.DISCIPLINE_OFFICER),
            ClockKind.CONFIRM,
            id="a bypass matter stays with the discipline office",
        ),
    ],
)
def test_what_the_engine_does_with_a_registered_case(
    category: str,
    state: CaseState,
    work: AssignmentState,
    owner: tuple[str, str],
    clock: ClockKind | None,
) -> None:
    desk = Desk(registered(category))
    assert desk.request().fate is Fate.APPLIED
    assert desk.case.state is state
    assert desk.case.assignment is not None
    assert desk.case.assignment.state is work
    assert desk.case.owner is not None
    assert (desk.case.owner.org, desk.case.owner.role) == owner
    assert desk.kinds() == {ClockKind.CASE_DUE} | ({clock} if clock else set())


def test_the_dispatcher_sends_what_was_proposed() -> None:
    desk = Desk(registered(FIRE))
    desk.request()
    decision = desk.say(AssignmentRequested(), DISPATCHER, minutes=5)
    assert desk.case.state is CaseState.DISPATCHED
    assert desk.case.leads == (TOWNSHIP,)
    assert desk.case.assignment is not None
    assert desk.case.assignment.helpers == ("d-fire",)
    assert desk.kinds() == {ClockKind.CASE_DUE, ClockKind.SIGN}
    told = {(n.params["part"], str(n.recipient)) for n in decision.notices}
    assert {part for part, _ in told} == {"lead", "helper"}


def test_sending_a_case_on_whose_body_had_too_few_answers_its_clock() -> None:
    sent_on = Clock(key=str(ClockKind.CONCLUDE), generation=1, due_at=NOW + timedelta(hours=4))
    case = registered("05-03")
    desk = Desk(replace(case, clocks=(*case.clocks, sent_on)))
    assert desk.say(AssignmentRequested(), SECRETARY).fate is Fate.APPLIED
    assert desk.kinds() == {ClockKind.CASE_DUE, ClockKind.SIGN}


def test_the_dispatcher_may_name_another_lead() -> None:
    desk = Desk(registered(FIRE))
    desk.request()
    desk.say(AssignmentRequested(lead="d-fire"), DISPATCHER)
    assert desk.case.leads == ("d-fire",)
    assert desk.case.owner is not None
    assert desk.case.owner.role == Role.DEPARTMENT_HANDLER


@pytest.mark.parametrize(
    ("category", "data", "acting", "reason"),
    [
        pytest.param(
            FIRE, AssignmentRequested(lead="d-nothing"), DISPATCHER, "unknown_unit", id="unknown"
        ),
        pytest.param(
            FIRE,
            AssignmentRequested(lead=world.branch_of(GRID)),
            DISPATCHER,
            "not_a_unit",
            id="a Party branch",
        ),
        pytest.param(
            FIRE,
            AssignmentRequested(lead=TOWNSHIP, helpers=("d-nothing",)),
            DISPATCHER,
            "unknown_unit",
            id="unknown helper",
        ),
        pytest.param(
            CONDUCT,
            AssignmentRequested(lead=VILLAGE),
            DISCIPLINE,
            "outside_circle",
            id="a bypass matter never goes to the village",
        ),
        pytest.param(
            CONDUCT,
            AssignmentRequested(lead="d-discipline", helpers=(TOWNSHIP,)),
            DISCIPLINE,
            "outside_circle",
            id="nor does the township help",
        ),
    ],
)
def test_refused(category: str, data: AssignmentRequested, acting: Acting, reason: str) -> None:
    desk = Desk(registered(category))
    decision = desk.say(data, acting)
    assert (decision.fate, decision.reason) == (Fate.REFUSED, reason)


def test_a_bypass_case_is_taken_by_the_discipline_office_alone() -> None:
    desk = Desk(registered(CONDUCT))
    desk.request()
    decision = desk.say(AssignmentRequested(), DISCIPLINE)
    assert decision.fate is Fate.APPLIED
    assert desk.case.leads == ("d-discipline",)
    assert desk.case.circle == ("d-discipline",)
    assert all(notice.discreet for notice in decision.notices)


def test_the_lead_of_a_confidential_case_joins_its_circle() -> None:
    desk = Desk(registered("04-05"))
    desk.request()
    officer = world.acting(Role.COUNTY_SUPERVISOR, world.COUNTY)
    desk.say(AssignmentRequested(lead="d-public_security"), officer)
    assert desk.case.circle == ("d-public_security",)


def test_a_consultation_that_is_open_holds_dispatching_back() -> None:
    talk = Consultation(
        id="t", kind="hearing", body="council", org=VILLAGE, stage="sitting", opened_at=NOW
    )
    desk = Desk(registered(LAMP, state=CaseState.CONSULTING, consultation=talk))
    assert desk.request().reason == "consultation_open"
    desk.case = replace(desk.case, consultation=replace(talk, outcome="agreed"))
    assert desk.request().fate is Fate.APPLIED


@pytest.mark.parametrize(
    "state", [CaseState.CANCELLED, CaseState.CLOSED, CaseState.HANDLING, CaseState.MERGED]
)
def test_what_the_engine_asked_for_too_late_changes_nothing(state: CaseState) -> None:
    desk = Desk(registered(LAMP, state=state))
    assert desk.request().reason == "wrong_state"


def test_a_unit_without_anybody_passes_to_the_unit_above() -> None:
    organ = Org(
        id="x-organ",
        kind="township_organ",
        name="organ",
        parent=TOWNSHIP,
        code=TOWNSHIP,
        department="emergency",
        valid_from=world.SINCE,
    )
    desk = Desk(registered(FLOOD), directory=with_entries(organ))
    decision = desk.request(lead="x-organ")
    assert desk.case.leads == (TOWNSHIP,)
    assert decision.audit[0].detail["instead_of"] == "x-organ"


# --- the round ----------------------------------------------------------------------------------


def test_rounds_are_at_the_multiples_of_policys_interval() -> None:
    ten = timedelta(minutes=10)
    assert next_multiple(NOW, ten) == NOW + ten
    assert next_multiple(NOW + timedelta(minutes=3), ten) == NOW + ten
    assert next_multiple(NOW, timedelta()) == NOW


def test_the_township_gathers_what_waits_and_one_round_takes_all() -> None:
    desk = Desk(registered(LAMP, name="one"))
    desk.request()
    other = Desk(registered(QUARREL, name="two"), township=desk.township)
    other.now = NOW + timedelta(minutes=2)
    other.request()
    assert other.township.waiting == ("case-one", "case-two")
    (clock,) = other.township.clocks
    assert clock.due_at == NOW + timedelta(minutes=10)


def test_an_urgent_case_calls_a_round_at_once() -> None:
    desk = Desk(registered(LAMP))
    desk.request()
    urgent = Desk(registered("10-06", name="dog"), township=desk.township)
    urgent.request()
    assert urgent.township.clocks[0].due_at == NOW


def test_a_case_settled_meanwhile_drops_out_of_the_round() -> None:
    desk = Desk(registered(LAMP))
    desk.request()
    desk.case = replace(desk.case, state=CaseState.CANCELLED, owner=None, clocks=())
    decision = desk.hold_round()
    assert decision.follow_ups == ()
    assert decision.audit[0].detail["dropped"] == 1
    assert desk.township.waiting == ()
    assert desk.township.clocks == ()


def test_the_round_lays_candidates_before_the_secretary() -> None:
    desk = at_recommended()
    work = desk.case.assignment
    assert work is not None
    assert work.state is AssignmentState.RECOMMENDED
    assert len(work.candidates) == desk.policy.matching.shown
    assert all(option.score == sum(option.reasons.values()) for option in work.candidates)
    assert desk.case.owner is not None
    assert desk.case.owner.role == Role.BRANCH_SECRETARY
    assert ClockKind.CONFIRM in desk.kinds()


def test_nobody_fitting_falls_to_the_secretary_by_hand() -> None:
    desk = Desk(registered(LAMP))
    desk.request()
    decision = desk.say(
        AssignmentRecommended(candidates=(), left_out={"below_cap": 7}, round="r"), ENGINE
    )
    assert decision.audit[0].reason == "nobody_fits"
    assert decision.audit[0].detail["left_out_below_cap"] == 7
    assert notices(decision) == {NoticeKind.NOBODY_AVAILABLE}
    assert ClockKind.CONFIRM in desk.kinds()
    # anybody who fits may be chosen, listed or not
    chosen = desk.say(AssignmentConfirmed(assignee=f"p-m3-{GRID}"), BRANCH_SECRETARY)
    assert chosen.fate is Fate.APPLIED


def test_a_recommendation_nobody_waits_for_is_refused() -> None:
    desk = at_recommended()
    late = desk.say(AssignmentRecommended(candidates=(), round="r"), ENGINE)
    assert late.reason == "not_waiting"


@pytest.mark.parametrize(
    "clock_kind",
    [ClockKind.CONFIRM, ClockKind.SIGN],
)
def test_silence_goes_higher_each_time_and_never_chooses(clock_kind: ClockKind) -> None:
    desk = at_recommended() if clock_kind is ClockKind.CONFIRM else Desk(registered(FLOOD))
    if clock_kind is ClockKind.SIGN:
        desk.request()
    before = desk.case.assignment
    told = []
    for _ in range(7):
        decision = desk.ring(clock_kind)
        assert clock_kind in desk.kinds(), "set again"
        told.append(decision.audit[0].detail["told"])
    assert desk.case.assignment == before
    roles = [str(who).partition("@")[0] for who in told]
    assert roles[:5] == [
        "dispatcher",
        "duty_supervisor",
        "duty_leader",
        "county_supervisor",
        "county_duty_leader",
    ]
    assert set(roles[4:]) == {"county_duty_leader"}, "told again until somebody acts"


def test_a_choice_nobody_made_moves_to_whoever_may_make_it() -> None:
    desk = at_recommended()
    desk.ring(ClockKind.CONFIRM)
    assert desk.case.owner is not None
    assert desk.case.owner.role == Role.DISPATCHER
    assert desk.say(AssignmentConfirmed(assignee=f"p-m1-{GRID}"), DISPATCHER).fate is Fate.APPLIED


def test_a_reopened_case_goes_back_to_who_had_it_without_a_new_proposal() -> None:
    desk = Desk(registered(FIRE, state=CaseState.REOPENED, leads=("d-fire",)))
    desk.request()
    assert desk.case.state is CaseState.DISPATCHED
    assert desk.case.leads == ("d-fire",)


def test_confirmed_by_hand_before_the_round_the_round_leaves_it_alone() -> None:
    desk = Desk(registered(LAMP))
    desk.request()
    desk.say(AssignmentConfirmed(assignee=f"p-m1-{GRID}"), BRANCH_SECRETARY)
    assert desk.hold_round().follow_ups == ()


# --- a member who helps a unit ------------------------------------------------------------------


def test_a_unit_at_work_may_ask_for_a_members_help_and_keeps_the_work() -> None:
    desk = Desk(registered("06-06"))
    desk.request()
    desk.say(AssignmentRequested(), DISPATCHER)
    asked = desk.say(AssignmentRequested(), SECRETARY)
    assert asked.audit[0].reason == "help_wanted"
    work = desk.case.assignment
    assert work is not None
    assert (work.state, work.aid) == (AssignmentState.OFFERED, AssignmentState.WAITING)
    desk.hold_round()
    assert desk.case.owner is not None
    assert desk.case.owner.role == Role.TOWNSHIP_HANDLER, "the unit still owns it"
    desk.say(AssignmentConfirmed(assignee=f"p-m2-{GRID}"), BRANCH_SECRETARY)
    work = desk.case.assignment
    assert work is not None
    assert (work.kind, work.assignee) == (AssigneeKind.UNIT, f"p-m2-{GRID}")
    assert {ClockKind.SIGN, ClockKind.ACCEPT} <= desk.kinds()


def test_no_member_is_asked_to_help_with_enforcement_or_marked_cases() -> None:
    desk = Desk(registered("07-02"))
    desk.request()
    desk.say(AssignmentRequested(), DISPATCHER)
    assert desk.say(AssignmentRequested(), SECRETARY).reason == "no_members_for_this"
    desk.case = replace(desk.case, category=LAMP, mark=Mark.CONFIDENTIAL, circle=(VILLAGE,))
    assert desk.say(AssignmentRequested(), SECRETARY).reason == "no_members_for_this"
