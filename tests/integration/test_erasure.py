"""What is erased is gone from the whole database, what must stay stays, and the audit verifies."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import create_engine

from events.contract.envelope import Payload
from events.contract.reports import ReportFiled, ReportSource, ReportSupplemented
from events.evidence import EvidenceStore
from events.outbox import keep, vouched
from models.findings import FindingKind
from models.policy.people import Role
from models.policy.reach import EvidenceKind, EvidenceLimits
from models.policy.schema import Policy
from models.values import case_id_of
from partygrid import bootstrap
from partygrid.embedded.postgres import Postgres
from partygrid.operations.audit import verify_database
from partygrid.operations.erasure import Erased, NothingToErase, erase_identity, erase_words
from partygrid.operations.house_keeping import KEEPER, keep_house
from partygrid.operations.reconcile import reconcile
from partygrid.processes.office import keep_house_daily
from partygrid.rebuild import compare, rebuild
from tests.rig import SOURCE, Rig
from tests.rigged import command, found_county, raw, rigged, wait_until, working
from tests.world import GRID, NOW, TOWNSHIP, acting

MEMBER = acting(Role.GRID_MEMBER, GRID)
SECRET, LATER, OTHER = "张某家的狗", "咬了李某", "井盖松了"
CASE, OTHER_CASE = case_id_of(SOURCE, "dog"), case_id_of(SOURCE, "lid")
DAY = timedelta(days=1)
_numbers = count(1)
LIMITS = EvidenceLimits(
    kinds=frozenset(EvidenceKind),
    picture_bytes=1000,
    document_bytes=1000,
    picture_pixels=1000,
    picture_side=10,
)


@pytest.fixture(scope="module")
def played(postgres: Postgres, migrated: str, server_folder: Path) -> Iterator[Rig]:
    """Two cases with words, each come through a door; a bad event that tells of the first."""
    with rigged(postgres, migrated, server_folder) as rig:
        with working(rig.engine):
            found_county(rig)
            _through_the_door(rig, NOW, _report(SECRET), event_id="dog")
            _through_the_door(rig, NOW, _report(OTHER), event_id="lid")
            more = ReportSupplemented(description=LATER)
            _through_the_door(rig, NOW + timedelta(minutes=1), more, event_id="more", subject=CASE)
            spoilt = f'{{"id": "x", "subject": "{CASE}", "sequence": "7", "words": "{SECRET}"}}'
            rig.at(NOW + timedelta(minutes=2), raw("grid.reports", spoilt.encode()))
        rig.conductor.close()
        rig.db.close()
        yield rig


@pytest.fixture
def rig(played: Rig, postgres: Postgres) -> Iterator[Rig]:
    """That installation with a database of this test alone; no engine works in it."""
    whole = played.url
    original, name = conninfo_to_dict(whole)["dbname"], f"erasing_{next(_numbers)}"
    postgres.create_database(name, template=str(original))
    played.url = postgres.url(name)
    played.db = bootstrap.connect(played.url, autocommit=True)
    yield played
    played.db.close()
    played.url = whole
    postgres.drop_database(name)


def _report(title: str) -> ReportFiled:
    return ReportFiled(
        grid=GRID, category="06-02", source=ReportSource.VILLAGER, title=title, reporter_ref="r-1"
    )


def _event(rig: Rig, data: Payload, event_id: str, subject: str, at: datetime) -> Any:
    event = rig.event(data, MEMBER, township=TOWNSHIP, subject=subject, time=at, event_id=event_id)
    return vouched(event, rig.setting.own_key)


def _through_the_door(
    rig: Rig, at: datetime, data: Payload, *, event_id: str, subject: str = ""
) -> None:
    """Put an event into the outbox as a door does, and have it decided."""
    with rig.db.transaction(), rig.db.cursor() as cursor:
        ready = _event(rig, data, event_id, subject, at)
        keep(cursor, [ready], partitions=rig.partitions, now=at)
        cursor.execute("UPDATE outbox SET instant = %s WHERE published_at IS NULL", (at,))
    rig.at(at)


def places_of(connection: psycopg.Connection[Any], words: str) -> set[str]:
    """Return every table that holds these words, in whatever column and form."""
    tables = connection.execute(
        "SELECT table_name, column_name, data_type FROM information_schema.columns"
        " WHERE table_schema = 'public'"
    ).fetchall()
    escaped = words.encode("unicode_escape").decode()
    found = set()
    for table, column, kind in tables:
        query = sql.SQL("SELECT 1 FROM {} WHERE position({} IN {}) > 0 LIMIT 1")
        as_bytes, name = kind == "bytea", sql.Identifier(column)
        text = name if as_bytes else sql.SQL("{}::text").format(name)
        for form in (words, escaped):
            wanted = sql.Literal(form.encode() if as_bytes else form)
            if connection.execute(query.format(sql.Identifier(table), wanted, text)).fetchone():
                found.add(table)
    return found


def house_kept(rig: Rig, now: datetime, policy: Policy | None = None) -> Erased:
    pool = create_engine(rig.url.replace("postgresql://", "postgresql+psycopg://", 1))
    store = EvidenceStore(rig.settings.home / "evidence")
    with psycopg.connect(rig.url) as connection:
        erased = keep_house(connection, pool, store, policy=policy or rig.policy, now=now)
    pool.dispose()
    return erased


def stands(rig: Rig) -> None:
    """The audit verifies, and what came in is what became of it."""
    with psycopg.connect(rig.url) as connection:
        findings = verify_database(connection, keys={}).findings
        assert {one.kind for one in findings} <= {FindingKind.UNSEALED}
    with psycopg.connect(rig.url) as connection:
        told = reconcile(connection, now=datetime.now(UTC), offline=DAY)
        assert told.gaps == ()


def test_words_are_nowhere_after_they_were_erased(rig: Rig) -> None:
    assert {"free_texts", "outbox", "dead_letters"} <= places_of(rig.db, SECRET)
    assert {"free_texts", "outbox"} <= places_of(rig.db, LATER)
    told = command(rig, "erase", "words", CASE)
    assert told.exit_code == 3
    assert places_of(rig.db, SECRET)
    told = command(rig, "erase", "words", CASE, "--yes", "--as", "operator:t")
    assert told.exit_code == 0, told.output
    assert "2 of free_texts" in told.stdout
    assert places_of(rig.db, SECRET) == places_of(rig.db, LATER) == set()
    assert {"free_texts", "outbox"} <= places_of(rig.db, OTHER)
    kind, subject, by, counts = rig.rows("SELECT kind, subject, erased_by, counts FROM erasures")[0]
    assert (kind, subject, by) == ("words", CASE, "operator:t")
    assert counts["dead_letters"] == 1
    assert rig.case(CASE).version > 0
    stands(rig)


def test_what_is_not_decided_stays_and_is_told(rig: Rig) -> None:
    waiting = ReportSupplemented(description="还没有人看过")
    with rig.db.transaction(), rig.db.cursor() as cursor:
        ready = _event(rig, waiting, "late", CASE, NOW)
        keep(cursor, [ready], partitions=rig.partitions, now=NOW)
        # As after a broker that lost its log: published once, read by nobody.
        cursor.execute("UPDATE outbox SET published_at = %s WHERE event_id = 'late'", (NOW,))
        erased = erase_words(cursor, subject=CASE, by="t", now=NOW)
    assert erased.undecided == 1
    house_kept(rig, datetime.now(UTC) + 5000 * DAY)
    assert places_of(rig.db, "还没有人看过") == {"outbox"}


def test_a_strangers_letter_answers_for_no_event(rig: Rig) -> None:
    """Whoever writes a record with another's id cannot have that event forgotten."""
    with rig.db.transaction(), rig.db.cursor() as cursor:
        ready = _event(rig, ReportSupplemented(description=LATER), "late", CASE, NOW)
        keep(cursor, [ready], partitions=rig.partitions, now=NOW)
        cursor.execute("UPDATE outbox SET published_at = %s WHERE event_id = 'late'", (NOW,))
        cursor.execute(
            "UPDATE dead_letters SET source = %s, event_id = 'late' WHERE NOT proved", (SOURCE,)
        )
        assert cursor.rowcount == 1
    house_kept(rig, datetime.now(UTC) + 2 * DAY)
    assert rig.rows("SELECT event_id FROM outbox WHERE source = %s", SOURCE) == [("late",)]


