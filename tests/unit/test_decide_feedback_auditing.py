"""What was settled on the spot is looked at by somebody else, who may open it again."""

from typing import Any

import pytest

from events.contract.envelope import Acting
from events.contract.feedback import SelfCloseAudited
from events.contract.reports import OutcomeEvidence, ReportSelfClosed
from models.case import Case
from models.policy.people import Role
from models.values import CaseState, Fate
from tests import world
from tests.unit import taking_in as t
from tests.unit.packs import changed, default_pack

CHECKER = world.acting(Role.CHECKER, t.TOWNSHIP)
SOLVED = SelfCloseAudited(solved=True)
UNSOLVED = SelfCloseAudited(solved=False, note="token", evidence=("a" * 64,))
SETTLED = ReportSelfClosed(outcome="token", shown_by=OutcomeEvidence.STATEMENT)


def settled(policy: Any = None) -> tuple[t.Desk, Case]:
    """A desk, and a case on it that the grid member settled on the spot."""
    desk = t.Desk(policy=policy or default_pack())
    case = desk.file(t.report(t.RUBBISH, reporter_ref=t.REPORTER))
    assert desk.say(SETTLED, t.MEMBER, case.id).fate is Fate.APPLIED
    return desk, case


def test_what_is_solved_stays_settled_and_the_audit_says_so() -> None:
    desk, case = settled()
    decision = desk.say(SOLVED, CHECKER, case.id)
    (record,) = decision.audit
    assert (record.action, record.reason) == ("feedback.audit_self_close", "audit_passed")
    assert record.acting.actor == CHECKER.actor
    after = desk.cases[case.id]
    assert (after.state, t.kinds(after)) == (CaseState.SELF_CLOSED, {"archive"})
    assert desk.say(SOLVED, CHECKER, case.id).reason == "audited_already"


def test_what_is_not_solved_is_opened_again_with_a_limit_and_work_of_its_own() -> None:
    desk, case = settled()
    decision = desk.say(UNSOLVED, CHECKER, case.id)
    assert t.actions(decision) == ["feedback.audit_self_close", "feedback.reopen"]
    assert {record.reason for record in decision.audit} == {"audit_failed"}
    assert decision.audit[0].evidence == UNSOLVED.evidence
    assert "case_reopened" in t.notices(decision)
    after = desk.cases[case.id]
    assert after.is_open
    assert (after.reopened, after.evidence) == (1, 1)
    assert "case_due" in t.kinds(after)


def test_settled_again_it_is_audited_again() -> None:
    desk, case = settled()
    desk.say(UNSOLVED, CHECKER, case.id)
    assert desk.say(SETTLED, t.MEMBER, case.id).fate is Fate.APPLIED
    assert desk.say(SOLVED, CHECKER, case.id).fate is Fate.APPLIED


@pytest.mark.parametrize(
    ("acting", "reason"),
    [
        pytest.param(CHECKER, "ok", id="a checker"),
        pytest.param(t.SUPERVISOR, "ok", id="the duty supervisor"),
        pytest.param(world.acting(Role.COUNTY_SUPERVISOR, t.COUNTY), "ok", id="the county"),
        pytest.param(world.acting(Role.CHECKER, world.TOWNSHIPS[1]), "outside_scope", id="another"),
        pytest.param(t.MEMBER, "role_may_not", id="who settled it"),
        pytest.param(t.VILLAGER, "role_may_not", id="a villager: who reopens instead"),
    ],
)
def test_who_may_audit(acting: Acting, reason: str) -> None:
    desk, case = settled()
    assert desk.say(SOLVED, acting, case.id).reason == reason


def test_nobody_audits_what_they_settled_in_another_role() -> None:
    policy = changed(
        {"roles": {"roles": {"grid_member": {"may": {"own_grid": ["feedback.audit_self_close"]}}}}}
    )
    desk, case = settled()
    desk.policy = policy
    assert desk.say(SOLVED, t.MEMBER, case.id).reason == "same_person"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        pytest.param(SelfCloseAudited(solved=False), "reason_missing", id="unsolved, and why?"),
        pytest.param(UNSOLVED, "reopened_too_often", id="above the cap"),
        pytest.param(SOLVED, "ok", id="solved needs no words"),
    ],
)
def test_what_an_audit_must_say(said: SelfCloseAudited, reason: str) -> None:
    desk, case = settled(changed({"deadlines": {"reopenings": 0}}))
    assert desk.say(said, CHECKER, case.id).reason == reason


@pytest.mark.parametrize("state", [CaseState.CLOSED, CaseState.HANDLING, CaseState.ARCHIVED])
def test_only_what_was_settled_on_the_spot_is_audited(state: CaseState) -> None:
    case = t.case_at(state, t.RUBBISH)
    assert t.desk_with(case, follows=False).say(SOLVED, CHECKER, case.id).fate is not Fate.APPLIED
