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
from events.contract.directory import AppKeySet, OrgSet, PersonSet, RoleSet
from events.contract.envelope import Event
from events.contract.reports import HistoryRecorded, ReportFiled, ReportSource
from events.outgoing_event import Outgoing
from events.signing import sign_event
from flows.decide.decision import Decision, Facts
from flows.decide.route import decide
from models.case import Case
from models.keys import SigningKey
from models.policy.load import default_pack_folder, load_policy
from models.policy.schema import Policy
from models.values import CaseId, CaseState, Fate, history_case_id
from partygrid.case_log import mapping as mappings
from partygrid.case_log.importing import CaseLog, LogEmpty
from partygrid.case_log.mapping import LogMapping, Names, read_mapping
from partygrid.case_log.rows import LogUnreadable
from tests.unit.case_logs import (
    CASES,
    GROUPS,
    HANDLERS,
    ROWS,
    Line,
    line,
    lines,
    write_csv,
    write_xes,
)
from tests.unit.directory_folds import Folded, fold, office_of

AT = datetime(2026, 3, 1, tzinfo=UTC)
FILE = Path(mappings.__file__).parent / "mappings" / "municipal_permit_receipts.yaml"


REPORT = ReportFiled(grid="990301101201001", source=ReportSource.PATROL, title="t")


@cache
def policy() -> Policy:
    return load_policy(default_pack_folder())


@cache
def mapping() -> LogMapping:
    return read_mapping(FILE)


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


def small(folder: Path, *rows: Line, **changes: Any) -> CaseLog:
    return CaseLog(write_csv(folder / "log.csv", rows), replace(mapping(), **changes))


def told(event: Outgoing) -> HistoryRecorded:
    assert isinstance(event.data, HistoryRecorded)
    return event.data


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


# --- rows ----------------------------------------------------------------------------------------


def test_the_same_log_gives_the_same_events_and_another_order_the_same_ids(tmp_path: Path) -> None:
    rows = [*lines(cases=20, rows=110)]
    first = list(small(tmp_path, *rows).history_events())
    assert list(small(tmp_path, *rows).history_events()) == first
    turned = list(small(tmp_path, *rows[::-1]).history_events())
    assert {event.id for event in turned} == {event.id for event in first}


def test_a_log_without_row_ids_goes_by_row_numbers(tmp_path: Path) -> None:
    columns = replace(mapping().columns, instance="")
    log = small(tmp_path, line(0, 0), line(0, 0), columns=columns)
    assert [told(event).instance for event in log.history_events()] == ["row-2", "row-3"]
    assert len({event.id for event in log.history_events()}) == 2


def test_csv_and_xes_say_the_same(tmp_path: Path) -> None:
    rows = [*lines(cases=30, rows=170)]
    from_csv = list(small(tmp_path, *rows).history_events())
    from_xes = list(CaseLog(write_xes(tmp_path / "log.xes", rows), mapping()).history_events())
    assert from_xes == from_csv


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2011-10-11 13:45:40.276000+02:00", "2011-10-11T11:45:40.276000+00:00"),
        ("2011-11-24T15:36:51+01:00", "2011-11-24T14:36:51+00:00"),
        ("2011-10-11T11:45:40Z", "2011-10-11T11:45:40+00:00"),
        ("2011-07-01 12:00:00", "2011-07-01T10:00:00+00:00"),
        ("2011-12-01 12:00:00", "2011-12-01T11:00:00+00:00"),
    ],
    ids=["summer offset", "winter offset", "UTC", "local summer", "local winter"],
)
def test_times_are_instants_whatever_their_offset(tmp_path: Path, text: str, meant: str) -> None:
    (event,) = small(tmp_path, line(0, 0, time__timestamp=text)).history_events()
    assert event.time.isoformat() == meant


def test_times_in_a_shape_of_their_own_are_read_as_the_mapping_says(tmp_path: Path) -> None:
    row = {**line(0, 0), "time:timestamp": "01.07.2011 12:00", "case:startdate": ""}
    row |= {"case:enddate_planned": "", "case:enddate": "02.07.2011 12:00"}
    (event,) = small(tmp_path, row, time_format="%d.%m.%Y %H:%M").history_events()
    assert event.time == datetime(2011, 7, 1, 10, tzinfo=UTC)
    assert told(event).ended_at == datetime(2011, 7, 2, 10, tzinfo=UTC)


