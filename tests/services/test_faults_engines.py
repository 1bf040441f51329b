"""Engines that are killed, come, go and fall silent: what they decide is what one would decide."""

import time
from pathlib import Path

import psutil
import pytest

from partygrid import bootstrap
from partygrid.embedded.postgres import Postgres
from partygrid.simulation.faults import Order, Orders
from partygrid.simulation.stage import Stage
from tests.services.apache import Apache
from tests.services.hardness import HARD
from tests.services.lapse import Disturbance, Strikes, compared, engine_log, played, repeats
from tests.services.report import Report
from tests.services.waiting import soon

pytestmark = pytest.mark.timeout(HARD.patience)

#: What an engine writes down when the database does not know its epoch any more.
FENCED = "the shard was taken over by another engine"


def test_killed_at_random_moments(
    kafka: Apache, undisturbed: Postgres, server_folder: Path, report: Report
) -> None:
    begun = time.monotonic()
    with (
        played(kafka, server_folder / "killed", Disturbance(kills=HARD.kills)) as one,
        bootstrap.connected(undisturbed.url("partygrid")) as reference,
    ):
        found = compared(one, reference)
        row = found.row(
            f"kill -9 of the engine, {one.stage.kills} times",
            seconds=time.monotonic() - begun,
            repeats=repeats(one),
        )
    assert found.differences == found.unsound == []
    assert one.stage.kills == HARD.kills
    report.add(row)


class Rota:
    """Lets one of three engines leave, and another time join again."""

    def __init__(self) -> None:
        self.away, self.changes, self.owners = "", 0, set[str]()

    def __call__(self, stage: Stage) -> bool:
        if self.away:
            assert soon(lambda: self.away not in owned(stage)[1], stage, seconds=60)
            self.owners.add(owner_of(stage))
            stage.let_join(self.away)
            self.away = ""
        else:
            # Whoever decides at present leaves: the others must take over.
            self.away = owner_of(stage)
            self.owners.add(self.away)
            stage.let_leave(self.away)
        self.changes += 1
        return True


def test_three_engines_join_and_leave_while_work_flows(
    kafka: Apache, undisturbed: Postgres, server_folder: Path, report: Report
) -> None:
    begun, rota = time.monotonic(), Rota()
    disturbance = Disturbance(engines=3, disturb=lambda stage: Strikes(stage, HARD.changes, rota))
    with (
        played(kafka, server_folder / "rota", disturbance) as one,
        bootstrap.connected(undisturbed.url("partygrid")) as reference,
    ):
        found = compared(one, reference)
        row = found.row(
            f"three engines, {rota.changes} times one leaves or joins",
            seconds=time.monotonic() - begun,
            repeats=repeats(one),
        )
    assert found.differences == found.unsound == []
    assert rota.changes == HARD.changes
    assert len(rota.owners) > 1
    report.add(row)


class Sleepers:
    """Puts the deciding engine to sleep in the middle of a transaction, until it is replaced."""

    def __init__(self) -> None:
        #: every shard's epoch when each woke: none of them its own
        self.woken: list[dict[int, int]] = []
        self._ordered = False

    def __call__(self, stage: Stage) -> bool:
        orders = Orders(stage.settings.home)
        if not self._ordered:
            orders.give(Order.FREEZE)
        self._ordered = not soon(lambda: not orders.waits(Order.FREEZE), seconds=0.3)
        if self._ordered:
            return False  # nothing more to decide at this instant: it stays ordered
        assert soon(lambda: bool(asleep(stage)))
        ((sleeper, process),) = asleep(stage)
        assert soon(lambda: sleeper not in owned(stage)[1], stage, seconds=60)
        log = engine_log(stage, sleeper)
        fenced = log.read_text(encoding="utf-8").count(FENCED)
        epochs = owned(stage)[0]
        process.resume()
        assert soon(lambda: log.read_text(encoding="utf-8").count(FENCED) > fenced, stage)
        self.woken.append(epochs)
        return True


def test_an_engine_that_was_asleep_and_replaced_cannot_commit(
    kafka: Apache, undisturbed: Postgres, server_folder: Path, report: Report
) -> None:
    begun, sleepers = time.monotonic(), Sleepers()
    disturbance = Disturbance(engines=2, disturb=lambda stage: Strikes(stage, 2, sleepers))
    with (
        played(kafka, server_folder / "asleep", disturbance) as one,
        bootstrap.connected(undisturbed.url("partygrid")) as reference,
    ):
        found = compared(one, reference)
        row = found.row(
            "an engine stopped (SIGSTOP) in a transaction wakes after its shards were taken, twice",
            seconds=time.monotonic() - begun,
            repeats=repeats(one),
        )
    assert found.differences == found.unsound == []
    first, second = sleepers.woken
    assert all(second[shard] > epoch > 1 for shard, epoch in first.items())
    report.add(row)


def asleep(stage: Stage) -> list[tuple[str, psutil.Process]]:
    """Return the engines that are stopped."""
    found = ((name, stage.process_of(name)) for name in stage.engines)
    return [
        (name, process)
        for name, process in found
        if process is not None and process.status() == psutil.STATUS_STOPPED
    ]


def owned(stage: Stage) -> tuple[dict[int, int], set[str]]:
    """Return every shard's epoch, and who took the shards over last."""
    with bootstrap.connected(stage.settings.address("database_url")) as connection:
        rows = connection.execute("SELECT shard, epoch, owner FROM shards").fetchall()
    return {shard: epoch for shard, epoch, _ in rows}, {owner for *_, owner in rows}


def owner_of(stage: Stage) -> str:
    """Return the engine that decides at present."""
    return sorted(owned(stage)[1])[0]
