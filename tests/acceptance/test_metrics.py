"""What a running installation tells Prometheus, held against its rows, counted another way."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.engine import make_url

from partygrid import bootstrap
from tests.acceptance.at_work import Worked, put_to_work, wait_drained
from tests.acceptance.commands import Up, run, until, up
from tests.acceptance.filling import Connection, ask, looking

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

STEPS = {"grid.reports": "intake", "grid.assignment": "assignment", "grid.directory": "directory"}

Values = dict[tuple[str, tuple[str, ...]], float]


class Scene(NamedTuple):
    """An installation that has worked."""

    one: Up
    worked: Worked
    db: Connection


@pytest.fixture(scope="module")
def scene(server_folder: Path) -> Iterator[Scene]:
    home = server_folder / "watched"
    every_line = {"LOG_FORMAT": "json", "LOG_LEVEL": "DEBUG"}
    with up(home, "--no-prefect", seconds=90, **every_line) as one, looking(one) as db:
        worked = put_to_work(one, server_folder / "watched-files")
        wait_drained(db)
        yield Scene(one, worked, db)


def exposed(one: Up, process: str) -> str:
    (address,) = [child.metrics for child in one.installation.children if child.name == process]
    answer = httpx.get(address, timeout=30)
    assert answer.status_code == 200
    return answer.text


def scraped(one: Up, process: str) -> Values:
    """Every value a process tells, by name and the values of its labels, in these' order."""
    return values_of(exposed(one, process))


