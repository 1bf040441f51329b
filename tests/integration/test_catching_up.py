"""When a restored installation has decided everything again, and what waits until then."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace

from flows.catching_up import look
from flows.digest_issues import plan_issues, send_due, send_late
from models.directory_store import load_directory
from models.erasures import ErasureKind
from models.restores import LogEnd, Restore, catching_up, read_restore, write_restore
from models.shard_store import directory_revision, make_shards
from partygrid import bootstrap
from partygrid.operations.erasure_file import Noted, note, noted_since
from tests.integration.test_digest_sending import COUNTY as DIGESTED
from tests.integration.test_digest_sending import EVENING, MORNING, NOON, POLICY, TOWN, record

Connection = psycopg.Connection[Any]

READ = LogEnd(0, "grid.reports", "this log", 5)
RESTORE = Restore(taken_at=MORNING, restored_at=NOON, log_ends=(READ,), mark=1)
LATER = NOON + timedelta(minutes=1)


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    """A shard that has read the log to its end; nothing waits."""
    with bootstrap.connected(database_url) as connection, connection.cursor() as cursor:
        make_shards(cursor, 2)
        position(connection, 5)
        yield connection


def position(connection: Connection, following: int, *, topic_id: str = "this log") -> None:
    connection.execute(
        "UPDATE shards SET positions = jsonb_build_object('grid.reports',"
        " jsonb_build_array(%s::text, %s::int, 0)) WHERE shard = 0",
        (topic_id, following),
    )


def outbox(connection: Connection, event_id: str, *, topic: str = "grid.reports") -> None:
    connection.execute(
        "INSERT INTO outbox (shard, topic, key, source, event_id, value, created_at, partition)"
        " VALUES (0, %s, 'k', 'app/test', %s, '', now(), -1)",
        (topic, event_id),
    )


def decided(connection: Connection, event_id: str) -> None:
    connection.execute(
        "INSERT INTO journal (shard, seq, kind, source, event_id, event_type, content_hash,"
        " sequence, subject, township, decided_at, directory_revision, policy_version,"
        " calendar_version, body, signature) SELECT 0, count(*) + 1, 'external', 'app/test', %s,"
        " '', '', -1, '', '', now(), 0, '', '', '', '' FROM journal",
        (event_id,),
    )


def timer(connection: Connection, due_at: Any) -> None:
    connection.execute(
        "INSERT INTO timers (subject, key, shard, subject_kind, township, generation, due_at, wave,"
        " attempts) VALUES ('s', 'visit', 0, 'case', '', 1, %s, 0, 0)",
        (due_at,),
    )


def looked(connection: Connection, restore: Restore = RESTORE) -> Restore:
    with connection.cursor() as cursor:
        return look(cursor, restore, LATER)


def test_where_nothing_waits_it_has_caught_up(connection: Connection) -> None:
    assert looked(connection).caught_up_at == LATER


def test_it_reads_to_where_the_log_ended(connection: Connection) -> None:
    position(connection, 4)
    assert looked(connection) == RESTORE
    position(connection, 9, topic_id="another log")
    assert looked(connection) == RESTORE
    connection.execute("UPDATE shards SET positions = '{}'")
    assert looked(connection) == RESTORE
    lost = replace(RESTORE, log_ends=())
    assert looked(connection, lost).caught_up_at == LATER


def test_timers_that_were_due_must_have_fired(connection: Connection) -> None:
    timer(connection, NOON)
    assert looked(connection) == RESTORE
    connection.execute("UPDATE timers SET due_at = %s", (LATER + timedelta(hours=1),))
    assert looked(connection).caught_up_at == LATER


def test_what_waited_must_be_answered_and_so_must_what_follows(connection: Connection) -> None:
    outbox(connection, "waited")
    outbox(connection, "an update", topic="case.updates.330281101")
    assert looked(connection) == RESTORE
    outbox(connection, "follows")
    decided(connection, "waited")
    second = looked(connection)
    assert (second.caught_up_at, second.mark, second.rounds) == (None, 3, 1)
    decided(connection, "follows")
    assert looked(connection, second).caught_up_at == LATER


def test_a_timer_for_at_once_is_waited_for(connection: Connection) -> None:
    timer(connection, LATER)
    assert looked(connection).caught_up_at is None


def test_who_works_all_the_time_is_not_waited_for_any_longer(connection: Connection) -> None:
    restore, rounds = RESTORE, 0
    while restore.caught_up_at is None:
        rounds += 1
        assert rounds < 50
        decided(connection, f"new {rounds - 1}")
        outbox(connection, f"new {rounds}")
        restore = looked(connection, restore)
    assert rounds > 5


@pytest.mark.parametrize("proved", [True, False], ids=["refused by the broker", "forgotten key"])
def test_what_can_never_be_decided_is_not_waited_for(connection: Connection, proved: bool) -> None:
    outbox(connection, "too large")
    connection.execute(
        "INSERT INTO dead_letters (id, shard, reason, detail, topic, topic_id, partition,"
        ' "offset", source, event_id, event_type, township, proved, headers, value, at,'
        " replayed_as, replayed_by) VALUES (gen_random_uuid(), 0, 'unpublishable', '', '', '', -1,"
        " -1, 'app/test', 'too large', '', '', %s, '[]', '', now(), '', '')",
        (proved,),
    )
    assert looked(connection).caught_up_at == LATER


# --- digests -------------------------------------------------------------------------------------


def test_digests_wait_and_those_that_were_due_are_made_as_of_then(connection: Connection) -> None:
    """The noon issue was sent before the loss; the evening's became due after the restore."""
    record(connection, *DIGESTED)
    with connection.transaction(), connection.cursor() as cursor:
        directory = load_directory(cursor, directory_revision(cursor))
        plan_issues(cursor, POLICY, directory, MORNING)
        write_restore(cursor, replace(RESTORE, restored_at=NOON + timedelta(hours=1)))
    after = EVENING + timedelta(minutes=5)
    assert send_due(connection, POLICY, partitions=3, now=after) == []
    late = send_late(connection, POLICY, partitions=3, until=NOON + timedelta(hours=1))
    assert [(one.issue.scope, one.issue.due_at) for one in late] == [(TOWN, NOON)]
    made = connection.execute("SELECT DISTINCT created_at FROM notices").fetchall()
    assert made == [(NOON,)]
    with connection.transaction(), connection.cursor() as cursor:
        restore = read_restore(cursor)
        assert restore
        write_restore(cursor, replace(restore, caught_up_at=after))
        assert catching_up(cursor) is None
    sent = send_due(connection, POLICY, partitions=3, now=after)
    assert [one.issue.due_at for one in sent] == [EVENING]


# --- erasures ------------------------------------------------------------------------------------


def test_erasures_are_noted_outside_and_a_torn_line_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "erasures.jsonl"
    assert list(noted_since(path, MORNING)) == []
    noted = [
        Noted(at=at, kind=ErasureKind.WORDS, subject=f"case {n}", by="p-operator")
        for n, at in enumerate((MORNING, NOON, EVENING))
    ]
    for one in noted[:2]:
        note(path, one)
    with path.open("ab") as file:
        file.write(b'{"at":"2026-\n')
    note(path, noted[2])
    assert list(noted_since(path, MORNING)) == noted[1:]
    assert path.stat().st_mode & 0o077 == 0
