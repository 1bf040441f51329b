"""What must hold after every fault, and a second way to count it: by reading the topics."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from kafka import TopicPartition

from events.admission import ENGINE_SOURCE
from events.clients import Consumer
from events.contract.registry import INBOUND_TOPICS
from models.values import SETTLED_STATES
from partygrid import bootstrap
from partygrid.keyring import Keyring
from partygrid.operations.audit import verify_database
from partygrid.operations.rebuilding import new_database, rebuild_into
from partygrid.operations.reconcile import reconcile
from partygrid.operations.reconciled import Reconciled
from partygrid.status import end_offsets
from tests.services.live import PATIENCE, Live
from tests.services.report import Row

#: Topic id of a record's coordinate is the database's; the reader knows topics by name.
Place = tuple[str, int, int]


class Lying(NamedTuple):
    """A record as a plain reader finds it in a topic."""

    event_id: str
    #: when the log took it
    at: datetime


class Held(NamedTuple):
    """What was counted while everything held; for the report."""

    fates: Mapping[str, int]
    #: records that were there before, in one form or another
    repeats: int
    entries: int
    differences: int
    lying: Mapping[Place, Lying]


class _Counted(NamedTuple):
    """The same records counted three ways while nothing moved."""

    lying: Mapping[Place, Lying]
    #: fate and event by place, as the database has them
    rows: Mapping[Place, tuple[str, str]]
    reconciled: Reconciled


def everything_holds(live: Live) -> Held:
    """Check what must hold when all is settled; fail with what does not."""
    counted = _counted_at_rest(live)
    assert counted.rows.keys() == counted.lying.keys()
    fates = Counter(fate for fate, _ in counted.rows.values())
    assert counted.reconciled.gaps == ()
    assert sum((Counter(one.fates) for one in counted.reconciled.partitions), Counter()) == fates
    _names_the_same(counted.lying, counted.rows)
    _no_gap_in_sequences(live)
    _somebody_must_act(live)
    _audit_verifies(live)
    entries, differences = _rebuilt(live)
    return Held(
        fates=dict(sorted(fates.items())),
        repeats=fates["duplicate"],
        entries=entries,
        differences=differences,
        lying=counted.lying,
    )


def _counted_at_rest(live: Live) -> _Counted:
    """Count while nothing moves: engines go on, and where a timer comes due meanwhile, again."""
    deadline = time.monotonic() + PATIENCE
    while True:
        live.settle()
        before = _moved(live)
        counted = _Counted(read_all(live.client), _fates_by_place(live), _reconciled(live))
        live.settle()
        if _moved(live) == before:
            return counted
        assert time.monotonic() < deadline, "timers come due faster than they can be counted"


def _moved(live: Live) -> tuple[Any, ...]:
    """Return what grows with all that is decided, written or read."""
    query = "SELECT s.shard, s.seq, s.audit_seq, s.positions FROM shards s ORDER BY 1"
    return (*live.rows(query), *live.fates().items(), *ends(live.client).items())


_CHECKED = "rebuilt equal; adds up, counted twice; nobody idle; none late unread; verified"


def told(fault: str, load: str, held: Held, begun: float, *, checked: str = _CHECKED) -> Row:
    """Return a row of the report: everything held."""
    return Row(
        fault=fault,
        load=load,
        fates=dict(held.fates),
        repeats=held.repeats,
        differences=held.differences,
        seconds=round(time.monotonic() - begun, 1),
        checked=checked,
    )


def repeats_of_apps(live: Live) -> int:
    """Return how many records of apps were there before; the relay may repeat follow-ups too."""
    query = "SELECT count(*) FROM records WHERE fate = 'duplicate' AND source <> %s"
    found: int = live.rows(query, ENGINE_SOURCE)[0][0]
    return found


# --- reading the topics --------------------------------------------------------------------------


def _reader(client: Mapping[str, Any]) -> Consumer:
    """Return a client without a group, patient while much else runs on the machine."""
    return Consumer(**{**client, "group_id": None, "bootstrap_timeout_ms": 60_000})


def ends(client: Mapping[str, Any]) -> dict[tuple[str, int], int]:
    """Return behind which offset each inbound partition ends, for a plain reader."""
    with closing(_reader(client)) as reader:
        return {(one.topic, one.partition): end for one, end in _ends(reader).items()}


def _ends(reader: Consumer) -> dict[TopicPartition, int]:
    every = [
        TopicPartition(topic, number)
        for topic in INBOUND_TOPICS
        for number in sorted(reader.partitions_for_topic(topic) or ())
    ]
    found: dict[TopicPartition, int] = reader.end_offsets(every)
    return found


def read_all(client: Mapping[str, Any]) -> dict[Place, Lying]:
    """Read every inbound topic from its beginning to its end, as anybody could."""
    found: dict[Place, Lying] = {}
    with closing(_reader(client)) as reader:
        wanted = {one: end for one, end in _ends(reader).items() if end}
        reader.assign(list(wanted))
        reader.seek_to_beginning(*wanted)
        while any(reader.position(one) < end for one, end in wanted.items()):
            for records in reader.poll(timeout_ms=500).values():
                for one in records:
                    found[one.topic, one.partition, one.offset] = Lying(
                        event_id=_id_of(one.headers),
                        at=datetime.fromtimestamp(one.timestamp / 1000, UTC),
                    )
    return found


def _id_of(headers: Iterable[tuple[str, bytes]]) -> str:
    return next((text.decode(errors="replace") for name, text in headers if name == "ce_id"), "")


# --- holding it against the rows -----------------------------------------------------------------


def _fates_by_place(live: Live) -> dict[Place, tuple[str, str]]:
    rows = live.rows('SELECT topic, partition, "offset", fate, event_id FROM records')
    places = {
        (topic, partition, offset): (fate, told) for topic, partition, offset, fate, told in rows
    }
    assert len(places) == len(rows)
    return places


def _names_the_same(lying: Mapping[Place, Lying], counted: Mapping[Place, tuple[str, str]]) -> None:
    """Every row speaks of the record that lies there; one nobody can read has no name."""
    wrong = {
        place: (lying[place].event_id, told)
        for place, (fate, told) in counted.items()
        if told != lying[place].event_id and not (fate == "dead-lettered" and not told)
    }
    # Of structured events the id stands in the value.
    assert all(not header for header, _ in wrong.values()), wrong


def _reconciled(live: Live) -> Reconciled:
    shards = list(range(live.settings.partitions))
    with bootstrap.connected(live.url) as connection:
        return reconcile(
            connection,
            now=datetime.now(UTC),
            offline=timedelta(days=1),
            ends_of=lambda: end_offsets(live.settings, shards),
        )


def _no_gap_in_sequences(live: Live) -> None:
    """Journal and audit count 1, 2, 3 … in each shard, up to what the shard's row says."""
    for table, column in (("journal", "seq"), ("audit", "audit_seq")):
        query = (
            f"SELECT s.shard FROM shards s LEFT JOIN {table} t ON t.shard = s.shard"  # noqa: S608
            f" GROUP BY s.shard, s.{column} HAVING count(t.seq) <> s.{column}"
            f" OR coalesce(max(t.seq), 0) <> s.{column} OR coalesce(min(t.seq), 1) <> 1"
        )
        assert live.rows(query) == []


