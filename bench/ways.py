"""The same events one at a time, by others: each way in a process and on a database of its own."""

import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from msgspec import msgpack

from bench.engine import Run
from bench.ground import Ground, plain_environment
from bench.load import Load, final_fates
from bench.one_by_one import Done, Given
from events.admission import ENGINE_SOURCE
from flows.batch import RawRecord
from models.values import case_id_of
from partygrid import bootstrap
from partygrid.embedded.prefect_server import client_environment

#: Seconds each way has, and after which one is given up that should have ended.
_SECONDS, _GIVE_UP = 12.0, 120
#: More than any way decides in its time.
_CASES = 5000


class Way(NamedTuple):
    """What was done one way or another."""

    name: str
    #: that people sent; what follows from them is work, but no event
    events: int
    took: timedelta

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.took.total_seconds()


def measure(ground: Ground, load: Load, run: Run, *, seconds: float = _SECONDS) -> list[Way]:
    """Decide whole matters event by event, after the engine's own `run` of the same load."""
    said = len(load.external) * run.records // len(load.records)
    return [Way("engine", said, run.took), *_Others(ground, load, seconds).all()]


class _Others:
    """Does the same work in other ways, as far as each gets in its time."""

    def __init__(self, ground: Ground, load: Load, seconds: float) -> None:
        self._ground, self._load, self._seconds = ground, load, seconds
        self._cases = cases_of(load, _CASES)

    def all(self) -> list[Way]:
        return [
            self._way("one by one, nothing around it", "one_by_one"),
            self._prefect("a flow run of Prefect for each"),
            self._dbos("a step of DBOS for each", empty=False),
            self._dbos("an empty step of DBOS for each", empty=True),
        ]

    def _prefect(self, name: str) -> Way:
        with self._ground.prefect() as server:
            home = self._ground.folder / "prefect-client"
            client = client_environment(api_url=server.api_url, auth=server.auth, home=home)
            way = self._way(name, "prefect_runs", environment=client | _PATIENT)
            kept = _count(server.database_url.replace("+asyncpg", ""), _FLOW_RUNS)
        assert kept == way.events, f"{kept} flow runs for {way.events} events"
        return way

    def _dbos(self, name: str, *, empty: bool) -> Way:
        with self._ground.beside("dbos") as url:
            way = self._way(name, "dbos_steps", other_url=url, empty=empty)
            kept = _count(url, _STEPS)
        assert kept == way.events, f"{kept} steps for {way.events} events"
        return way

    def _way(
        self,
        name: str,
        module: str,
        *,
        environment: Mapping[str, str] | None = None,
        other_url: str = "",
        empty: bool = False,
    ) -> Way:
        with self._ground.database() as url:
            given = Given(
                url=url,
                home=str(self._ground.county.home),
                cases=self._cases,
                seconds=self._seconds,
                other_url=other_url,
                empty=empty,
            )
            done = _process(self._ground.folder, module, given, environment or {})
            must_have_ended_alike(url, self._load, 0 if empty else done.events)
        return Way(name, done.events, timedelta(seconds=done.seconds))


#: A measurement waits longer for an answer than an engine does.
_PATIENT = {"PREFECT_API_REQUEST_TIMEOUT": "60"}
_FLOW_RUNS = (
    "SELECT count(*) FROM flow_run JOIN flow ON flow.id = flow_run.flow_id"
    " WHERE flow.name = 'event' AND state_type = 'COMPLETED'"
)
_STEPS = "SELECT count(*) FROM dbos.operation_outputs WHERE error IS NULL"


def _process(folder: Path, module: str, given: Given, more: Mapping[str, str]) -> Done:
    """Have it done by a process that knows nothing of ours."""
    asked, answered = folder / f"{module}.asked", folder / f"{module}.answered"
    asked.write_bytes(msgpack.encode(given))
    command = (sys.executable, "-m", f"bench.{module}", str(asked), str(answered))
    subprocess.run(command, env={**plain_environment(), **more}, check=True, timeout=_GIVE_UP)
    return msgpack.decode(answered.read_bytes(), type=Done)


def must_have_ended_alike(url: str, load: Load, events: int) -> None:
    """Fail unless so many events are in the database, each as it ended in the load."""
    with closing(bootstrap.connect(url)) as connection:
        ended = final_fates(connection)
        said = {event: fate for event, fate in ended.items() if event[0] != ENGINE_SOURCE}
        (rows,) = connection.execute(_SAID, (ENGINE_SOURCE,)).fetchall()
    assert rows == (events,) == (len(said),), f"{rows} of {events} events are in the database"
    other = Counter(fate for event, fate in ended.items() if load.outcomes.get(event) != fate)
    assert not other, f"ended otherwise than in the load: {other}"


_SAID = "SELECT count(*) FROM records WHERE source <> %s"


def _count(url: str, query: str) -> int:
    with closing(bootstrap.connect(url)) as connection:
        ((found,),) = connection.execute(query.encode()).fetchall()
    return int(found)


def cases_of(load: Load, most: int) -> list[list[RawRecord]]:
    """Return what people said of so many cases at most, each in its order."""
    cases: defaultdict[str, list[RawRecord]] = defaultdict(list)
    for record in load.said():
        cases[_case(record)].append(record)
    return list(islice(cases.values(), most))


def _case(record: RawRecord) -> str:
    heads = {name: text.decode() for name, text in record.headers}
    return heads.get("ce_subject") or case_id_of(heads["ce_source"], heads["ce_id"])