def values_of(text: str) -> Values:
    return {
        (sample.name, tuple(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def counted(db: Connection, query: str) -> dict[tuple[str, ...], float]:
    """Rows of a query: its last column counts, the others name."""
    return {tuple(map(str, row[:-1])): float(row[-1]) for row in db.execute(query.encode())}


def test_status_names_an_address_for_each_of_our_processes(scene: Scene) -> None:
    said = json.loads(run(scene.one.home, "status", "--json").stdout)
    told = {line["name"]: line["metrics"] for line in said["processes"]}
    ours = {name for name, address in told.items() if address}
    assert ours == {"engine-1", "office", "http"}
    assert len({told[name] for name in ours}) == 3
    for name in ours:
        assert told[name].startswith("http://127.0.0.1:")
        values = scraped(scene.one, name)
        assert values["partygrid_process_info", (name, "0.1.0")] == 1
        assert values["process_resident_memory_bytes", ()] > 1e7
        assert values["partygrid_log_lines_total", ("critical",)] == 0


#: Metric → the same asked of the rows in other words. Steps are told by their topics.
ASKED = {
    "partygrid_records": "SELECT fate, regexp_replace(topic, '^restricted[.]', ''), count(*)"
    " FROM records GROUP BY 1, 2",
    "partygrid_dead_letters_open": "SELECT reason, count(id) FROM dead_letters"
    " WHERE replayed_by = '' GROUP BY 1",
    "partygrid_parked_events": "SELECT count(*) FROM outcomes WHERE fate = 'parked'",
    "partygrid_timers": "SELECT count(*) FROM timers",
    "partygrid_timers_overdue": "SELECT count(*) FROM timers WHERE due_at < now()",
    "partygrid_outbox_rows": "SELECT count(*) - count(published_at) FROM outbox",
    "partygrid_seal_number": "SELECT count(*) FROM seals",
    "partygrid_notices_waiting": "SELECT count(*) - count(coalesce(settled_at, held_at))"
    " FROM notices",
    "partygrid_notice_sends": "SELECT state, count(*) FROM notice_sends GROUP BY 1",
    "partygrid_digests_overdue": "SELECT count(*) FROM digests WHERE sent_at IS NULL"
    " AND due_at < now()",
    "partygrid_shards": "SELECT count(*) FROM shards",
    "partygrid_unsealed_records": "SELECT count(*) FROM audit a WHERE NOT EXISTS (SELECT FROM"
    " seals s, jsonb_array_elements(s.seal::jsonb->'ranges') r WHERE (r->>'shard')::int = a.shard"
    " AND (r->>'to_seq')::bigint >= a.seq)",
}


@pytest.mark.parametrize("name", ASKED)
def test_the_office_tells_what_the_rows_say(name: str, scene: Scene) -> None:
    def agree() -> bool:
        told = scraped(scene.one, "office")
        found = {labels: value for (metric, labels), value in told.items() if metric == name}
        rows = {
            tuple(STEPS.get(word, word) for word in words): count
            for words, count in counted(scene.db, ASKED[name]).items()
        }
        return {labels: value for labels, value in found.items() if value} == {
            labels: count for labels, count in rows.items() if count
        } and bool(found)

    until(agree, seconds=30, what=f"{name} never agreed with the rows")


def test_the_work_was_not_empty(scene: Scene) -> None:
    """What was compared above is there to be compared."""
    told = scraped(scene.one, "office")
    assert told["partygrid_records", ("dead-lettered", "intake")] == 2
    assert told["partygrid_records", ("applied", "intake")] == 3
    assert told["partygrid_records", ("parked", "assignment")] == 1
    assert told["partygrid_dead_letters_open", ("malformed",)] == 2
    assert told["partygrid_parked_oldest_seconds", ()] > 0
    assert told["partygrid_database_reachable", ()] == 1
    assert told["partygrid_broker_reachable", ()] == 1
    assert told["partygrid_lag_records", ("intake", "grid.reports")] == 0
    share = told["partygrid_dead_letter_share", ()]
    assert share == pytest.approx(
        2 / counted(scene.db, "SELECT count(*) FROM records")[()], abs=1e-9
    )
    assert share > told["partygrid_dead_letter_alarm_share", ()]


def test_an_engine_tells_how_much_it_did_and_how_quick(scene: Scene) -> None:
    told = scraped(scene.one, "engine-1")
    records = counted(
        scene.db, "SELECT replace(topic, 'restricted.', ''), count(*) FROM records GROUP BY 1"
    )
    for (topic,), count in records.items():
        step = STEPS.get(topic, topic)
        assert told["partygrid_record_latency_seconds_count", (step,)] == count, topic
    fired = counted(scene.db, "SELECT count(*) FROM journal WHERE kind = 'firing'")[()]
    assert told["partygrid_timer_lateness_seconds_count", ()] >= fired
    inputs = sum(v for (name, _), v in told.items() if name == "partygrid_batch_inputs_sum")
    assert inputs == sum(records.values()) + told["partygrid_timer_lateness_seconds_count", ()]
    seconds = sum(v for (name, _), v in told.items() if name == "partygrid_batch_seconds_sum")
    assert seconds > 0
    latency = sum(
        v for (name, _), v in told.items() if name == "partygrid_record_latency_seconds_sum"
    )
    assert latency > 0
    assert told["partygrid_shards_owned", ()] == 2
    assert told["partygrid_timers_stalled_total", ()] == 0
    assert told["partygrid_topics_unreadable_seconds", ()] == 0


def test_the_door_counts_requests_by_their_declared_route(scene: Scene) -> None:
    before = scraped(scene.one, "http")
    url = scene.one.installation.http_url
    assert httpx.get(f"{url}/{scene.worked.plain}", timeout=30).status_code == 404
    assert httpx.request("张三".encode().hex(), f"{url}/events", timeout=30).status_code == 405
    after = scraped(scene.one, "http")
    assert after["partygrid_http_requests_total", ("POST", "/events", "202")] == 4
    new = {key: value - before.get(key, 0) for key, value in after.items()}
    assert new["partygrid_http_requests_total", ("GET", "?", "404")] == 1
    assert new["partygrid_http_requests_total", ("other", "/events", "405")] == 1
    assert new["partygrid_http_request_seconds_count", ("?",)] == 1


def test_verifying_the_audit_is_told(scene: Scene) -> None:
    assert scraped(scene.one, "office")["partygrid_audit_verified_timestamp_seconds", ()] == 0
    assert ask(scene.one.home, "audit", "verify").said["sound"]
    until(
        lambda: scraped(scene.one, "office").get(("partygrid_audit_sound", ())) == 1,
        seconds=30,
        what="the verification is not told",
    )
    said = ask(scene.one.home, "status").said
    told = scraped(scene.one, "office")["partygrid_audit_verified_timestamp_seconds", ()]
    assert said["verified_sound"] is True
    assert told > 0


def test_nothing_personal_and_no_marked_topic_is_told(scene: Scene) -> None:
    everything = "".join(exposed(scene.one, name) for name in ("engine-1", "office", "http"))
    numbers = [row[0] for row in scene.db.execute("SELECT number FROM cases WHERE number <> ''")]
    assert len(numbers) == 3
    for word in (*numbers, scene.worked.token, "p-1", "app/page", "990202", "restricted"):
        assert word not in everything, word
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", everything)


def logged(one: Up) -> list[dict[str, Any]]:
    """Every line our processes have written."""
    found = []
    for name in ("engine-1", "office", "http"):
        lines = (one.home / "logs" / f"{name}.log").read_text().splitlines()
        found += [json.loads(line) for line in lines]
    return found


def test_log_lines_are_about_events_cases_and_shards(scene: Scene) -> None:
    told = [line for line in logged(scene.one) if line.get("event") == "r-plain"]
    assert [line["case"] for line in told] == [scene.worked.plain]
    assert {(line["engine"], line["process"]) for line in told} == {("engine-1", "engine-1")}
    assert all(isinstance(line["shard"], int) for line in told)


def test_log_lines_tell_nothing_of_marked_cases(scene: Scene) -> None:
    """Not even where all is asked for."""
    every = logged(scene.one)
    assert any(line.get("case") == "restricted" for line in every)
    written = json.dumps(every, ensure_ascii=False)
    number = counted(scene.db, "SELECT number, 1 FROM cases WHERE mark <> 'none'")
    assert [len(one) for one in number] == [1]
    for hidden in (scene.worked.marked, "r-marked", *(one for (one,) in number)):
        assert hidden not in written


def test_without_its_database_the_office_tells_no_old_facts(scene: Scene) -> None:
    """Last, as it takes the database away from the installation."""
    url = make_url(scene.one.installation.database_url)
    beside = url.set(database="postgres").render_as_string(hide_password=False)
    with bootstrap.connected(beside) as connection:
        connection.autocommit = True
        connection.execute("ALTER DATABASE partygrid ALLOW_CONNECTIONS false")
        try:
            until(
                lambda: scraped(scene.one, "office")["partygrid_database_reachable", ()] == 0,
                seconds=40,
                what="the office still tells old facts",
            )
            gone = scraped(scene.one, "office")
        finally:
            connection.execute("ALTER DATABASE partygrid ALLOW_CONNECTIONS true")
    assert ("partygrid_parked_events", ()) not in gone
    assert gone["partygrid_facts_timestamp_seconds", ()] == 0
