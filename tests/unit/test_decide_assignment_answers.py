"""Confirmed, accepted, declined, not answered: who is asked, and who is next."""

import pytest
from msgspec.structs import replace

from events.contract.assignment import (
    AssigneeKind,
    AssignmentAccepted,
    AssignmentConfirmed,
    AssignmentDeclined,
    AssignmentHandled,
    AssignmentRequested,
)
from events.contract.envelope import Acting
from events.contract.reports import OutcomeEvidence
from models.clocks import ClockKind
from models.directory import Org
from models.handling import Assignment, AssignmentState
from models.policy.people import Role
from models.values import CaseState, Fate
from notifications.notice import NoticeKind
from tests import world
from tests.unit.assigning import (
    BRANCH_SECRETARY,
    DISPATCHER,
    FIRE,
    FLOOD,
    GRID,
    LAMP,
    NOW,
    QUARREL,
    SECRETARY,
    TOWNSHIP,
    TOWNSHIP_HANDLER,
    VILLAGE,
    Desk,
    as_asked,
    at_recommended,
    member,
    notices,
    registered,
    with_entries,
)

M1, M2, M3, M4 = (f"p-m{n}-{GRID}" for n in range(1, 5))


def work_of(desk: Desk) -> Assignment:
    assert desk.case.assignment is not None
    return desk.case.assignment


def state_of(desk: Desk) -> CaseState:
    return desk.case.state


def offered(first: str = M1, second: str = "", category: str = LAMP) -> Desk:
    desk = at_recommended(category)
    decision = desk.say(AssignmentConfirmed(assignee=first, second=second), BRANCH_SECRETARY)
    assert decision.fate is Fate.APPLIED, decision.reason
    return desk


# --- the secretary confirms ---------------------------------------------------------------------


def test_confirmed_the_member_is_asked_and_told() -> None:
    desk = at_recommended()
    decision = desk.say(AssignmentConfirmed(assignee=M1), BRANCH_SECRETARY)
    work = work_of(desk)
    assert (work.state, work.kind, work.assignee) == (
        AssignmentState.OFFERED,
        AssigneeKind.PARTY_MEMBER,
        M1,
    )
    assert work.confirmed_by == BRANCH_SECRETARY.actor
    assert desk.kinds() == {ClockKind.CASE_DUE, ClockKind.ACCEPT}
    assert desk.case.owner is not None
    assert desk.case.owner.person == M1
    assert notices(decision) == {NoticeKind.ASSIGNMENT_OFFERED}


@pytest.mark.parametrize(
    ("category", "data", "reason"),
    [
        pytest.param(LAMP, AssignmentConfirmed(assignee="p-ghost"), "unknown_person", id="ghost"),
        pytest.param(
            LAMP,
            AssignmentConfirmed(assignee=world.person(Role.CHECKER, TOWNSHIP)),
            "unknown_person",
            id="a role that takes no work",
        ),
        pytest.param(
            LAMP,
            AssignmentConfirmed(assignee=M1, recused=(M1,)),
            "does_not_fit",
            id="declared to be kin of a party",
        ),
        pytest.param(
            QUARREL,
            AssignmentConfirmed(assignee=M1),
            "second_person_needed",
            id="alone to a quarrel",
        ),
        pytest.param(
            QUARREL,
            AssignmentConfirmed(assignee=M1, second=M1),
            "second_person_needed",
            id="twice the same",
        ),
        pytest.param(
            LAMP, AssignmentConfirmed(assignee="d-fire"), "unknown_person", id="another unit"
        ),
    ],
)
def test_not_confirmed(category: str, data: AssignmentConfirmed, reason: str) -> None:
    desk = at_recommended(category)
    before = desk.case
    decision = desk.say(data, BRANCH_SECRETARY)
    assert (decision.fate, decision.reason) == (Fate.REFUSED, reason)
    assert desk.case is before


