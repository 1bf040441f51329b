"""Seals over a real audit: gapless, one sealer at work, and copies that outlast crashes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import psycopg
import pytest

from events.codec import Decoded, decode
from events.contract.outgoing import SealPublished
from flows.sealing import AuditHasGaps, OtherAudit, Sealer, SetBack, last_seal
from models.findings import FindingKind, Report
from models.keys import SigningKey
from models.seal_file import SealFile
from models.seal_walk import OutsideCopy
from models.seals import Seal, make_seal, read_seal
from models.verify import verify
from partygrid import bootstrap
from tests.integration.audit_writing import append_acts, heads, records

NOW = datetime(2026, 3, 10, 1, 0, tzinfo=UTC)
KEY = SigningKey.generate()
OWN_KEY = b"k" * 32
MINUTE = timedelta(minutes=1)


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with bootstrap.connected(database_url) as connection:
        yield connection


@pytest.fixture
def file(tmp_path: Path) -> SealFile:
    return SealFile(tmp_path / "seals.jsonl")


def sealer(file: SealFile) -> Sealer:
    return Sealer(KEY, file, own_key=OWN_KEY)


def stored(connection: psycopg.Connection[Any]) -> list[bytes]:
    rows = connection.execute("SELECT seal FROM seals ORDER BY number").fetchall()
    connection.commit()
    return [row[0].encode() for row in rows]


def checked(connection: psycopg.Connection[Any], file: SealFile) -> Report:
    return verify(
        records(connection),
        keys={KEY.key_id: KEY.public},
        seals=stored(connection),
        copies=[OutsideCopy(name="file", lines=file.lines())],
        heads=heads(connection),
    )


def test_what_is_new_is_sealed_and_nothing_twice(
    connection: psycopg.Connection[Any], file: SealFile
) -> None:
    own = sealer(file)
    append_acts(connection, 5, shard=0)
    append_acts(connection, 3, shard=2)
    first = own.seal(connection, NOW)
    assert own.seal(connection, NOW + MINUTE) is None
    append_acts(connection, 4, shard=2)
    second = own.seal(connection, NOW + 2 * MINUTE)
    assert first
    assert second
    assert [(r.shard, r.from_seq, r.to_seq) for r in first.ranges] == [(0, 1, 5), (2, 1, 3)]
    assert [(r.shard, r.from_seq, r.to_seq) for r in second.ranges] == [(2, 4, 7)]
    report = checked(connection, file)
    assert (report.findings, report.seals, report.copies[0].agrees_to) == ((), 2, 2)


def test_another_sealer_goes_on_where_the_last_one_ended(
    connection: psycopg.Connection[Any], file: SealFile
) -> None:
    first, second = sealer(file), sealer(file)
    for one in (first, second, first):
        append_acts(connection, 2)
        assert one.seal(connection, NOW)
    assert checked(connection, file).findings == ()


def test_of_sealers_at_once_one_is_at_work(
    connection: psycopg.Connection[Any], database_url: str, file: SealFile
) -> None:
    append_acts(connection, 50)
    together, made = Barrier(3), list[Seal | None]()

    def run() -> None:
        with bootstrap.connected(database_url) as own:
            one = sealer(file)
            together.wait()
            made.append(one.seal(own, NOW))

    threads = [Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([one for one in made if one is not None]) == 1
    assert len(stored(connection)) == 1


def test_a_copy_that_a_crash_prevented_is_made_up_for(
    connection: psycopg.Connection[Any], file: SealFile, tmp_path: Path
) -> None:
    """The database had committed, the file had not been written."""
    for _ in range(3):
        append_acts(connection, 1)
        sealer(SealFile(tmp_path / "lost")).seal(connection, NOW)
    append_acts(connection, 1)
    sealer(file).seal(connection, NOW)
    assert [line.strip() for line in file.lines()] == stored(connection)


def test_no_copy_is_ahead_of_the_database(
    connection: psycopg.Connection[Any], file: SealFile
) -> None:
    """What a failed transaction would have sealed is in no copy and is sealed the next time."""
    own = sealer(file)
    append_acts(connection, 2)
    own.seal(connection, NOW)
    append_acts(connection, 2)
    connection.execute("ALTER TABLE outbox RENAME TO elsewhere")
    connection.commit()
    with pytest.raises(psycopg.errors.UndefinedTable):
        own.seal(connection, NOW)
    assert len(file.lines()) == 1
    connection.execute("ALTER TABLE elsewhere RENAME TO outbox")
    connection.commit()
    own.seal(connection, NOW)
    assert checked(connection, file).findings == ()


def test_a_database_that_was_set_back_is_not_sealed_over(
    connection: psycopg.Connection[Any], file: SealFile, tmp_path: Path
) -> None:
    append_acts(connection, 2)
    seal = sealer(file).seal(connection, NOW)
    assert seal
    connection.execute("ALTER TABLE seals DISABLE TRIGGER ALL")
    connection.execute("DELETE FROM seals")
    connection.commit()
    own = sealer(file)
    for _ in range(2):
        with pytest.raises(SetBack, match="goes to seal 1, the database to 0"):
            own.seal(connection, NOW)
    assert last_seal(connection) is None
    (tmp_path / "seals.jsonl").rename(tmp_path / "evidence")
    assert own.seal(connection, NOW)


def set_back(connection: psycopg.Connection[Any], *, seal: int, records: int) -> None:
    """Make the database what a backup would be that holds so many seals and records of shard 0."""
    for table in ("audit", "seals"):
        connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL".encode())
    connection.execute("DELETE FROM seals WHERE number > %s", (seal,))
    connection.execute("DELETE FROM audit WHERE seq > %s", (records,))
    head = connection.execute("SELECT hash FROM audit WHERE seq = %s", (records,)).fetchone()
    assert head
    connection.execute(
        "UPDATE shards SET audit_seq = %s, audit_hash = %s WHERE shard = 0", (records, head[0])
    )
    connection.commit()


def kept_seals(file: SealFile) -> list[Seal]:
    return [read_seal(line) for line in file.lines()]


def test_a_restore_is_declared_by_a_seal_and_sealing_goes_on(
    connection: psycopg.Connection[Any], file: SealFile
) -> None:
    """The backup holds one seal and a record that none covers; two seals came after it."""
    working = sealer(file)
    for minute in range(3):
        append_acts(connection, 4)
        assert working.seal(connection, NOW + minute * MINUTE)
    set_back(connection, seal=1, records=5)
    own = sealer(file)
    declared = own.declare_restored(connection, kept_seals(file), NOW + 4 * MINUTE)
    assert (declared.number, declared.set_back_to) == (4, 1)
    assert [(one.from_seq, one.to_seq) for one in declared.ranges] == [(5, 5)]
    append_acts(connection, 6)
    for sealing in (own, sealer(file), working):
        append_acts(connection, 1)
        assert sealing.seal(connection, NOW + 5 * MINUTE)
    report = checked(connection, file)
    assert {one.kind for one in report.findings} == {FindingKind.RESTORED}
    assert (report.is_sound, report.seals, report.copies[0].agrees_to) == (True, 7, 7)
    assert {line.strip() for line in file.lines()} == set(stored(connection))


def test_a_second_restore_is_declared_like_the_first(
    connection: psycopg.Connection[Any], file: SealFile
) -> None:
    for minute in range(2):
        append_acts(connection, 4)
        assert sealer(file).seal(connection, NOW + minute * MINUTE)
    for back in (2, 1):
        set_back(connection, seal=back, records=4 * back)
        sealer(file).declare_restored(connection, kept_seals(file), NOW)
        append_acts(connection, 3)
        assert sealer(file).seal(connection, NOW)
    report = checked(connection, file)
    assert (report.kinds(), report.seals) == (set(), 6)
    assert [one.kind for one in report.findings] == [FindingKind.RESTORED] * 2


def test_a_backup_of_another_installation_is_not_declared(
    connection: psycopg.Connection[Any], file: SealFile, tmp_path: Path
) -> None:
    append_acts(connection, 4)
    sealer(file).seal(connection, NOW)
    other = make_seal([], previous=None, key=KEY, now=NOW)
    with pytest.raises(OtherAudit, match="another seal 1"):
        sealer(file).declare_restored(connection, [other], NOW)
    twice = [make_seal([], previous=other, key=KEY, now=NOW + n * MINUTE) for n in range(2)]
    with pytest.raises(OtherAudit, match="number 2"):
        sealer(file).declare_restored(connection, twice, NOW)
    assert len(stored(connection)) == 1


def test_an_audit_with_gaps_is_not_sealed(
    connection: psycopg.Connection[Any], file: SealFile
) -> None:
    append_acts(connection, 5)
    connection.execute("ALTER TABLE audit DISABLE TRIGGER ALL")
    connection.execute("DELETE FROM audit WHERE seq = 3")
    connection.commit()
    with pytest.raises(AuditHasGaps, match="only 4 are there"):
        sealer(file).seal(connection, NOW)


def test_the_seal_goes_to_its_topic_under_our_own_name(
    connection: psycopg.Connection[Any], file: SealFile
) -> None:
    append_acts(connection, 1)
    seal = sealer(file).seal(connection, NOW)
    rows = connection.execute("SELECT topic, headers, value FROM outbox").fetchall()
    connection.commit()
    ((topic, headers, value),) = rows
    read = decode(bytes(value), [(name, text.encode()) for name, text in headers])
    assert isinstance(read, Decoded)
    assert topic == "audit.seals"
    assert seal
    assert read.event.data == SealPublished(number=1, seal=seal.to_json().decode())
