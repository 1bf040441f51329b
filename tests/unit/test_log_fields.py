"""What a log line is about: fields beside the message, tame, and nothing of marked cases."""

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from events.codec import type_name
from events.contract.assignment import AssignmentAccepted
from events.contract.envelope import Acting, Event, Payload
from events.contract.reports import ReportFiled, ReportSource
from flows.batch import Batch, Coordinate, RawRecord, Result
from flows.decide.decision import Firing
from flows.lines import Lines
from flows.telling import tell
from flows.workspace import Workspace
from models.case import Case
from models.clocks import Clock
from models.directory import Directory
from models.setting import Setting, Shelf
from models.values import CaseId, Fate, Mark, Step
from partygrid.logs import RESTRICTED, about, start_logging
from partygrid.settings import Settings
from tests.unit.packs import default_pack

NOW = datetime(2026, 3, 10, tzinfo=UTC)
PLAIN, MARKED, UNKNOWN = (f"0000000{n}-0000-5000-8000-000000000000" for n in (1, 2, 3))
ACCEPTED = AssignmentAccepted()
SETTING = Setting(
    shelf=Shelf(default_pack()), partitions=2, own_key=b"o" * 32, text_key=b"t" * 32, engine="e-1"
)


@pytest.fixture(autouse=True)
def loggers_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def started(form: str = "json", level: str = "INFO", **always: str) -> io.StringIO:
    """Begin to log, and return where it is written."""
    written = io.StringIO()
    settings = Settings.model_validate({"log_format": form, "log_level": level})
    start_logging(settings, "engine-1", to=written, always=always)
    return written


def test_for_programs_what_a_line_is_about_stands_beside_its_message() -> None:
    written = started(engine="engine-1")
    logging.getLogger("flows.x").info(
        "done", extra=about(shard=3, event="e-1", case="", reason=None)
    )
    told = json.loads(written.getvalue())
    assert (told["message"], told["shard"], told["event"]) == ("done", 3, "e-1")
    assert told["engine"] == "engine-1"
    assert not {"case", "reason"} & told.keys()


def test_for_people_it_stands_behind_the_message() -> None:
    written = started("text")
    logging.getLogger("flows.x").info("done", extra=about(shard=3, event="e-1"))
    assert written.getvalue().endswith("INFO    engine-1 flows.x: done shard=3 event=e-1\n")


@pytest.mark.parametrize("name", ["kafka.conn", "websockets.client", "httpx", "sqlalchemy", "new"])
def test_a_library_says_nothing_even_where_all_is_asked_for(name: str) -> None:
    """What it tells at work may hold passwords."""
    written = started(level="DEBUG")
    logging.getLogger(name).info("connected as user:password")
    logging.getLogger("flows.x").debug("all")
    assert "password" not in written.getvalue()
    assert "all" in written.getvalue()


@pytest.mark.parametrize("form", ["text", "json"])
def test_an_id_from_outside_makes_no_line_of_its_own(form: str) -> None:
    written = started(form)
    hostile = "e\n2026-01-01 ERROR forged\x1b[31m\u2028" + "x" * 1000
    logging.getLogger("flows.x").info("done", extra=about(event=hostile))
    assert len(written.getvalue().splitlines()) == 1
    assert "\x1b" not in written.getvalue()
    assert len(written.getvalue()) < 400


def event(data: Payload, subject: str = "") -> Event:
    return Event(
        id="e-1",
        source="app/one",
        type=type_name(data),
        time=NOW,
        township="990202101",
        subject=subject,
        acting=Acting(actor="p-1", role="grid_member", org="990202101201001"),
        data=data,
    )