def test_the_person_complained_of_is_never_asked() -> None:
    desk = Desk(registered(LAMP))
    desk.request(kept_out=(M1,))
    desk.hold_round()
    assert M1 not in {option.assignee for option in work_of(desk).candidates}
    assert desk.say(AssignmentConfirmed(assignee=M1), BRANCH_SECRETARY).reason == "does_not_fit"


def test_the_village_may_do_it_itself() -> None:
    desk = at_recommended()
    desk.say(AssignmentConfirmed(assignee=VILLAGE), BRANCH_SECRETARY)
    assert work_of(desk).kind == AssigneeKind.UNIT
    assert ClockKind.SIGN in desk.kinds()
    signed = desk.say(AssignmentAccepted(), world.acting(Role.VILLAGE_DIRECTOR, VILLAGE))
    assert signed.fate is Fate.APPLIED
    assert state_of(desk) is CaseState.ACCEPTED


def test_the_village_may_take_it_while_members_are_looked_for() -> None:
    desk = at_recommended()
    decision = desk.say(AssignmentAccepted(), SECRETARY)
    assert decision.audit[0].reason == "unit_takes_it"
    assert state_of(desk) is CaseState.ACCEPTED
    assert ClockKind.CONFIRM not in desk.kinds()


def test_a_social_organisation_may_be_asked_as_one() -> None:
    team = Org(
        id="s-helpers",
        kind="social_organisation",
        name="helpers",
        parent=TOWNSHIP,
        code=TOWNSHIP,
        valid_from=world.SINCE,
    )
    desk = at_recommended(QUARREL)
    desk.directory = with_entries(team)
    confirmed = desk.say(AssignmentConfirmed(assignee="s-helpers"), BRANCH_SECRETARY)
    assert confirmed.fate is Fate.APPLIED
    assert work_of(desk).kind == AssigneeKind.SOCIAL_ORGANISATION
    assert desk.case.owner is not None
    assert desk.case.owner.org == "s-helpers"


def test_nothing_is_confirmed_twice() -> None:
    desk = offered()
    again = desk.say(AssignmentConfirmed(assignee=M2), BRANCH_SECRETARY)
    assert again.reason == "nobody_to_choose"


# --- accepted -----------------------------------------------------------------------------------


def test_accepted_the_member_owns_it() -> None:
    desk = offered()
    decision = desk.say(AssignmentAccepted(), member(1), minutes=10)
    assert state_of(desk) is CaseState.ACCEPTED
    assert work_of(desk).accepted_at == desk.now
    assert desk.kinds() == {ClockKind.CASE_DUE}
    assert notices(decision) == {NoticeKind.ASSIGNMENT_ACCEPTED}


@pytest.mark.parametrize(
    "acting",
    [
        pytest.param(member(2), id="another member"),
        pytest.param(world.acting(Role.VILLAGE_DIRECTOR, VILLAGE), id="the village"),
        pytest.param(world.acting(Role.GRID_HEAD, GRID), id="the grid head"),
    ],
)
def test_nobody_takes_what_another_was_asked_for(acting: Acting) -> None:
    decision = offered().say(AssignmentAccepted(), acting)
    assert decision.fate is Fate.REFUSED


def test_of_two_who_accept_one_is_applied_and_the_other_refused() -> None:
    desk = offered()
    fates = [desk.say(AssignmentAccepted(), member(1)).fate for _ in range(2)]
    assert fates == [Fate.APPLIED, Fate.REFUSED]


def test_a_unit_signs_once() -> None:
    desk = Desk(registered(FLOOD))
    desk.request()
    other = world.acting(Role.TOWNSHIP_HANDLER, TOWNSHIP)
    decisions = [desk.say(AssignmentAccepted(), who) for who in (TOWNSHIP_HANDLER, other)]
    assert [decision.fate for decision in decisions] == [Fate.APPLIED, Fate.REFUSED]
    assert state_of(desk) is CaseState.ACCEPTED
    assert ClockKind.SIGN not in desk.kinds()


