"""One case through all steps on real servers: report to archive, with everyone who handled it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from events.contract.assignment import (
    AssignmentAccepted,
    AssignmentConfirmed,
    AssignmentHandled,
    HandlingChecked,
    ProgressReported,
)
from events.contract.envelope import Acting, Payload
from events.contract.feedback import VisitAnswered, VisitChannel, VisitResult
from events.contract.reports import (
    OutcomeEvidence,
    ReportFiled,
    ReportSource,
    ReportVerified,
    Verdict,
)
from models.audit_chain import AuditRecord
from models.policy.people import Role
from models.policy.work import Satisfaction
from models.values import CaseState, case_id_of
from models.verify import verify
from partygrid import bootstrap
from partygrid.embedded.postgres import Postgres
from partygrid.rebuild import compare, rebuild
from tests.rig import SOURCE, Rig
from tests.rigged import found_county, rigged, working
from tests.world import GRID, NOW, TOWNSHIP, acting, branch_of, person

CASE = case_id_of(SOURCE, "the-lamp")
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def played(postgres: Postgres, migrated: str, server_folder: Path) -> Iterator[Rig]:
    """The lamp that was out: reported, matched, mended, checked, asked about, closed, put away."""
    with rigged(postgres, migrated, server_folder) as rig, working(rig.engine):
        found_county(rig)
        _play(rig)
        yield rig


def _play(rig: Rig) -> None:
    now = NOW

    def happens(data: Payload, by: Acting, *, event_id: str = "") -> None:
        subject = "" if event_id else CASE
        rig.at(
            now,
            rig.event(data, by, township=TOWNSHIP, subject=subject, time=now, event_id=event_id),
        )

    report = ReportFiled(
        grid=GRID,
        category="06-02",
        source=ReportSource.VILLAGER,
        title="路灯坏了",
        reporter_ref="r1",
    )
    happens(report, acting(Role.GRID_MEMBER, GRID), event_id="the-lamp")
    for _ in range(3):
        if rig.case(CASE).state is CaseState.DISPATCHED and rig.case(CASE).assignment:
            break
        now += 5 * MINUTE
        _verify_if_asked(rig, now)
    now = _next_tick(now)
    rig.at(now)
    work = rig.case(CASE).assignment
    assert work is not None
    chosen = work.candidates[0].assignee
    now += MINUTE
    secretary = acting(Role.BRANCH_SECRETARY, branch_of(GRID))
    happens(AssignmentConfirmed(assignee=chosen), secretary)
    member = Acting(actor=chosen, role=str(Role.PARTY_MEMBER), org=branch_of(GRID))
    for data in (
        AssignmentAccepted(),
        ProgressReported(note="已买灯泡"),
        AssignmentHandled(opinion="已换好", shown_by=OutcomeEvidence.STATEMENT),
    ):
        now += 5 * MINUTE
        happens(data, member)
    now += 5 * MINUTE
    happens(HandlingChecked(passed=True), acting(Role.CHECKER, TOWNSHIP))
    now += 5 * MINUTE
    happens(
        VisitAnswered(
            channel=VisitChannel.CALL,
            result=VisitResult.ANSWERED,
            contacted=True,
            solved=True,
            satisfaction=Satisfaction.SATISFIED,
        ),
        acting(Role.VISITOR, TOWNSHIP),
    )
    while (due := rig.conductor.next_due()) is not None:
        rig.at(due)


def _verify_if_asked(rig: Rig, now: datetime) -> None:
    if rig.case(CASE).state is CaseState.VERIFYING:
        event = rig.event(
            ReportVerified(verdict=Verdict.EXISTS),
            acting(Role.GRID_MEMBER, GRID),
            township=TOWNSHIP,
            subject=CASE,
            time=now,
        )
        rig.at(now, event)


def _next_tick(now: datetime) -> datetime:
    """Return the next matching round: the next full ten minutes."""
    return now.replace(second=0, microsecond=0) + timedelta(minutes=10 - now.minute % 10)


def test_the_case_is_put_away(played: Rig) -> None:
    case = played.case(CASE)
    assert case.state is CaseState.ARCHIVED
    assert case.clocks == ()
    assert case.breached_at is None


def test_the_audit_lists_who_did_what_in_which_role(played: Rig) -> None:
    rows = played.rows(
        "SELECT act::json->>'action', act::json->>'actor', act::json->>'acting_role'"
        " FROM audit WHERE case_id = %s ORDER BY case_seq",
        CASE,
    )
    people = [row for row in rows if not row[1].startswith("system:")]
    work = played.case(CASE).assignment
    assert work is not None
    assert ("report.file", person(Role.GRID_MEMBER, GRID), "grid_member") in people
    assert (
        "assignment.confirm",
        person(Role.BRANCH_SECRETARY, branch_of(GRID)),
        "branch_secretary",
    ) in people
    assert ("assignment.accept", work.assignee, "party_member") in people
    checkers = {row[1] for row in people if row[0] == "assignment.check"}
    assert checkers == {person(Role.CHECKER, TOWNSHIP)}
    assert work.assignee not in checkers
    assert any(row[0] == "feedback.close" for row in rows)


def test_the_audit_verifies(played: Rig) -> None:
    rows = played.rows(
        "SELECT shard, seq, case_id, case_seq, algorithm, act, circumstance, prev_hash,"
        " case_prev_hash, hash FROM audit ORDER BY shard, seq"
    )
    report = verify([_record(row) for row in rows], keys={})
    wrong = [f for f in report.findings if f.kind not in ("unsealed", "unanchored")]
    assert len(rows) > 300
    assert not wrong


def _record(row: tuple[Any, ...]) -> AuditRecord:
    return AuditRecord(*row)


def test_every_record_ended_in_one_place(played: Rig) -> None:
    positions = played.rows(
        "SELECT sum((p.value->>1)::int - (p.value->>2)::int)"
        " FROM shards, jsonb_each(positions) AS p"
    )
    records = played.rows("SELECT count(*) FROM records")
    assert positions == records
    assert played.rows("SELECT DISTINCT fate FROM records") == [("applied",)]


def test_the_words_stand_apart_and_the_journal_holds_tokens(played: Rig) -> None:
    words = played.rows("SELECT words FROM free_texts WHERE subject = %s ORDER BY words", CASE)
    assert ("路灯坏了",) in words
    assert played.rows("SELECT count(*) FROM journal WHERE body LIKE '%%路灯坏了%%'") == [(0,)]
    assert played.rows("SELECT count(*) FROM audit WHERE act LIKE '%%路灯坏了%%'") == [(0,)]


def test_the_journal_makes_the_same_state_again(played: Rig, postgres: Postgres) -> None:
    postgres.create_database("journey_again")
    url = postgres.url("journey_again")
    now = datetime.now(UTC)
    bootstrap.prepare(url, played.settings, played.policy, now)
    one, other = bootstrap.connect(played.url), bootstrap.connect(url)
    try:
        entries = rebuild(one, other, played.setting, now)
        assert entries == played.rows("SELECT count(*) FROM journal")[0][0]
        assert compare(one, other) == []
        other.execute("UPDATE cases SET evidence = evidence + 1 WHERE id = %s", (CASE,))
        other.commit()
        assert {one.table for one in compare(one, other)} == {"cases"}
    finally:
        one.close()
        other.close()
