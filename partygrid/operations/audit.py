"""`partygrid audit`: the database's audit held against its copies, and taken away as files."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from kafka import TopicPartition
from kafka.errors import KafkaError
from psycopg.errors import InsufficientPrivilege, ReadOnlySqlTransaction

from events.away import away
from events.clients import Consumer
from events.contract.registry import Topic
from models.audit_chain import AuditRecord, ChainHead
from models.audit_export import ExportExists, Manifest, export
from models.audit_lines import line_of
from models.findings import Report
from models.keys import PublicKey
from models.rows import to_json
from models.seal_file import SealFile
from models.seal_walk import OutsideCopy
from models.seals import NotASeal, read_feet, read_seal
from models.verify import verify
from partygrid.adapters import client_of
from partygrid.errors import Invalid, Unavailable
from partygrid.settings import Settings
from partygrid.status import VERIFIED

Connection = psycopg.Connection[Any]

_PAGE = 5000
_COLUMNS = ", ".join(AuditRecord.__struct_fields__)
_CASE_HEADS = """
SELECT id::text, audit_seq, audit_hash FROM cases WHERE audit_seq > 0
UNION ALL SELECT id::text, audit_seq, audit_hash FROM village_tasks WHERE audit_seq > 0 ORDER BY 1
"""
#: Milliseconds the topic of seals is waited for.
_PATIENCE = 5000


class NoSuchCopy(Invalid):
    """The copy cannot be read."""


class NothingOfCase(Invalid):
    """The audit holds no record of this case."""


@contextmanager
def one_snapshot(connection: Connection) -> Iterator[Connection]:
    """See the database as it is at one moment, until the end."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield connection


def verify_database(
    connection: Connection, *, keys: Mapping[str, PublicKey], copies: Iterable[OutsideCopy] = ()
) -> Report:
    """Verify the audit of a database in one snapshot of it."""
    with one_snapshot(connection):
        return verify(
            _records(connection),
            keys=keys,
            seals=_seals(connection),
            copies=copies,
            heads=_heads(connection),
            case_heads=dict(_case_heads(connection)),
        )


def note_verified(connection: Connection, report: Report, now: datetime) -> None:
    """Remember when the audit was verified and how it was, for those who watch; commits.

    A role that may only read remembers nothing; its report stands all the same.
    """
    with suppress(InsufficientPrivilege, ReadOnlySqlTransaction), connection.transaction():
        connection.execute(
            "INSERT INTO installation (name, value) VALUES (%s, %s)"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (VERIFIED, to_json([now, report.is_sound])),
        )


def export_database(
    connection: Connection, folder: Path, *, keys: Mapping[str, PublicKey], now: datetime
) -> Manifest:
    """Write the whole audit to a folder. Raises `ExportExists`."""
    with one_snapshot(connection):
        return export(
            folder,
            _records(connection),
            seals=_seals(connection),
            heads=_heads(connection),
            case_heads=_case_heads(connection),
            keys=keys.values(),
            now=now,
        )


