"""What goes wrong on the way: between publishing and marking, by sending again, with Prefect."""

import os
import signal
import time
from collections.abc import Iterable
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path

import psycopg
import pytest
from kafka import TopicPartition

from events.clients import Consumer
from events.contract.registry import INBOUND_TOPICS
from flows.conductor import Conductor, Outbound
from partygrid import bootstrap, rebuild
from partygrid.embedded.child import Process, running
from partygrid.embedded.ports import free_port
from partygrid.embedded.postgres import Postgres
from partygrid.embedded.prefect_server import PrefectServer
from partygrid.embedded.servers import PREFECT_DATABASE
from partygrid.sample.draw import Draw
from partygrid.simulation.faults import Order, Orders
from partygrid.simulation.stage import Stage
from tests.services.apache import Apache
from tests.services.hardness import HARD
from tests.services.lapse import (
    SEED,
    Connection,
    Disturbance,
    Strikes,
    compared,
    letters,
    played,
    repeats,
)
from tests.services.play import stay_away, stayed
from tests.services.report import Report
from tests.services.waiting import soon

pytestmark = pytest.mark.timeout(HARD.patience)


def test_the_relay_dies_between_publishing_and_marking(
    kafka: Apache, undisturbed: Postgres, server_folder: Path, report: Report
) -> None:
    begun, strikes = time.monotonic(), list[Strikes]()

    def die(stage: Stage) -> bool:
        orders = Orders(stage.settings.home)
        orders.give(Order.DIE_BEFORE_MARK)
        return soon(lambda: not orders.waits(Order.DIE_BEFORE_MARK), seconds=0.3)

    def disturb(stage: Stage) -> Strikes:
        strikes.append(Strikes(stage, HARD.relay_kills, die))
        return strikes[-1]

    with (
        played(kafka, server_folder / "relay", Disturbance(disturb=disturb)) as one,
        bootstrap.connected(undisturbed.url("partygrid")) as reference,
    ):
        found, usual = compared(one, reference), _fates(reference).get("duplicate", 0)
        again = written_again(kafka, one.stage) + repeats(one) - usual
        row = found.row(
            f"relay killed between publishing and marking, {HARD.relay_kills} times",
            seconds=time.monotonic() - begun,
            repeats=again + usual,
        )
    assert found.differences == found.unsound == []
    assert strikes[0].hits == HARD.relay_kills
    # What was published and not marked went out again: whoever reads it knows it by its id.
    assert again >= HARD.relay_kills
    report.add(row)


def written_again(kafka: Apache, stage: Stage) -> int:
    """Return how many records more lie on the topics for apps than were to be published there."""
    with bootstrap.connected(stage.settings.address("database_url")) as connection:
        rows = connection.execute(
            "SELECT topic, count(*) FROM outbox WHERE published_at IS NOT NULL"
            " AND topic <> ALL(%s) GROUP BY 1",
            (list(INBOUND_TOPICS),),
        ).fetchall()
    with closing(Consumer(**kafka.client(), group_id=None)) as reader:
        ends = reader.end_offsets([TopicPartition(topic, 0) for topic, _ in rows])
    return sum(map(int, ends.values())) - sum(int(count) for _, count in rows)


class Stuttering(Conductor):
    """Writes every record of the day one to five times."""

    written = 0

    def release(self, instant: datetime, records: Iterable[Outbound] = ()) -> None:
        """Let copies follow, of each record a number of its own; the directory comes once."""
        given = list(records)
        if len(given) < DIRECTORY:
            draw = Draw(SEED)
            copies = [
                one
                for number, one in enumerate(given)
                for _ in range(draw.between(0, 4, "copies", instant.isoformat(), number))
            ]
            Stuttering.written += len(copies)
            given += copies
        super().release(instant, given)


#: The release that brings the county has more records than any other.
DIRECTORY = 1000


def test_every_event_is_sent_up_to_five_times(
    kafka: Apache, undisturbed: Postgres, server_folder: Path, report: Report
) -> None:
    begun, Stuttering.written = time.monotonic(), 0
    with (
        played(kafka, server_folder / "again", Disturbance(conducted=Stuttering)) as one,
        bootstrap.connected(undisturbed.url("partygrid")) as reference,
    ):
        found = compared(one, reference, counted_once=True)
        repeated = repeats(one)
        row = found.row(
            "every record written 1 to 5 times",
            seconds=time.monotonic() - begun,
            repeats=repeated,
        )
        usual = _fates(reference)
        more = sum(found.fates.values()) - sum(usual.values())
        # What lies in a wrong partition is sent on each time it comes.
        sent_on = found.fates["forwarded"] - usual["forwarded"]
    assert found.differences == found.unsound == []
    # Every copy has a fate of its own; most are known, the others are put aside each time.
    assert more - sent_on == Stuttering.written > 100
    assert repeated > Stuttering.written / 2
    report.add(row)


