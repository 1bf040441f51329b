"""Rows of a log, one by one: what they mean, what is wrong with them, and whose name they bear."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from msgspec.structs import replace

from events.codec import data_of
from events.contract.directory import AppKeySet, PersonSet, RoleSet
from models.policy.load import default_pack_folder, load_policy
from models.policy.schema import Policy
from partygrid.case_log import mapping as mappings
from partygrid.case_log.importing import CaseLog, LogEmpty
from partygrid.case_log.mapping import Names, read_mapping
from partygrid.case_log.rows import LogUnreadable
from tests.unit.case_logs import FILE, line, lines, mapping, small, told, write_csv, write_xes
from tests.unit.directory_folds import fold

AT = datetime(2026, 3, 1, tzinfo=UTC)


@cache
def policy() -> Policy:
    return load_policy(default_pack_folder())


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
