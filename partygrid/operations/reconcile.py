"""`partygrid reconcile`: does everything that came in lie somewhere? Computed from rows alone.

All of it is one snapshot of the database; nothing here is a counter that somebody kept.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import psycopg

from events.admission import ENGINE_SOURCE
from events.contract.registry import INBOUND_TOPICS, TYPE_OF_PAYLOAD
from events.contract.reports import HistoryRecorded, ReportFiled
from models.values import CaseState
from partygrid.operations.reconciled import (
    DoorCount,
    Gap,
    PartitionCount,
    Reconciled,
    ReportCount,
)
from partygrid.operations.row_checks import check_rows
from partygrid.operations.sequences import arrived_numbers, count_producers
from partygrid.operations.spools import SpoolSeen

Connection = psycopg.Connection[Any]

READ, DOORS, PRODUCERS, REPORTS = "records", "doors", "producers", "reports"

_FILED = TYPE_OF_PAYLOAD[ReportFiled].full_name
_IMPORTED = TYPE_OF_PAYLOAD[HistoryRecorded].full_name

_POSITIONS = """
SELECT p.key, p.value->>0, s.shard, (p.value->>1)::bigint, (p.value->>2)::bigint
FROM shards s, jsonb_each(coalesce(s.positions, '{}')) AS p (key, value)
"""
_RECORDS = """
SELECT topic, topic_id, partition, fate, count(*), min("offset"), max("offset")
FROM records GROUP BY 1, 2, 3, 4
"""
_MISSING = """
SELECT n FROM generate_series(%s::bigint, %s::bigint) AS n
WHERE NOT EXISTS (SELECT FROM records r WHERE r.topic_id = %s AND r.partition = %s
 AND r."offset" = n) ORDER BY n LIMIT 20
"""
_DOORS = """
SELECT count(*), count(*) FILTER (WHERE arrived),
 count(*) FILTER (WHERE NOT arrived AND unpublishable),
 count(*) FILTER (WHERE NOT arrived AND NOT unpublishable AND NOT published),
 count(*) FILTER (WHERE NOT arrived AND NOT unpublishable AND published)
FROM (SELECT o.published_at IS NOT NULL AS published,
  EXISTS (SELECT FROM records r WHERE r.source = o.source AND r.event_id = o.event_id) AS arrived,
  EXISTS (SELECT FROM dead_letters d WHERE d.source = o.source AND d.event_id = o.event_id
   AND d.reason = 'unpublishable') AS unpublishable
 FROM outbox o WHERE o.topic = ANY(%s) AND o.partition < 0 AND o.source <> %s) AS accepted
"""
#: Events of a type that a record applied, and those whose records only repeat what is known: after
#: a journal was decided again, the log is read from its beginning.
_APPLIED_EVENTS = """
(SELECT source, event_id FROM records WHERE fate = 'applied' AND event_type = %(type)s
 UNION SELECT r.source, r.event_id FROM records r
 JOIN outcomes o ON o.source = r.source AND o.event_id = r.event_id AND o.fate = 'applied'
 WHERE r.fate = 'duplicate' AND r.event_type = %(type)s)
"""
_APPLIED = f"SELECT count(*) FROM {_APPLIED_EVENTS} AS r"  # noqa: S608 - our own clause
_STATES = """
SELECT state, count(*) FROM cases WHERE version > 0 AND history_ref = '' GROUP BY 1 ORDER BY 1
"""
_HISTORY = "SELECT coalesce(sum(history_rows), 0) FROM cases WHERE history_ref <> ''"
_REPORTS_WITHOUT_CASE = f"""
SELECT j.shard, j.seq, j.subject FROM journal j
JOIN {_APPLIED_EVENTS} AS r ON r.source = j.source AND r.event_id = j.event_id
WHERE j.event_type = %(type)s
 AND NOT EXISTS (SELECT FROM cases c WHERE c.id::text = j.subject AND c.version > 0)
ORDER BY 1, 2 LIMIT 20
"""  # noqa: S608 - our own clauses
_CASES_WITHOUT_REPORT = f"""
SELECT c.id::text FROM cases c WHERE c.version > 0 AND c.history_ref = ''
 AND NOT EXISTS (SELECT FROM journal j JOIN {_APPLIED_EVENTS} AS r
  ON r.source = j.source AND r.event_id = j.event_id
  WHERE j.event_type = %(type)s AND j.subject = c.id::text)