def test_prefect_is_away_at_the_start_and_for_a_while(
    kafka: Apache, undisturbed: Postgres, server_folder: Path, report: Report
) -> None:
    begun, home = time.monotonic(), server_folder / "prefect-away"
    database = Postgres(home / "postgres", durable=False)
    server = PrefectServer(
        server_folder / "prefect-server", free_port(), database.asyncpg_url(PREFECT_DATABASE)
    )
    strikes: list[Strikes] = []
    with ExitStack() as stack:
        turns = Turns(server)
        stack.callback(turns.close)

        def disturb(stage: Stage) -> Strikes:
            strikes.append(Strikes(stage, HARD.prefect_turns, turns))
            return strikes[-1]

        fields = {"prefect_api_url": server.api_url, "prefect_api_auth": server.auth}
        with (
            played(kafka, home, Disturbance(disturb=disturb, fields=fields)) as one,
            bootstrap.connected(undisturbed.url("partygrid")) as reference,
        ):
            found = compared(one, reference)
            row = found.row(
                f"Prefect's server away at the start and killed in the middle{stayed()}",
                seconds=time.monotonic() - begun,
                repeats=repeats(one),
            )
            runs = turns.runs(database)
    assert found.differences == found.unsound == []
    assert strikes[0].hits == HARD.prefect_turns
    # While it was there it was used: the records of those runs exist, and only those.
    assert runs > 0
    report.add(row)


class Turns:
    """Starts Prefect's server and kills it in turns."""

    def __init__(self, server: PrefectServer) -> None:
        self._server, self._up = server, ExitStack()
        self._process: Process | None = None

    def __call__(self, stage: Stage) -> bool:
        if self._process is None:
            self._process = self._up.enter_context(running(self._server.child()))
        else:
            self.close()
            stay_away(stage)
        return True

    def close(self) -> None:
        """Kill it where it runs."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process = None
        self._up.close()

    def runs(self, database: Postgres) -> int:
        """Return how many flow runs it knows."""
        with psycopg.connect(database.url(PREFECT_DATABASE)) as connection:
            row = connection.execute("SELECT count(*) FROM flow_run").fetchone()
        return int(row[0]) if row else 0


def test_the_comparison_finds_a_row_that_is_missing_in_any_table(undisturbed: Postgres) -> None:
    undisturbed.create_database("planted", template="partygrid")
    with (
        bootstrap.connected(undisturbed.url("partygrid")) as one,
        bootstrap.connected(undisturbed.url("planted")) as other,
    ):
        assert rebuild.compare(one, other) == []
        assert letters(one) == letters(other)
        # As somebody would who may do everything: without triggers.
        other.execute("SET session_replication_role = replica")
        taken = {table for table in [*rebuild.COMPARED, "dead_letters"] if _take_one(other, table)}
        missing = rebuild.compare(one, other)
        assert {difference.table for difference in missing} == taken - {"dead_letters"}
        assert {difference.kind for difference in missing} == {"missing"}
        assert len(missing) == len(taken) - 1
        assert (letters(one) - letters(other)).total() == 1
        assert {"journal", "audit", "cases", "timers", "notices", "dead_letters"} <= taken


def _take_one(connection: Connection, table: str) -> bool:
    """Delete a row that is compared; tell whether there was one."""
    compared = {
        "notices": "NOT starts_with(kind, 'digest')",
        "outcomes": "fate <> 'dead-lettered'",
    }
    chosen = f"SELECT ctid FROM {table} WHERE {compared.get(table, 'true')} LIMIT 1"  # noqa: S608
    query = f"DELETE FROM {table} WHERE ctid = ({chosen})"  # noqa: S608 - names of ours
    return connection.execute(query.encode()).rowcount == 1


def _fates(connection: Connection) -> dict[str, int]:
    rows = connection.execute("SELECT fate, count(*) FROM records GROUP BY 1").fetchall()
    return dict(rows)