def test_an_identity_is_erased_once(rig: Rig) -> None:
    _keep_identity(rig, "r-1", NOW)
    told = command(rig, "erase", "identity", "r-1")
    assert told.exit_code == 3
    assert "2 open cases" in told.output
    told = command(rig, "erase", "identity", "r-1", "--yes", "--json")
    assert told.exit_code == 0, told.output
    assert rig.rows("SELECT count(*) FROM identities") == [(0,)]
    with rig.db.cursor() as cursor, pytest.raises(NothingToErase):
        erase_identity(cursor, reporter_ref="r-1", by="t", now=NOW)


def test_the_outbox_is_cleared_after_its_grace(rig: Rig) -> None:
    now = datetime.now(UTC)
    assert "outbox" not in house_kept(rig, now).counts
    assert places_of(rig.db, OTHER) >= {"outbox"}
    assert house_kept(rig, now + DAY + timedelta(minutes=5)).counts["outbox"] > 0
    assert rig.rows("SELECT count(*) FROM outbox WHERE published_at IS NOT NULL") == [(0,)]
    assert places_of(rig.db, OTHER) == {"free_texts"}
    kept = rig.rows("SELECT erased_by, policy_version, counts->>'outbox' FROM erasures")
    assert kept[0][:2] == (KEEPER, rig.policy.version)
    stands(rig)