def lines(topic: str = "grid.reports") -> Lines:
    """A batch from this topic that knows a plain and a marked case, and one nobody opened yet."""
    work = Workspace(Directory())
    work.cases = {
        PLAIN: Case(id=CaseId(PLAIN), version=1, number="990202101201001-1"),
        MARKED: Case(id=CaseId(MARKED), version=1, number="secret-number", mark=Mark.BYPASS),
        UNKNOWN: Case(id=CaseId(UNKNOWN)),
    }
    at = Coordinate(topic=topic, topic_id="t", partition=0, offset=0)
    raw = RawRecord(at=at, key=None, headers=[], value=b"", now=NOW)
    return Lines(SETTING, work, Batch(shard=0, step=Step.INTAKE, records=(raw,), recorded_at=NOW))


def filed(category: str, *, minor: bool = False) -> ReportFiled:
    return ReportFiled(
        grid="990202101201001",
        category=category,
        source=ReportSource.GRID_MEMBER,
        title="路灯",
        concerns_minor=minor,
    )


@pytest.mark.parametrize(
    ("topic", "given", "subject", "told"),
    [
        ("grid.assignment", event(ACCEPTED, PLAIN), PLAIN, ("e-1", PLAIN)),
        ("grid.assignment", event(ACCEPTED, UNKNOWN), UNKNOWN, ("e-1", "")),
        ("grid.assignment", event(ACCEPTED, MARKED), MARKED, (RESTRICTED, RESTRICTED)),
        ("restricted.grid.assignment", event(ACCEPTED), "", (RESTRICTED, RESTRICTED)),
        ("grid.reports", event(filed("06-02")), UNKNOWN, ("e-1", "")),
        ("grid.reports", event(filed("11-04")), UNKNOWN, (RESTRICTED, RESTRICTED)),
        (
            "grid.reports",
            event(filed("06-02", minor=True)),
            UNKNOWN,
            (RESTRICTED, RESTRICTED),
        ),
    ],
    ids=["plain", "not-known-yet", "marked", "twin-topic", "report", "bypass", "minor"],
)
def test_ids_of_what_is_marked_are_not_told(
    topic: str, given: Event, subject: str, told: tuple[str, str]
) -> None:
    shown = lines(topic)
    shown.of_event(given, subject, Fate.REFUSED, "no")
    (line,) = shown.shown
    assert (line.event_id, line.case_id) == told
    assert "secret-number" not in str(line)
    fields = about(shard=0, event=told[0], case=told[1])
    assert shown.about(given, subject) == fields


def test_a_marked_cases_timer_is_not_told() -> None:
    shown = lines()
    firing = Firing(
        subject=MARKED, township="990202101", clock=Clock(key="check", generation=1, due_at=NOW)
    )
    shown.of_firing(firing, Fate.APPLIED, "ok")
    assert MARKED not in str(shown.shown)
    assert MARKED not in str(shown.about(firing, MARKED))
    plain = Firing(
        subject=PLAIN, township="990202101", clock=Clock(key="check", generation=1, due_at=NOW)
    )
    assert shown.about(plain, PLAIN) == about(shard=0, case=PLAIN)


def test_a_letter_shows_no_words_in_the_place_of_a_type() -> None:
    shown = lines()
    shown.of_letter("张三家的孩子", "unknown_type")
    shown.of_letter("grid.report.filed.v1", "out_of_scope")
    assert [line.event for line in shown.shown] == ["", "grid.report.filed.v1"]


def test_each_input_is_told_only_where_all_is_asked_for() -> None:
    shown = lines()
    shown.of_event(event(ACCEPTED, PLAIN), PLAIN, Fate.APPLIED, "ok")
    shown.of_letter("", "malformed")
    shown.of_letter("", "malformed")
    result = Result(lines=tuple(shown.shown), follow_ups=0, dead_letters=2)
    written = started()
    tell(1, result)
    (told,) = map(json.loads, written.getvalue().splitlines())
    assert (told["message"], told["shard"]) == ("put aside as dead letters: 2 malformed", 1)
    written = started(level="DEBUG")
    tell(1, result)
    first, *rest = map(json.loads, written.getvalue().splitlines())
    assert (first["event"], first["case"], first["reason"]) == ("e-1", PLAIN, "ok")
    assert len(rest) == 3
