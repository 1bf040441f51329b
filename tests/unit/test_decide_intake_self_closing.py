"""Settled on the spot: what may be, how it is shown, and that some are looked at afterwards."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.contract.envelope import Acting
from events.contract.reports import OutcomeEvidence, ReportFiled, ReportSelfClosed
from flows.decide.intake_self_closing import drawn_for_audit
from models.clocks import ClockKind
from models.handling import AssignmentState
from models.values import CaseState, Fate
from tests.unit import taking_in as t
from tests.unit.packs import changed

HASH = ("a" * 64,)


def settled(shown_by: OutcomeEvidence = OutcomeEvidence.STATEMENT, **more: Any) -> ReportSelfClosed:
    return ReportSelfClosed(outcome="token", shown_by=shown_by, **more)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        pytest.param(settled(), "ok", id="a statement is enough"),
        pytest.param(settled(OutcomeEvidence.WITNESS, witness="p-m1"), "ok", id="a witness too"),
        pytest.param(settled(OutcomeEvidence.PHOTO, evidence=HASH), "ok", id="a photo"),
        pytest.param(settled(OutcomeEvidence.DOCUMENT, evidence=HASH), "ok", id="a document"),
        pytest.param(settled(OutcomeEvidence.PHOTO), "evidence_missing", id="which photo?"),
        pytest.param(settled(OutcomeEvidence.WITNESS), "witness_missing", id="which witness?"),
        pytest.param(
            settled(OutcomeEvidence.WITNESS, witness=t.MEMBER.actor),
            "witness_missing",
            id="nobody is one's own witness",
        ),
        pytest.param(
            ReportSelfClosed(outcome="", shown_by=OutcomeEvidence.STATEMENT),
            "outcome_missing",
            id="no outcome",
        ),
    ],
)
def test_how_an_outcome_is_shown(said: ReportSelfClosed, reason: str) -> None:
    desk = t.Desk()
    case = desk.file(t.report(t.RUBBISH))
    assert desk.say(said, t.MEMBER, case.id).reason == reason
    state = CaseState.SELF_CLOSED if reason == "ok" else case.state
    assert desk.cases[case.id].state is state


def test_policy_may_admit_fewer_ways_but_a_photo_is_never_the_only_one() -> None:
    policy = changed({"intake": {"self_close": {"evidence": ["document", "witness"]}}})
    desk = t.Desk(policy=policy)
    case = desk.file(t.report(t.RUBBISH))
    assert desk.say(settled(), t.MEMBER, case.id).reason == "evidence_not_admitted"


@pytest.mark.parametrize(
    ("data", "acting", "reason"),
    [
        pytest.param(t.report(t.RUBBISH), t.MEMBER, "ok", id="small matter, grid member"),
        pytest.param(t.report(t.RUBBISH), t.HANDLER, "ok", id="small matter, village director"),
        pytest.param(t.report(t.RUBBISH), t.DISPATCHER, "role_may_not", id="not the township"),
        pytest.param(t.report(t.SEWAGE), t.MEMBER, "not_self_closable", id="larger matter"),
        pytest.param(t.report("02-06"), t.MEMBER, "not_self_closable", id="enforcement"),
        pytest.param(t.report(""), t.MEMBER, "category_missing", id="not classified"),
        pytest.param(
            t.report(t.RUBBISH, emergency=True), t.MEMBER, "emergency_not_self_closed", id="danger"
        ),
    ],
)
def test_what_may_be_settled_on_the_spot(data: ReportFiled, acting: Acting, reason: str) -> None:
    desk = t.Desk()
    case = desk.file(data, t.HOTLINE)
    assert desk.say(settled(), acting, case.id).reason == reason


def test_settling_ends_the_work_and_every_clock_but_the_archive() -> None:
    desk = t.Desk()
    case = desk.file(t.report(t.RUBBISH, reporter_ref=t.REPORTER))
    assert case.state is CaseState.DISPATCHED
    desk.say(settled(evidence=HASH), t.MEMBER, case.id)
    after = desk.cases[case.id]
    assert (t.kinds(after), after.owner, after.closed_at) == ({"archive"}, None, t.NOW)
    assert after.assignment is not None
    assert (after.assignment.state, after.assignment.ended) == (
        AssignmentState.ENDED,
        "self_closed",
    )
    assert after.evidence == 1
    assert "case_self_closed" in t.notices(desk.last)
    assert after.deeds["report.self_close"] == (t.MEMBER.actor,)
    desk.ring(case.id, ClockKind.ARCHIVE)
    assert desk.cases[case.id].state is CaseState.ARCHIVED
    assert desk.now == t.NOW + desk.policy.deadlines.archive


@pytest.mark.parametrize(("share", "asked"), [(0.0, False), (1.0, True)])
def test_a_drawn_case_is_looked_at_by_a_checker(share: float, asked: bool) -> None:
    policy = changed({"intake": {"self_close": {"audit_share": share}}})
    desk = t.Desk(policy=policy)
    case = desk.file(t.report(t.RUBBISH))
    desk.say(settled(), t.MEMBER, case.id)
    assert ("check_requested" in t.notices(desk.last)) is asked
    assert desk.last.audit[-1].detail["audit"] is asked
    assert t.kinds(desk.cases[case.id]) == {"archive"}


def test_about_the_share_is_drawn_and_always_the_same_ones() -> None:
    ids = [f"case-{n}" for n in range(4000)]
    drawn = [one for one in ids if drawn_for_audit(one, 0.1)]
    assert drawn == [one for one in ids if drawn_for_audit(one, 0.1)]
    assert 300 < len(drawn) < 500


@given(st.uuids(), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_draws_the_same_and_more(case_id: object, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert drawn_for_audit(str(case_id), low) <= drawn_for_audit(str(case_id), high)


def test_settled_in_time_and_heard_late_counts_as_in_time() -> None:
    desk = t.Desk()
    case = desk.file(t.report(t.RUBBISH))
    desk.ring(case.id, ClockKind.CASE_DUE)
    assert desk.cases[case.id].breached_at == desk.now
    desk.now += timedelta(hours=2)
    desk.say(settled(), t.MEMBER, case.id, ago=timedelta(hours=3), sequence=4)
    after = desk.cases[case.id]
    assert (after.state, after.late_received) == (CaseState.SELF_CLOSED, True)
    assert after.breached_at is not None


def test_a_settled_case_is_not_settled_again() -> None:
    desk = t.Desk()
    case = desk.file(t.report(t.RUBBISH))
    desk.say(settled(), t.MEMBER, case.id)
    desk.now += timedelta(hours=1)
    assert desk.say(settled(), t.MEMBER, case.id).fate is not Fate.APPLIED