def test_a_unit_signs_only_what_it_was_given() -> None:
    desk = Desk(registered(FIRE))
    desk.request()
    desk.say(AssignmentRequested(lead="d-fire", helpers=(TOWNSHIP,)), DISPATCHER)
    helper = desk.say(AssignmentAccepted(), TOWNSHIP_HANDLER)
    assert helper.reason == "not_asked"
    lead = desk.say(AssignmentAccepted(), world.acting(Role.DEPARTMENT_HANDLER, "d-fire"))
    assert lead.fate is Fate.APPLIED


def test_a_quarrel_is_taken_when_both_have_said_yes() -> None:
    desk = offered(M1, M2, QUARREL)
    first = desk.say(AssignmentAccepted(), member(2))
    assert first.audit[0].reason == "second_awaited"
    assert state_of(desk) is CaseState.DISPATCHED
    assert desk.say(AssignmentAccepted(), member(2)).reason == "already_accepted"
    desk.say(AssignmentAccepted(), member(1))
    assert state_of(desk) is CaseState.ACCEPTED


# --- declined, not answered ---------------------------------------------------------------------


def test_a_no_asks_the_next_candidate_and_costs_nothing() -> None:
    desk = offered()
    following = [o.assignee for o in work_of(desk).candidates if o.assignee != M1]
    decision = desk.say(AssignmentDeclined(reason="t"), member(1))
    work = work_of(desk)
    assert work.declined == (M1,)
    assert work.assignee == following[0]
    assert state_of(desk) is CaseState.DISPATCHED
    assert notices(decision) == {NoticeKind.ASSIGNMENT_DECLINED, NoticeKind.ASSIGNMENT_OFFERED}
    assert decision.audit[0].reason == "member_declined"
    assert desk.clock(ClockKind.ACCEPT).generation == desk.case.version


def test_who_recuses_themselves_is_kept_out() -> None:
    desk = offered()
    decision = desk.say(AssignmentDeclined(reason="t", recusal=True), member(1))
    assert decision.audit[0].reason == "member_recused"
    assert work_of(desk).recused == (M1,)


def test_no_answer_in_time_asks_the_next() -> None:
    desk = offered()
    decision = desk.ring(ClockKind.ACCEPT)
    assert work_of(desk).declined == (M1,)
    assert work_of(desk).assignee not in ("", M1)
    assert decision.audit[0].reason == "member_silent"
    late = desk.say(AssignmentAccepted(), member(1))
    assert late.fate is Fate.REFUSED, "the next one was asked already"


def test_after_policys_number_of_declines_the_secretary_chooses() -> None:
    desk = offered()
    for _ in range(desk.policy.matching.declines_at_most):
        assert work_of(desk).state is AssignmentState.OFFERED
        desk.ring(ClockKind.ACCEPT)
    work = work_of(desk)
    assert work.state is AssignmentState.RECOMMENDED
    assert work.assignee == ""
    assert desk.case.owner is not None
    assert desk.case.owner.role == Role.BRANCH_SECRETARY
    assert ClockKind.CONFIRM in desk.kinds()
    assert ClockKind.ACCEPT not in desk.kinds()


def test_a_candidate_who_became_unavailable_is_passed_over() -> None:
    desk = offered()
    following = [o.assignee for o in work_of(desk).candidates if o.assignee != M1]
    away = desk.directory.person(following[0], NOW)
    assert away is not None
    desk.directory = with_entries(replace(away, availability="away", valid_from=NOW))
    desk.say(AssignmentDeclined(reason="t"), member(1))
    assert work_of(desk).assignee == following[1]