def export_case(connection: Connection, folder: Path, case_id: str) -> int:
    """Write one case's records to `records.jsonl`; returns how many.

    An excerpt: each record proves itself and the one before it in the case, but not the shard.
    Raises `ExportExists` and `NothingOfCase`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ExportExists(folder=folder)
    with one_snapshot(connection):
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM audit WHERE case_id = %s ORDER BY case_seq",  # noqa: S608
            (case_id,),
        ).fetchall()
    if not rows:
        raise NothingOfCase(case_id=case_id)
    lines = [line_of(_record(row)) + b"\n" for row in rows]
    (folder / "records.jsonl").write_bytes(b"".join(lines))
    return len(lines)


def _records(connection: Connection) -> Iterator[AuditRecord]:
    with connection.cursor("audit_records") as cursor:
        cursor.itersize = _PAGE
        query = f"SELECT {_COLUMNS} FROM audit ORDER BY shard, seq"  # noqa: S608 - names of ours
        for row in cursor.execute(query.encode()):
            yield _record(row)


def _record(row: tuple[Any, ...]) -> AuditRecord:
    shard, seq, case_id, case_seq, algorithm, act, circumstance, *hashes = row
    prev_hash, case_prev_hash, own = map(bytes, hashes)
    return AuditRecord(
        *(shard, seq, case_id, case_seq, algorithm, act, circumstance),
        *(prev_hash, case_prev_hash, own),
    )


def _seals(connection: Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT seal FROM seals ORDER BY number")]


def _heads(connection: Connection) -> dict[int, ChainHead]:
    rows = connection.execute("SELECT shard, audit_seq, audit_hash FROM shards ORDER BY shard")
    return {shard: ChainHead(seq, bytes(own)) for shard, seq, own in rows}


def _case_heads(connection: Connection) -> Iterator[tuple[str, ChainHead]]:
    for case_id, seq, own in connection.execute(_CASE_HEADS).fetchall():
        digest = b""
        with suppress(ValueError):  # a head that is no hash agrees with no record
            digest = bytes.fromhex(own)
        yield case_id, ChainHead(seq, digest)


# --- copies --------------------------------------------------------------------------------------


def seal_file(settings: Settings) -> SealFile:
    """Return the append-only copy of the seals; best put onto another medium."""
    return SealFile(settings.home / "seals.jsonl")


def outside_copies(settings: Settings) -> tuple[list[OutsideCopy], list[str]]:
    """Return the copies of the seals that can be reached, and why others cannot."""
    copies, missing = [], []
    kept = copy_of_file(seal_file(settings))
    if kept is None:
        missing.append("the seal file: not there, or empty")
    else:
        copies.append(kept)
    try:
        copies.append(copy_of_topic(client_of(settings)))
    except Unavailable as fault:
        missing.append(str(fault))
    return copies, missing


def copy_of_file(file: SealFile) -> OutsideCopy | None:
    """Return the append-only file of seals as a copy; None where there is none."""
    lines = file.lines()
    return OutsideCopy(name="the seal file", lines=lines) if lines else None


def copy_of_text(path: Path) -> OutsideCopy:
    """Return what a text proves: seals that stand in it line by line, and feet of digests.

    Raises `NoSuchCopy`.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as fault:
        raise NoSuchCopy(f"{path}: {fault.strerror}") from None
    lines = [line for line in text.splitlines() if _is_seal(line)]
    feet = read_feet(text)
    if not lines and not feet:
        raise NoSuchCopy(f"{path} holds neither a seal nor the foot of a digest.")
    return OutsideCopy(name=str(path), lines=lines, feet=feet)


def _is_seal(line: str) -> bool:
    try:
        read_seal(line)
    except NotASeal:
        return False
    return True


def copy_of_topic(client: Mapping[str, Any]) -> OutsideCopy:
    """Return what the topic of seals holds. Raises `Unavailable`."""
    topic = str(Topic.AUDIT_SEALS)
    try:
        consumer = Consumer(**client, allow_auto_create_topics=False)
    except KafkaError as fault:
        raise away(client, fault) from fault
    try:
        return OutsideCopy(name=f"topic {topic}", lines=list(_lines_of(consumer, topic)))
    except (KafkaError, KeyError) as fault:
        raise Unavailable(f"the topic {topic} cannot be read: {fault}") from fault
    finally:
        consumer.close()


def _lines_of(consumer: Consumer, topic: str) -> Iterator[bytes]:
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    end = consumer.end_offsets([partition])[partition]
    consumer.seek_to_beginning(partition)
    while consumer.position(partition) < end:
        polled = consumer.poll(timeout_ms=_PATIENCE)
        if not polled:
            raise Unavailable(f"the topic {topic} stopped answering")
        for record in polled[partition]:
            yield _seal_in(record.value or b"")


def _seal_in(value: bytes) -> bytes:
    """Return the seal a record carries; what carries none stands as it is, and is told."""
    try:
        told = msgspec.json.decode(value, type=dict[str, Any])
    except ValueError:
        return value
    return str(told.get("seal", "")).encode()
