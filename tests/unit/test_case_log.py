"""Imported logs: every row becomes history once, or is told; who did what stays findable."""

import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

import flows.decide.intake_history  # noqa: F401  (its handler enters itself)
from events.admission import Admitted, Gate, admit
from events.codec import attributes_of, data_of, decode, encode
from events.contract.directory import OrgSet, RoleSet
from events.contract.envelope import Event
from events.contract.reports import ReportFiled, ReportSource
from events.outgoing_event import Outgoing
from events.signing import sign_event
from flows.decide.decision import Decision, Facts
from flows.decide.route import decide
from models.case import Case
from models.keys import SigningKey
from models.policy.load import default_pack_folder, load_policy
from models.policy.schema import Policy
from models.values import CaseState, Fate, history_case_id
from partygrid.case_log.importing import CaseLog
from tests.unit.case_logs import (
    CASES,
    GROUPS,
    HANDLERS,
    ROWS,
    line,
    lines,
    mapping,
    small,
    told,
    write_csv,
)
from tests.unit.directory_folds import Folded, fold, office_of

AT = datetime(2026, 3, 1, tzinfo=UTC)
REPORT = ReportFiled(grid="990301101201001", source=ReportSource.PATROL, title="t")


@cache
def policy() -> Policy:
    return load_policy(default_pack_folder())


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> CaseLog:
    """The real log where its path is told, otherwise one of the same shape."""
    told = os.environ.get("PARTYGRID_CASE_LOG")
    path = Path(told) if told else write_csv(tmp_path_factory.mktemp("log") / "log.csv", lines())
    return CaseLog(path, mapping())


@pytest.fixture(scope="module")
def history(log: CaseLog) -> list[Outgoing]:
    return list(log.history_events())


@pytest.fixture(scope="module")
def entered(log: CaseLog) -> Folded:
    return fold(log.directory_events(at=AT), policy())


# --- the whole log -------------------------------------------------------------------------------


def test_every_row_is_accounted_for(log: CaseLog, history: list[Outgoing]) -> None:
    survey = log.survey
    assert (survey.rows, len(survey.cases), len(survey.handlers), len(survey.groups)) == (
        ROWS,
        CASES,
        HANDLERS,
        GROUPS,
    )
    assert survey.rows == survey.imported + survey.left_out + survey.faulty
    assert survey.faults == []
    assert len({event.id for event in history}) == len(history) == survey.imported


def test_each_case_has_one_last_row_and_nothing_happens_after_it(history: list[Outgoing]) -> None:
    last = {told(e).case_ref: e.time for e in history if told(e).last}
    assert sum(told(event).last for event in history) == len(last) == CASES
    assert all(event.time <= last[told(event).case_ref] for event in history)


def test_the_directory_takes_its_county_without_a_word(log: CaseLog, entered: Folded) -> None:
    assert entered.refused == []
    assert {warning for _, warning in entered.warnings} == set()
    events = log.directory_events(at=AT)
    kinds = Counter(e.data.kind for e in events if isinstance(e.data, OrgSet))
    assert kinds == {"county": 1, "township": 1, "village": 1, "grid": 1, "department": GROUPS}
    acting = {e.data.person for e in events if isinstance(e.data, RoleSet)} - {log.importer}
    assert len(acting) == HANDLERS
    # A code that is nobody's.
    assert all(e.data.code.startswith("99") for e in events if isinstance(e.data, OrgSet))


def test_the_real_decision_takes_every_row(history: list[Outgoing], entered: Folded) -> None:
    cases: dict[str, Case] = {}
    who: set[tuple[str, str]] = set()
    for event in history:
        made = decided(event, entered, cases)
        assert (made.fate, made.reason) == (Fate.APPLIED, "ok")
        (audit,) = made.audit
        who.add((audit.acting.actor, audit.acting.org))
        assert audit.detail["done_by"] == event.acting.actor
    assert len(cases) == CASES
    assert {case.state for case in cases.values()} == {CaseState.HISTORY}
    assert sum(case.history_rows for case in cases.values()) == ROWS
    assert all(case.closed_at is not None for case in cases.values())
    assert len({person for person, _ in who}) == HANDLERS
    assert len({group for _, group in who}) == GROUPS