def test_of_rows_at_one_instant_the_later_in_the_log_is_the_last(tmp_path: Path) -> None:
    same = "2011-10-11 13:45:40+02:00"
    rows = [line(0, at, time__timestamp=same) for at in range(3)]
    log = small(tmp_path, *rows, line(1, 0))
    assert [told(event).last for event in log.history_events()] == [False, False, True, True]


def test_rows_of_cases_may_be_mixed_and_out_of_order(tmp_path: Path) -> None:
    log = small(tmp_path, line(0, 2), line(1, 0), line(0, 0), line(1, 1), line(0, 1))
    assert [told(event).last for event in log.history_events()] == [True, False, False, True, False]


BAD = {
    "no case": ({"case__concept__name": ""}, "case:concept:name"),
    "no activity": ({"concept__name": " "}, "concept:name"),
    "no time": ({"time__timestamp": ""}, "time:timestamp"),
    "no such time": ({"time__timestamp": "2011-02-30 10:00"}, "time:timestamp"),
    "an end that is no time": ({"case__enddate": "soon"}, "case:enddate"),
    "a time before all times": ({"time__timestamp": "0001-01-01 00:00+02:00"}, "time:timestamp"),
    "nobody": ({"org__resource": ""}, "org:resource"),
    "no group": ({"org__group": ""}, "org:group"),
    "too long": ({"concept__name": "x" * 121}, "concept:name"),
    "an id seen before": ({"concept__instance": "task-0-0"}, "concept:instance"),
}


@pytest.mark.parametrize(("changes", "column"), BAD.values(), ids=BAD.keys())
def test_a_row_that_cannot_be_mapped_is_told_and_counted(
    tmp_path: Path, changes: dict[str, str], column: str
) -> None:
    log = small(tmp_path, line(0, 0), line(0, 1, **changes), line(0, 2))
    assert [(fault.row, fault.column) for fault in log.survey.faults] == [(3, column)]
    assert all(fault.zh and fault.en for fault in log.survey.faults)
    assert (log.survey.rows, log.survey.imported, log.survey.faulty) == (3, 2, 1)
    assert [told(event).instance for event in log.history_events()] == ["task-0-0", "task-0-2"]
    assert [told(event).last for event in log.history_events()] == [False, True]


def test_a_row_with_more_cells_than_the_head_is_told(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "log.csv", [line(0, 0), line(0, 1)])
    path.write_text(path.read_text().rstrip() + ",more\n")
    log = CaseLog(path, mapping())
    assert [(fault.row, log.survey.imported) for fault in log.survey.faults] == [(3, 1)]


def test_what_the_mapping_puts_where_a_row_is_silent(tmp_path: Path) -> None:
    left = mappings.Left(person="unnamed", group="none")
    log = small(tmp_path, line(0, 0, org__resource="", org__group=""), missing=left)
    (event,) = log.history_events()
    assert (event.acting.actor, event.acting.org) == ("mpr-unnamed", "mpr-none")
    assert fold(log.directory_events(at=AT), policy()).refused == []


def test_transitions_the_mapping_does_not_want_are_counted_as_left_out(tmp_path: Path) -> None:
    begun = line(0, 1, lifecycle__transition="start")
    log = small(tmp_path, line(0, 0), begun, line(0, 1), transitions=("complete",))
    assert (log.survey.left_out, log.survey.imported) == (1, 2)
    assert len(list(log.history_events())) == 2
    # Without that, both rows of the instance are rows of their own.
    assert small(tmp_path, line(0, 0), begun, line(0, 1)).survey.imported == 3


# --- names ---------------------------------------------------------------------------------------


