"""An installation by the wall clock, on servers that a test may kill."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import Any
from uuid import uuid4

from msgspec.structs import replace

from events.contract.envelope import Acting, Event
from models.policy.people import Role
from models.policy.schema import Policy
from partygrid.embedded.child import Child, Process, running
from partygrid.embedded.ports import free_port
from partygrid.embedded.postgres import Postgres
from partygrid.embedded.tansu import Tansu
from partygrid.errors import Unavailable
from partygrid.operations.produce import Outcome, await_outcome, event_of, send
from partygrid.processes.topics import TopicKeeper
from tests.rig import Rig
from tests.rigged import found_county, working
from tests.world import GRID, TOWNSHIP, acting


class Mortal:
    """A server that can be killed and started anew at the same address."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self._running: AbstractContextManager[Process] | None = None
        self._process: Process | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._running = running(self.child)
        self._process = self._running.__enter__()

    def kill(self) -> None:
        """Kill it, without a farewell."""
        if self._running is not None and self._process is not None:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGKILL)
            self._running.__exit__(None, None, None)
            self._running = None

    def stop(self) -> None:
        """End it as its operator does."""
        if self._running is not None:
            self._running.__exit__(None, None, None)
            self._running = None

    def signal(self, which: signal.Signals) -> None:
        """Send it a signal."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, which)


class Broker(Mortal):
    """A broker in memory: killed, it forgets everything."""

    def __init__(self, folder: Path) -> None:
        self.server = Tansu(folder, free_port())
        super().__init__(self.server.child())


@contextmanager
def living(
    postgres: Postgres, template: str, folder: Path, broker: Broker, policy: Policy | None = None
) -> Iterator[Rig]:
    """Give a county made in a time-lapse and handed to the wall clock; no engine runs.

    The office's part in it is played: topics that the broker forgot are made again.
    """
    name = folder.name.replace("-", "_")
    postgres.create_database(name, template=template)
    rig = Rig(postgres.url(name), broker.server.bootstrap, folder, policy=policy)
    with working(rig.engine):
        found_county(rig)
    rig.conductor.hand_over()
    rig.conductor.close()
    rig.setting = replace(rig.setting, time_lapse=False)
    stop = Flag()
    keeping = Thread(target=_keep_topics, args=(rig, stop))
    keeping.start()
    try:
        yield rig
    finally:
        stop.set()
        keeping.join()
        rig.db.close()
    postgres.drop_database(name)


def _keep_topics(rig: Rig, stop: Flag) -> None:
    with closing(TopicKeeper(rig.settings, anew=True)) as keeper:
        while not stop.wait(0.2):
            with suppress(Unavailable):
                keeper.look()


def tell(
    rig: Rig, name: str, data: dict[str, Any], by: Acting, *, subject: str = "", township: str = ""
) -> Event:
    """An event put into the outbox now, as a door does."""
    now = datetime.now(UTC)
    attributes = {
        "township": township or TOWNSHIP,
        "subject": subject,
        "actor": by.actor,
        "actingrole": by.role,
        "actingorg": by.org,
    }
    content = json.dumps(data).encode()
    event = event_of(name, content, attributes, event_id=str(uuid4()), now=now)
    send(rig.db, event, own_key=rig.setting.own_key, partitions=rig.partitions, now=now)
    return event


def report(rig: Rig, title: str, **changes: Any) -> Event:
    """A report of the grid member's."""
    data = {"grid": GRID, "category": "06-02", "source": "grid_member", "title": title}
    return tell(rig, "grid.report.filed", data | changes, acting(Role.GRID_MEMBER, GRID))


def publish(rig: Rig) -> None:
    """Bring the outbox to its topics, as an engine's relay does that dies before it reads."""
    engine = rig.build_engine()
    engine._relay.publish_all(range(rig.partitions))
    engine.close()


def outcome(rig: Rig, event: Event, seconds: float = 60) -> Outcome:
    """What became of an event, as soon as that is known."""
    return await_outcome(rig.db, event, timedelta(seconds=seconds))


def overdue(rig: Rig, case_id: str, since: timedelta = timedelta(seconds=1)) -> str:
    """Let the next timer of a case have been due for a while; returns its key."""
    ((key,),) = rig.rows(
        "UPDATE timers t SET due_at = %s WHERE (t.subject, t.key) = (SELECT subject, key"
        " FROM timers WHERE subject = %s ORDER BY due_at, key LIMIT 1) RETURNING t.key",
        datetime.now(UTC) - since,
        case_id,
    )
    return str(key)


def rung(rig: Rig, case_id: str, key: str) -> list[str]:
    """Why the firings of a timer did not wait for unread topics: empty texts where they did."""
    return [
        stalled
        for (stalled,) in rig.rows(
            "SELECT coalesce(body::jsonb->>'stalled', '') FROM journal WHERE kind = 'firing'"
            " AND subject = %s AND body::jsonb->'clock'->>'key' = %s ORDER BY seq",
            case_id,
            key,
        )
    ]