def test_whoever_said_yes_stays_when_the_second_says_no() -> None:
    desk = offered(M1, M2, QUARREL)
    desk.say(AssignmentAccepted(), member(1))
    desk.say(AssignmentDeclined(reason="t"), member(2))
    work = work_of(desk)
    assert work.assignee == M1
    assert work.second not in ("", M1, M2)
    assert work.accepted_by == (M1,)
    desk.say(AssignmentAccepted(), as_asked(work.second))
    assert state_of(desk) is CaseState.ACCEPTED


def test_a_yes_is_kept_when_the_secretary_must_name_a_second() -> None:
    desk = offered(M1, M2, QUARREL)
    desk.case = replace(desk.case, assignment=replace(work_of(desk), candidates=()))
    desk.say(AssignmentAccepted(), member(1))
    decision = desk.say(AssignmentDeclined(reason="t"), member(2))
    assert NoticeKind.NOBODY_AVAILABLE in notices(decision)
    desk.say(AssignmentConfirmed(assignee=M1, second=M3), BRANCH_SECRETARY)
    asked = desk.say(AssignmentAccepted(), member(3))
    assert asked.fate is Fate.APPLIED
    assert state_of(desk) is CaseState.ACCEPTED


def test_units_return_and_do_not_decline() -> None:
    desk = Desk(registered(FLOOD))
    desk.request()
    # no role of a unit may decline by right, so the unit speaks through one that may
    head = replace(TOWNSHIP_HANDLER)
    assert desk.say(AssignmentDeclined(reason="t"), head).reason == "role_may_not"


def test_another_round_keeps_out_who_said_no() -> None:
    desk = offered()
    for _ in range(desk.policy.matching.declines_at_most):
        desk.ring(ClockKind.ACCEPT)
    declined = work_of(desk).declined
    desk.say(AssignmentRequested(), SECRETARY)
    assert work_of(desk).state is AssignmentState.WAITING
    desk.hold_round()
    assert not {o.assignee for o in work_of(desk).candidates} & set(declined)


# --- a member who helps a unit ------------------------------------------------------------------


def helped() -> Desk:
    desk = Desk(registered("06-06"))
    desk.request()
    desk.say(AssignmentRequested(helpers=()), DISPATCHER)
    desk.say(AssignmentRequested(), SECRETARY)
    desk.hold_round()
    desk.say(AssignmentConfirmed(assignee=M1), BRANCH_SECRETARY)
    return desk


def test_a_helping_member_says_yes_and_the_unit_still_signs() -> None:
    desk = helped()
    assert desk.say(AssignmentAccepted(), member(1)).audit[0].reason == "helps_the_unit"
    assert state_of(desk) is CaseState.DISPATCHED
    assert desk.say(AssignmentAccepted(), TOWNSHIP_HANDLER).fate is Fate.APPLIED
    assert state_of(desk) is CaseState.ACCEPTED
    assert work_of(desk).aid is AssignmentState.ACCEPTED
    done = desk.say(
        AssignmentHandled(opinion="t", shown_by=OutcomeEvidence.STATEMENT, without_helpers="t"),
        member(1),
    )
    assert done.fate is Fate.APPLIED


def test_a_helping_member_who_says_no_leaves_the_units_work_alone() -> None:
    desk = helped()
    desk.say(AssignmentDeclined(reason="t"), member(1))
    assert work_of(desk).state is AssignmentState.OFFERED
    assert work_of(desk).aid is AssignmentState.OFFERED
    assert work_of(desk).assignee not in ("", M1)
    assert ClockKind.SIGN in desk.kinds()


def test_whom_the_matter_is_about_stays_out_when_it_is_sent_out_anew() -> None:
    desk = Desk(registered(LAMP))
    desk.request(kept_out=(M1,))
    desk.hold_round()
    desk.say(AssignmentConfirmed(assignee=M2, recused=(M3,)), BRANCH_SECRETARY)
    desk.case = replace(desk.case, state=CaseState.REGISTERED)
    desk.request()
    desk.hold_round()
    assert not {M1, M3} & {option.assignee for option in work_of(desk).candidates}