def test_real_names_go_to_the_vault_and_into_no_event(tmp_path: Path) -> None:
    rows = [line(0, at, org__resource=f"真名{at}", case__responsible="负责人") for at in range(3)]
    log = small(tmp_path, *rows, names=Names.REAL)
    events = [*log.directory_events(at=AT), *log.history_events()]
    assert {i.name for i in log.identities} == {"真名0", "真名1", "真名2", "负责人"}
    sent = "".join(f"{e.acting} {data_of(e.data).decode()}" for e in events)
    assert not any(identity.name in sent for identity in log.identities)
    persons = {e.data.identity_ref for e in events if isinstance(e.data, PersonSet)} - {""}
    assert persons == {identity.ref for identity in log.identities}
    assert fold(log.directory_events(at=AT), policy()).refused == []


def test_pseudonyms_stay_readable_and_different_names_have_different_ids() -> None:
    names = ["Group 1", "Group-1", "Group  1", "Group1", "TEST", "test", "组一", "a/b", "x" * 90]
    ids = [mapping().group_id(name) for name in names]
    assert ids[0] == "mpr-Group-1"
    assert len(set(ids)) == len(names)
    assert all(len(one) <= 64 for one in ids)


def test_the_importer_may_be_a_person_the_directory_has(tmp_path: Path) -> None:
    log = CaseLog(write_csv(tmp_path / "log.csv", [line(0, 0)]), mapping(), importer="p-7")
    events = log.directory_events(at=AT)
    assert "p-7" not in {e.data.person for e in events if isinstance(e.data, PersonSet | RoleSet)}
    assert next(log.history_events()).acting.recorded_by == "p-7"


def test_without_a_key_no_app_is_registered(tmp_path: Path) -> None:
    log = small(tmp_path, line(0, 0))
    assert not any(isinstance(e.data, AppKeySet) for e in log.directory_events(at=AT))


# --- files that are none ---------------------------------------------------------------------


def test_a_log_without_a_row_that_can_be_imported_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LogEmpty):
        small(tmp_path, line(0, 0, time__timestamp="never")).directory_events(at=AT)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("log.csv", b"a,b\n1,2\n", "no column case:concept:name"),
        ("log.csv", b"\xff\xfe\x00", "log.csv"),
        ("missing.csv", None, "missing.csv"),
        ("log.xes", b"<log><trace>", "log.xes"),
        ("log.xes", b"not xml", "log.xes"),
        ("log.xes.gz", b"not gzip", "log.xes.gz"),
    ],
)
def test_a_file_that_cannot_be_read_says_so(
    tmp_path: Path, name: str, content: bytes | None, says: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(LogUnreadable, match=says):
        CaseLog(tmp_path / name, mapping()).survey  # noqa: B018  reading is what fails


def test_an_xes_file_that_declares_entities_is_not_read(tmp_path: Path) -> None:
    path = write_xes(tmp_path / "log.xes", [line(0, 0)])
    body = path.read_text().replace("<log", '<!DOCTYPE log [<!ENTITY x "yes">]>\n<log', 1)
    path.write_text(body.replace('value="Receipt"', 'value="&x;"'))
    with pytest.raises(LogUnreadable, match="document type"):
        CaseLog(path, mapping()).survey  # noqa: B018  reading is what fails


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("log: municipal-permit-receipts", "log: ''"), "log"),
        (("prefix: mpr", "prefx: mpr"), "prefx"),
        (("time_zone: Europe/Amsterdam", "time_zone: Europe/Nowhere"), "Europe/Nowhere"),
        (("names: pseudonyms", "names: maybe"), "maybe"),
        (('code: "990301101201"', 'code: "990302101201"'), "does not begin with"),
        (("role: department_handler", "role: king"), "king"),
        (("  group: org:group\n", ""), "group"),
        (("columns:", "columns: ["), "yaml"),
    ],
)
def test_a_mapping_that_cannot_be_used_says_where(
    tmp_path: Path, change: tuple[str, str], says: str
) -> None:
    path = tmp_path / "mapping.yaml"
    text = FILE.read_text(encoding="utf-8")
    assert change[0] in text
    path.write_text(text.replace(*change, 1), encoding="utf-8")
    with pytest.raises(mappings.MappingInvalid, match=says):
        read_mapping(path)


def test_history_of_a_case_is_found_by_the_logs_own_name(history: list[Outgoing]) -> None:
    ids = {history_case_id(event.source, told(event).case_ref) for event in history}
    assert len(ids) == CASES
    assert CaseId(history[0].source) == "import/municipal-permit-receipts"