ORDER BY 1 LIMIT 20
"""  # noqa: S608 - our own clauses


def reconcile(
    connection: Connection,
    *,
    now: datetime,
    offline: timedelta,
    spools: Iterable[SpoolSeen] = (),
    ends_of: Callable[[], Mapping[int, Mapping[str, int]] | None] = lambda: None,
) -> Reconciled:
    """Compute every equation from one snapshot.

    `offline` is how long an app's number may be missing before it counts as lost; `spools` are
    what apps still hold; `ends_of` asks for the topics' ends, None where the broker is away.
    """
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        partitions, gaps = _partitions(connection)
        # Asked after the snapshot was taken: what it calls published lies in the topics by now.
        doors = _doors(connection, partitions, ends_of())
        numbers = arrived_numbers(connection)
        producers, lost = count_producers(numbers, spools, now=now, offline=offline)
        reports = _reports(connection)
        checks, broken = check_rows(connection)
        gaps += [
            *_door_gaps(doors),
            *lost,
            *_report_gaps(connection, reports),
            *broken,
        ]
    return Reconciled(
        at=now,
        partitions=tuple(count for count, _ in partitions.values()),
        doors=doors,
        producers=tuple(producers),
        reports=reports,
        checks=tuple(checks),
        gaps=tuple(gaps),
    )


#: (topic id, partition) → what was counted, and the next offset to be read
_Partitions = dict[tuple[str, int], tuple[PartitionCount, int]]


def _partitions(connection: Connection) -> tuple[_Partitions, list[Gap]]:
    positions = {
        (topic_id, shard): (topic, following, first)
        for topic, topic_id, shard, following, first in connection.execute(_POSITIONS)
    }
    fates: dict[tuple[str, int], dict[str, int]] = {}
    names = {key: topic for key, (topic, _, _) in positions.items()}
    spans: dict[tuple[str, int], tuple[int, int]] = {}
    for topic, topic_id, partition, fate, count, lowest, highest in connection.execute(_RECORDS):
        key = (topic_id, partition)
        names[key] = topic
        fates.setdefault(key, {})[fate] = count
        low, high = spans.get(key, (lowest, highest))
        spans[key] = (min(low, lowest), max(high, highest))
    found: _Partitions = {}
    gaps: list[Gap] = []
    for key in sorted(names, key=lambda key: (names[key], key[1], key[0])):
        position = positions.get(key)
        following, first = (position[1], position[2]) if position else (0, 0)
        count = PartitionCount(
            topic=names[key],
            topic_id=key[0],
            partition=key[1],
            read=following - first if position else None,
            records=sum(fates.get(key, {}).values()),
            fates=dict(sorted(fates.get(key, {}).items())),
        )
        low, high = (first, following - 1) if position else spans[key]
        found[key] = (count, following)
        gaps += _partition_gaps(connection, count, span=(low, high), held=spans.get(key))
    return found, gaps


def _partition_gaps(
    connection: Connection,
    count: PartitionCount,
    *,
    span: tuple[int, int],
    held: tuple[int, int] | None,
) -> Iterator[Gap]:
    low, high = span
    place = f"{count.topic}/{count.partition} ({count.topic_id})"
    if held is not None and (held[0] < low or held[1] > high):
        yield Gap(
            equation=READ,
            place=place,
            explanation=f"records {held[0]}–{held[1]} reach beyond what was read, {low}–{high}",
        )
    if count.records == high - low + 1:
        return
    rows = connection.execute(_MISSING, (low, high, count.topic_id, count.partition)).fetchall()
    if rows:
        offsets = ", ".join(str(row[0]) for row in rows)
        yield Gap(equation=READ, place=place, explanation=f"no record of offset {offsets}")


def _doors(
    connection: Connection,
    partitions: _Partitions,
    ends: Mapping[int, Mapping[str, int]] | None,
) -> DoorCount:
    row = connection.execute(_DOORS, (list(INBOUND_TOPICS), ENGINE_SOURCE)).fetchone()
    accepted, arrived, unpublishable, waiting, on_the_way = row or (0, 0, 0, 0, 0)
    return DoorCount(
        accepted=accepted,
        arrived=arrived,
        unpublishable=unpublishable,
        waiting=waiting,
        on_the_way=on_the_way,
        unread=None if ends is None else _unread(partitions, ends),
    )


def _unread(partitions: _Partitions, ends: Mapping[int, Mapping[str, int]]) -> int:
    read_to = {
        (count.topic, count.partition): following
        for count, following in partitions.values()
        if count.read is not None
    }
    return sum(
        max(end - read_to.get((topic, shard), 0), 0)
        for shard, topics in ends.items()
        for topic, end in topics.items()
    )


def _door_gaps(doors: DoorCount) -> Iterator[Gap]:
    """What is on its way must lie in the topics."""
    if doors.unread is not None and doors.on_the_way > doors.unread:
        yield Gap(
            equation=DOORS,
            place="outbox",
            explanation=f"{doors.on_the_way} events were published and have no record,"
            f" but only {doors.unread} records lie unread",
        )


def _reports(connection: Connection) -> ReportCount:
    states = dict(connection.execute(_STATES).fetchall())
    merged = states.pop(str(CaseState.MERGED), 0)
    rejected = states.pop(str(CaseState.REJECTED), 0)
    return ReportCount(
        applied=_one(connection, _APPLIED, {"type": _FILED}),
        own=states,
        merged=merged,
        rejected=rejected,
        history_applied=_one(connection, _APPLIED, {"type": _IMPORTED}),
        history_rows=_one(connection, _HISTORY),
    )


def _report_gaps(connection: Connection, reports: ReportCount) -> Iterator[Gap]:
    for shard, seq, subject in connection.execute(
        _REPORTS_WITHOUT_CASE.encode(), {"type": _FILED}
    ).fetchall():
        yield Gap(
            equation=REPORTS,
            place=f"journal {shard}/{seq}",
            explanation=f"the report was applied, but its case {subject} is not there",
        )
    for (case_id,) in connection.execute(
        _CASES_WITHOUT_REPORT.encode(), {"type": _FILED}
    ).fetchall():
        yield Gap(
            equation=REPORTS,
            place=f"case {case_id}",
            explanation="no applied report opened it",
        )
    counted = sum(reports.own.values()) + reports.merged + reports.rejected
    if reports.applied != counted:
        yield Gap(
            equation=REPORTS,
            place="records and cases",
            explanation=f"{reports.applied} applied reports, {counted} cases",
        )
    if reports.history_applied != reports.history_rows:
        yield Gap(
            equation=REPORTS,
            place="imported cases",
            explanation=f"{reports.history_applied} rows were applied,"
            f" the cases count {reports.history_rows}",
        )


def _one(connection: Connection, query: str, values: Any = None) -> int:
    row = connection.execute(query.encode(), values).fetchone()
    return int(row[0]) if row else 0