def test_a_pack_that_names_no_grace_keeps_the_outbox(rig: Rig) -> None:
    forever = rig.policy.retention.model_copy(update={"outbox": None})
    policy = rig.policy.model_copy(update={"retention": forever})
    assert "outbox" not in house_kept(rig, datetime.now(UTC) + 30 * DAY, policy).counts


def test_everything_goes_at_its_time(rig: Rig) -> None:
    _settle(rig, CASE)
    for ref in ("r-1", "r-2", "r-staff"):
        _keep_identity(rig, ref, NOW)
    rig.rows("UPDATE persons SET identity_ref = 'r-staff' RETURNING 1")
    rig.rows("UPDATE notices SET settled_at = created_at RETURNING 1")
    store = EvidenceStore(rig.settings.home / "evidence")
    kept = store.put("凭证".encode(), limits=LIMITS)
    rig.rows(
        "INSERT INTO evidence_files VALUES (%s, 'app/test', 'text/plain', 6, %s) RETURNING 1",
        kept.digest,
        NOW,
    )
    erased = house_kept(rig, NOW + 1200 * DAY)
    assert erased.counts["dead_letters"] == 1
    assert erased.counts["evidence_files"] == 1
    assert not (rig.settings.home / "evidence" / kept.digest[:2] / kept.digest).exists()
    # r-1 reported a case that is still open; nobody needs r-2; staff are kept while they work.
    assert rig.rows("SELECT reporter_ref FROM identities ORDER BY 1") == [("r-1",), ("r-staff",)]
    assert places_of(rig.db, SECRET) == set()
    assert "free_texts" in places_of(rig.db, OTHER)
    assert rig.rows("SELECT count(*) FROM notices") == [(0,)]
    assert rig.rows("SELECT sum(audit_seq), count(*) FROM shards")[0][0] > 0
    _settle(rig, OTHER_CASE)
    later = house_kept(rig, NOW + 1200 * DAY)
    assert later.counts["free_texts"] == 1
    assert later.counts["identities"] == 1
    assert places_of(rig.db, OTHER) == set()
    assert house_kept(rig, NOW + 1200 * DAY).counts.get("free_texts", 0) == 0


def test_an_emptied_letter_still_tells_its_number(rig: Rig) -> None:
    before = rig.rows("SELECT id, reason, source, event_id FROM dead_letters")
    house_kept(rig, NOW + 200 * DAY)
    assert rig.rows("SELECT id, reason, source, event_id FROM dead_letters") == before
    headers, value = rig.rows("SELECT headers, value FROM dead_letters")[0]
    assert bytes(value) == b""
    assert ["ce_sequence", "7"] in headers
    assert "dead_letters" not in {
        table for table, rows in house_kept(rig, NOW + 200 * DAY).counts.items() if rows
    }


def test_a_rebuild_does_not_miss_forgotten_notices(rig: Rig, empty_database_url: str) -> None:
    rig.rows("UPDATE notices SET settled_at = created_at RETURNING 1")
    now = NOW + 200 * DAY
    assert house_kept(rig, now).counts["notices"] > 0
    bootstrap.prepare(empty_database_url, rig.settings, rig.policy, now)
    with (
        bootstrap.connected(rig.url) as source,
        bootstrap.connected(empty_database_url) as target,
    ):
        rebuild(source, target, rig.setting, now)
        since = now - rig.policy.retention.notice_text
        assert compare(source, target, notices_since=since) == []
        assert {one.table for one in compare(source, target)} == {"notices"}


def test_the_office_keeps_house_by_itself(rig: Rig) -> None:
    """From the settings alone, on the wall clock."""
    rig.rows("UPDATE conductor SET handed_over = true RETURNING 1")
    rig.rows("UPDATE outbox SET published_at = now() - interval '2 days' RETURNING 1")
    settings, stop = rig.settings.changed(database_url=rig.url), Event()
    thread = Thread(target=keep_house_daily, args=(settings, rig.policy, stop))
    thread.start()
    try:
        wait_until(lambda: rig.rows("SELECT 1 FROM erasures WHERE erased_by = %s", KEEPER))
    finally:
        stop.set()
        thread.join(timeout=30)
    assert rig.rows("SELECT count(*) FROM outbox WHERE published_at IS NOT NULL") == [(0,)]


def test_the_list_of_erasures_is_append_only(rig: Rig) -> None:
    with rig.db.cursor() as cursor:
        erase_words(cursor, subject=CASE, by="t", now=NOW)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        rig.db.execute("DELETE FROM erasures")


def _settle(rig: Rig, case: str) -> None:
    rig.rows(
        "UPDATE cases SET state = 'CLOSED', closed_at = %s WHERE id = %s::uuid RETURNING 1",
        NOW + DAY,
        case,
    )


def _keep_identity(rig: Rig, ref: str, at: datetime) -> None:
    rig.rows(
        "INSERT INTO identities (reporter_ref, key_id, ciphertext, created_at)"
        " VALUES (%s, 'k', '\\x01', %s) RETURNING 1",
        ref,
        at,
    )