def _somebody_must_act(live: Live) -> None:
    settled = [str(state) for state in SETTLED_STATES]
    idle = live.rows(
        "SELECT c.id::text, c.state FROM cases c WHERE c.version > 0 AND c.state <> ALL(%s)"
        " AND coalesce(c.owner, 'null') = 'null'"
        " AND NOT EXISTS (SELECT FROM timers t WHERE t.subject = c.id::text)",
        settled,
    )
    assert idle == []


def _audit_verifies(live: Live) -> None:
    keys = Keyring(live.settings).seal_publics()
    with bootstrap.connected(live.url) as connection:
        report = verify_database(connection, keys=keys)
    assert report.is_sound, str(report)


def _rebuilt(live: Live) -> tuple[int, int]:
    def kept() -> int:
        ((count,),) = live.rows("SELECT count(*) FROM journal")
        return int(count)

    before = kept()
    with new_database(live.settings) as fresh:
        entries, differences = rebuild_into(live.settings, fresh.url, datetime.now(UTC))
    assert differences == []
    # The engines go on meanwhile, and a timer may come due.
    assert before <= entries <= kept()
    return entries, len(differences)


# --- answers that lay unread ---------------------------------------------------------------------


def fired_over_an_unread_answer(live: Live, held: Held) -> list[tuple[Any, ...]]:
    """Return firings decided before a record of their shard that the log took before their time.

    Counted from the log's own times: holds wherever no engine's clock was turned.
    """
    rows = live.rows(
        "SELECT j.shard, j.seq, j.kind, j.event_id, j.decided_at FROM journal j ORDER BY 1, 2"
    )
    taken = {lying.event_id: lying.at for lying in held.lying.values()}
    late: list[tuple[Any, ...]] = []
    latest: dict[int, tuple[datetime, str]] = {}
    for shard, _, kind, event_id, decided_at in rows:
        if kind == "firing":
            latest[shard] = max(latest.get(shard, (decided_at, "")), (decided_at, event_id))
        elif shard in latest and event_id in taken and taken[event_id] < latest[shard][0]:
            late.append((event_id, taken[event_id], *latest[shard]))
    return late
