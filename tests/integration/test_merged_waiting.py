"""What waits for a case that becomes part of another: answered once, with the case to act on."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import json
from msgspec.structs import replace

from events.contract.assignment import ProgressReported
from events.contract.envelope import Event, Payload
from events.contract.reports import (
    ReportFiled,
    ReportMerged,
    ReportSource,
    ReportSupplemented,
)
from events.topics import app_topic
from models.policy.people import Role
from models.values import CaseState, Mark, case_id_of
from partygrid.operations.rebuilding import rebuild_into
from tests.one_shard import OneShard
from tests.rig import SOURCE
from tests.world import GRID, NOW, TOWNSHIP, acting

MINUTE = timedelta(minutes=1)
MEMBER = acting(Role.GRID_MEMBER, GRID)
SUPERVISOR = acting(Role.DUTY_SUPERVISOR, TOWNSHIP)


def report(shard: OneShard, *names: str, mark: Mark = Mark.NONE) -> None:
    for name in names:
        data = ReportFiled(
            grid=GRID, category="", source=ReportSource.GRID_MEMBER, title="t", mark=mark
        )
        shard.say(NOW, shard.event(data, MEMBER, event_id=name))


def act(shard: OneShard, name: str, data: Payload, *, ahead: int = -1) -> Event:
    """An act on a case, which may name a version that is still to come."""
    subject = case_id_of(SOURCE, name)
    event = shard.event(data, SUPERVISOR, subject=subject)
    version = shard.case(subject).version + ahead if ahead >= 0 else -1
    return replace(event, case_version=version)


def merge(shard: OneShard, name: str, into: str) -> Event:
    return act(shard, name, ReportMerged(into=case_id_of(SOURCE, into), reason="同一件事"))


def supplement(shard: OneShard, name: str, *, ahead: int = -1) -> Event:
    return act(shard, name, ReportSupplemented(description="又看了一次"), ahead=ahead)


def answers(shard: OneShard, event: Event) -> list[dict[str, Any]]:
    """Every answer that went to the app's topic, in order."""
    rows = shard.rows(
        "SELECT value FROM outbox WHERE topic = %s ORDER BY id", app_topic(event.source)
    )
    told = [json.decode(row[0]) for row in rows]
    return [one for one in told if one["event_id"] == event.id]


def traces(shard: OneShard, event: Event) -> dict[str, list[Any]]:
    """Where an event can be seen in the database."""
    asked = {
        "records": "SELECT fate, reason FROM records WHERE event_id = %s",
        "outcomes": "SELECT fate, reason, case_id::text, case_number FROM outcomes"
        " WHERE event_id = %s",
        "audit": "SELECT act::json->>'reason' FROM audit WHERE act::json->>'event_id' = %s",
        "parked": "SELECT reason FROM parked WHERE event_id = %s",
        "letters": "SELECT reason FROM dead_letters WHERE event_id = %s",
    }
    return {name: shard.rows(query, event.id) for name, query in asked.items()}


def assert_answered_once(shard: OneShard, event: Event, main: str) -> None:
    case = shard.case(case_id_of(SOURCE, main))
    assert traces(shard, event) == {
        "records": [("refused", "case_merged")],
        "outcomes": [("refused", "case_merged", case.id, case.number)],
        "audit": [("case_merged",)],
        "parked": [],
        "letters": [],
    }
    final = [one for one in answers(shard, event) if one["fate"] != "parked"]
    assert [(one["case_id"], one["case_number"]) for one in final] == [(case.id, case.number)]
    assert shard.rows("SELECT 1 FROM timers WHERE subject_kind = 'parked'") == []


@pytest.fixture
def two(shard: OneShard) -> OneShard:
    """Two reports of the same thing, which nobody has put into a category yet."""
    report(shard, "lamp", "same lamp")
    return shard


@pytest.mark.parametrize("way", ["version", "state"])
def test_what_waits_is_refused_with_the_case_to_act_on(two: OneShard, way: str) -> None:
    early = (
        supplement(two, "same lamp", ahead=3)
        if way == "version"
        else replace(
            act(two, "same lamp", ProgressReported(note="t")),
            acting=acting(Role.GRID_MEMBER, GRID),
        )
    )
    two.say(NOW, early)
    assert [fate for fate, _ in traces(two, early)["records"]] == ["parked"]
    two.say(NOW + MINUTE, merge(two, "same lamp", "lamp"))
    assert two.case(case_id_of(SOURCE, "same lamp")).state is CaseState.MERGED
    assert_answered_once(two, early, "lamp")
    two.until(NOW + timedelta(days=10))
    assert_answered_once(two, early, "lamp")


@pytest.mark.parametrize("ahead", [-1, 0, 5], ids=["no version", "the last", "a later one"])
def test_so_is_what_comes_later(two: OneShard, ahead: int) -> None:
    two.say(NOW, merge(two, "same lamp", "lamp"))
    late = supplement(two, "same lamp", ahead=ahead)
    two.say(NOW + MINUTE, late)
    assert_answered_once(two, late, "lamp")


def test_the_case_to_act_on_is_the_last_of_a_row(shard: OneShard) -> None:
    report(shard, "a", "b", "c")
    early = supplement(shard, "a", ahead=3)
    shard.say(NOW, early, merge(shard, "a", "b"))
    assert_answered_once(shard, early, "b")
    shard.say(NOW + MINUTE, merge(shard, "b", "c"))
    late = supplement(shard, "a")
    shard.say(NOW + 2 * MINUTE, late)
    assert_answered_once(shard, late, "c")
    assert_answered_once(shard, early, "b")


@pytest.mark.parametrize("at_once", [1, 500])
def test_it_does_not_matter_where_a_batch_ends(
    shard: OneShard, at_once: int, empty_database_url: str
) -> None:
    shard.at_once = at_once
    report(shard, "a", "b", "c")
    early, late = supplement(shard, "a", ahead=3), supplement(shard, "a")
    shard.say(NOW, early, merge(shard, "a", "b"), merge(shard, "b", "c"), late)
    assert_answered_once(shard, early, "b")
    assert_answered_once(shard, late, "c")
    entries, differences = rebuild_into(shard.settings, empty_database_url, datetime.now(UTC))
    assert (entries > 0, differences) == (True, [])


def test_of_marked_cases_the_answer_names_none(shard: OneShard) -> None:
    report(shard, "a", "b", mark=Mark.CONFIDENTIAL)
    early = supplement(shard, "a", ahead=3)
    shard.say(NOW, early)
    shard.say(NOW + MINUTE, merge(shard, "a", "b"))
    assert traces(shard, early)["outcomes"] == [("refused", "case_merged", None, "")]
    told = [(one.get("case_id"), one.get("case_number")) for one in answers(shard, early)]
    assert told == [(None, None), (None, None)]