def decided(event: Outgoing, entered: Folded, cases: dict[str, Case]) -> Decision:
    case_id = history_case_id(event.source, told(event).case_ref)
    facts = Facts(directory=entered.directory, office=office_of_policy())
    case = cases.get(case_id, Case(id=case_id))
    made = decide(case, facts, event.event("door"), policy(), AT)
    if made.case is not None:
        cases[case_id] = made.case
    return made


@cache
def office_of_policy() -> Any:
    return office_of(policy())


def test_a_role_lasts_from_the_first_to_the_last_appearance(
    log: CaseLog, history: list[Outgoing]
) -> None:
    roles = {
        (e.data.person, e.data.org): e.data
        for e in log.directory_events(at=AT)
        if isinstance(e.data, RoleSet)
    }
    for event in history:
        role = roles[event.acting.actor, event.acting.org]
        assert role.valid_to is not None
        assert role.valid_from <= event.time < role.valid_to


# --- who may record ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, "ok"),
        ({"recorded_by": "mpr-Resource00"}, "role_may_not"),
        ({"recorded_by": "somebody"}, "role_may_not"),
        ({"recorded_by": ""}, "role_may_not"),
        ({"actor": "somebody"}, "role_not_held"),
        ({"org": "mpr-Group-9"}, "role_not_held"),
        ({"role": "operator"}, "role_not_held"),
    ],
    ids=[
        "as it is",
        "recorded by a handler",
        "recorded by nobody known",
        "recorded by oneself",
        "done by nobody known",
        "done elsewhere",
        "done in another role",
    ],
)
def test_the_importer_needs_the_right_and_the_handler_the_role_of_then(
    tmp_path: Path, change: dict[str, str], reason: str
) -> None:
    log = small(tmp_path, line(0, 0), line(0, 1))
    entered = fold(log.directory_events(at=AT), policy())
    event = next(log.history_events())
    event = replace(event, acting=replace(event.acting, **change))
    assert decided(event, entered, {}).reason == reason


def test_a_handler_is_not_known_before_the_first_appearance(tmp_path: Path) -> None:
    log = small(tmp_path, line(0, 0))
    entered = fold(log.directory_events(at=AT), policy())
    (event,) = log.history_events()
    early = replace(event, time=event.time - timedelta(seconds=1))
    assert decided(early, entered, {}).reason == "role_not_held"


@pytest.mark.parametrize(
    ("change", "passes"),
    [
        ({}, True),
        ({"source": "import/another"}, False),
        ({"data": REPORT}, False),
        ({"township": "990101101"}, False),
    ],
    ids=["its rows", "another log's", "anything else", "another county's"],
)
def test_the_imports_key_sends_the_logs_rows_and_nothing_else(
    tmp_path: Path, change: dict[str, Any], passes: bool
) -> None:
    key = SigningKey.generate()
    log = small(tmp_path, line(0, 0))
    directory = fold(log.directory_events(at=AT, key=key.public), policy()).directory
    sent = replace(next(log.history_events()), **change).event(key.key_id)
    assert isinstance(gated(sent, key, directory), Admitted) is passes


def gated(sent: Event, key: SigningKey, directory: Any) -> object:
    signature = sign_event(key, attributes_of(sent), data_of(sent.data))
    encoded = encode(sent, signature=signature)
    gate = Gate(directory=directory, policy=policy(), own_key=b"own")
    read = decode(encoded.value, encoded.headers)
    return admit(gate, read, "grid.reports", len(encoded.value), AT)


def test_history_of_a_case_is_found_by_the_logs_own_name(history: list[Outgoing]) -> None:
    ids = {history_case_id(event.source, told(event).case_ref) for event in history}
    assert len(ids) == CASES
    assert {event.source for event in history} == {"import/municipal-permit-receipts"}
