"""A load: records in the mix of a stretch of work, decided once, and what deciding them wrote.

The records keep their ids, so an engine with the same keys that reads them from a log decides the
same again: a log that was decided once, read by an engine that knows nothing of it, as after a
restore.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg import sql
from psycopg.abc import Params, Query

from bench.matters import next_act, report
from events.admission import ENGINE_SOURCE
from events.contract.envelope import Event
from events.contract.registry import TYPE_OF_PAYLOAD, Topic
from flows.batch import Batch, RawRecord, Result
from models.case_store import load_cases
from models.values import case_id_of
from partygrid.sample.draw import Draw
from partygrid.settings import Settings
from tests.one_shard import OneShard

#: So many matters are under way at a time: enough for transactions as large as the engine's.
AT_A_TIME = 1000
#: More acts than any matter takes.
_MOST_ROUNDS = 30
#: As the engine's own limit, so that the floor's transactions are as large.
BATCH_MAX: int = Settings.model_fields["batch_max"].default


class Statement(NamedTuple):
    """One statement as it was sent."""

    query: Any
    values: Params | None


class Written(NamedTuple):
    """What one transaction decided, and how it was written."""

    records: int
    statements: tuple[Statement, ...]


class Load(NamedTuple):
    """Records in the order in which they were decided."""

    records: tuple[RawRecord, ...]
    #: those that people sent; the others follow from them
    external: frozenset[tuple[str, int]]
    writes: tuple[Written, ...]
    #: of the shard, in the statements' fences
    epoch: int
    #: source and id of each event → how it ended
    outcomes: dict[tuple[str, str], str]
    #: cases by their last state
    states: Counter[str]
    #: rows by table, what was there before left out
    rows: Counter[str]

    def log(self) -> list[RawRecord]:
        """Return what lies in the log when the engine begins: all but what closes the matters.

        Topics are read side by side, so that would be read before the work it closes. It comes
        from the engine itself.
        """
        return [one for one in self.records if not closes_a_matter(one)]

    def logged(self) -> float:
        """Return the bytes that a record takes in the log, with what the engine says of it.

        Its rows of the outbox are taken to be as large as what it reads.
        """
        said = len(self.external) + self.rows["outbox"]
        each = sum(map(_size, self.records)) / len(self.records)
        return each * said / len(self.records)

    def said(self) -> list[RawRecord]:
        """Return what people sent."""
        return [one for one in self.records if (one.at.topic, one.at.offset) in self.external]


class _Statements:
    """What is sent while somebody listens."""

    def __init__(self) -> None:
        self.sent: list[Statement] | None = None

    def note(self, query: Query, values: Params | None) -> None:
        if self.sent is not None and _writes(query):
            self.sent.append(Statement(query, values))

    @contextmanager
    def listening(self) -> Iterator[list[Statement]]:
        sent: list[Statement] = []
        self.sent = sent
        try:
            yield sent
        finally:
            self.sent = None

    def cursor(self) -> type[psycopg.Cursor[Any]]:
        """Return a kind of cursor that says what it sends."""
        note = self.note

        class Noting(psycopg.Cursor[Any]):
            def execute(self, query: Query, params: Params | None = None, **more: Any) -> Any:
                note(query, params)
                return super().execute(query, params, **more)  # type: ignore[arg-type]

        return Noting


def _writes(query: Query) -> bool:
    text = query if isinstance(query, bytes) else str(query).encode()
    return not text.lstrip().upper().startswith(b"SELECT") or b"pg_notify" in text


class Recording(OneShard):
    """Decides, and keeps what it read and wrote."""

    def __init__(self, url: str, home: Path) -> None:
        """Take the shard over."""
        super().__init__(url, home, name="load")
        self.at_once = BATCH_MAX
        self.records: list[RawRecord] = []
        self.writes: list[Written] = []
        self._statements = _Statements()
        self.db.cursor_factory = self._statements.cursor()

    def _decide(self, batch: Batch) -> Result:
        with self._statements.listening() as sent:
            result = super()._decide(batch)
        self.records += batch.records
        self.writes.append(Written(len(batch.records), tuple(sent)))
        return result


def record(
    url: str,
    home: Path,
    *,
    seed: int,
    at_least: int,
    now: datetime,
    at_a_time: int = AT_A_TIME,
    township: str = "",
) -> Load:
    """Decide so many records at least, in a founded county, and whole matters only.

    With a `township` all of them are reported there. All is decided at `now`: what a timer would
    bring is not part of it.
    """
    with closing(Recording(url, home)) as shard:
        before, ids = counted(shard.db), list[str]()
        while len(shard.records) < at_least:
            numbers = range(len(ids), len(ids) + at_a_time)
            ids += matters(shard, Draw(seed), numbers, now, township=township)
        external = frozenset(
            (one.at.topic, one.at.offset) for one in shard.records if not is_follow_up(one)
        )
        return Load(
            tuple(shard.records),
            external,
            tuple(shard.writes),
            shard.state.epoch,
            final_fates(shard.db),
            _states(shard, ids),
            counted(shard.db) - before,
        )


def matters(
    shard: OneShard,
    draw: Draw,
    numbers: Iterable[int],
    now: datetime,
    *,
    rounds: int = _MOST_ROUNDS,
    township: str = "",
) -> list[str]:
    """Bring some matters to their end, one act of each after the other; returns the cases.

    After fewer `rounds` they are left as they stand then.
    """
    filed = [_filed(shard, draw, number, now, township) for number in numbers]
    ids: list[str] = [case_id_of(event.source, event.id) for event in filed]
    events: Sequence[Event] = filed
    for _ in range(rounds):
        if not events:
            return ids
        shard.say(now, *events)
        events = _acts(shard, ids, now)
    if events and rounds == _MOST_ROUNDS:
        raise AssertionError(f"some matters did not end: {_states(shard, ids)}")
    return ids


def _filed(shard: OneShard, draw: Draw, number: int, now: datetime, township: str) -> Event:
    data, who = report(draw, number, township)
    return shard.event(
        data, who, township=data.grid[:9], time=now, event_id=f"report-{draw.seed}-{number}"
    )


def _acts(shard: OneShard, ids: Sequence[str], now: datetime) -> list[Event]:
    with psycopg.Cursor(shard.db) as cursor:
        cases = [one.case for one in load_cases(cursor, 0, list(ids)).values()]
    shard.db.commit()
    acts = [(case, act) for case in cases if (act := next_act(case)) is not None]
    acts.sort(key=lambda one: str(TYPE_OF_PAYLOAD[type(one[1][0])].topic))
    return [
        shard.event(
            data,
            who,
            subject=case.id,
            township=case.township,
            time=now,
            event_id=f"act-{case.id}-{case.version}",
        )
        for case, (data, who) in acts
    ]


def _size(record: RawRecord) -> int:
    return len(record.value) + sum(len(name) + len(text) for name, text in record.headers)


def is_follow_up(record: RawRecord) -> bool:
    """Tell whether the engine said it to itself."""
    return ("ce_source", ENGINE_SOURCE.encode()) in record.headers


def closes_a_matter(record: RawRecord) -> bool:
    """Tell whether the engine said it to itself when a matter was about to be closed."""
    return is_follow_up(record) and record.at.topic == str(Topic.FEEDBACK)


def final_fates(connection: psycopg.Connection[Any]) -> dict[tuple[str, str], str]:
    """Return how each event ended at last; that it came twice, or waited in between, says nothing.

    What the founding of the county said is left out.
    """
    rows = connection.execute(
        "SELECT source, event_id, fate FROM records WHERE fate <> 'duplicate'"
        " AND topic <> 'grid.directory'"
    ).fetchall()
    return {(source, event_id): fate for source, event_id, fate in rows}


def _states(shard: OneShard, ids: Sequence[str]) -> Counter[str]:
    found = shard.rows(
        "SELECT state, count(*) FROM cases WHERE id = ANY(%s::uuid[]) GROUP BY 1", list(ids)
    )
    return Counter(dict(found))


#: What a batch writes to.
TABLES = ("records", "journal", "audit", "outbox", "outcomes", "timers", "notices", "cases")


def counted(connection: psycopg.Connection[Any]) -> Counter[str]:
    """Return how many rows each table has."""
    asked = (
        (name, sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name))) for name in TABLES
    )
    found = {name: connection.execute(query).fetchone() for name, query in asked}
    connection.commit()
    return Counter({name: row[0] for name, row in found.items() if row is not None})
