"""A timer that kills whoever fires it: three engines die of it, the fourth puts it aside."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from msgspec.structs import replace

from events.contract.envelope import Event
from events.contract.reports import ReportFiled, ReportSource, ReportSupplemented
from flows.apply import Directories
from flows.attempts import Survived
from flows.batch import Batch, DueFiring
from flows.owner import Owner
from models import ledger_store
from models.clocks import ClockKind
from models.policy.people import Role
from models.shard_store import TimerName, note_firings
from models.values import Step, case_id_of
from partygrid import bootstrap
from partygrid.clock import WallClock
from partygrid.embedded.postgres import Postgres
from partygrid.errors import Unavailable
from partygrid.simulation.faults import FaultPlan
from tests.rig import Rig
from tests.rigged import command, found_county, rigged, working
from tests.world import COUNTY, GRID, NOW, TOWNSHIP, acting, person

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

MEMBER = acting(Role.GRID_MEMBER, GRID)
OPERATOR = person(Role.OPERATOR, COUNTY)


@pytest.fixture(scope="module")
def rig(postgres: Postgres, migrated: str, server_folder: Path) -> Iterator[Rig]:
    """No engine runs between the tests; each starts its own."""
    with rigged(postgres, migrated, server_folder) as rig:
        yield rig


@pytest.fixture(scope="module")
def cases(rig: Rig) -> Iterator[str]:
    """Cases that somebody must take the next step in, and an event that waits for another."""
    events = [report(rig, f"第{n}件") for n in range(12)]
    with working(rig.engine):
        found_county(rig)
        rig.at(NOW, *events, early(rig))
    return iter([case_id_of(one.source, one.id) for one in events])


def report(rig: Rig, title: str) -> Event:
    data = ReportFiled(grid=GRID, category="06-02", source=ReportSource.GRID_MEMBER, title=title)
    return rig.event(data, MEMBER, township=TOWNSHIP)


def early(rig: Rig) -> Event:
    return rig.event(
        ReportSupplemented(description="早了"),
        MEMBER,
        township=TOWNSHIP,
        subject=case_id_of("app/test", "never"),
        event_id="early",
    )


def letters(rig: Rig, subject: str) -> list[tuple[str, str]]:
    """Reason and id of the letters of a subject's timers."""
    return [
        (reason, letter)
        for reason, letter in rig.rows(
            "SELECT reason, id::text FROM dead_letters WHERE event_id LIKE %s", f"{subject}|%"
        )
    ]


def epoch(rig: Rig) -> int:
    taken: int = rig.rows("SELECT epoch FROM shards WHERE shard = 0")[0][0]
    return taken


@contextmanager
def dying(rig: Rig, plan: FaultPlan) -> Iterator[subprocess.Popen[bytes]]:
    """Let an engine work in a process of its own that is there again each time it dies."""
    file = rig.settings.home / "faults.json"
    plan.write(file)
    settings = rig.settings.changed(database_url=rig.url)
    module = ("-m", "partygrid.simulation.engine_process")
    process = subprocess.Popen(
        (sys.executable, *module, "--name", "mortal", "--faults", str(file)),
        env=settings.environment(),
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


class Hand:
    """The owner of shard 0 without an engine around it, by the wall clock."""

    def __init__(self, rig: Rig, survived: Survived | None = None) -> None:
        self.connection = bootstrap.connect(rig.url)
        self.notes = bootstrap.connect(rig.url, autocommit=True)
        setting = replace(rig.setting, engine="hand", time_lapse=False)
        self.owner = Owner(
            0, self.connection, self.notes, setting, Directories(), WallClock(), survived
        )

    def due(self, *names: TimerName) -> Batch:
        """These timers as a look finds them when all are due."""
        with self.connection.transaction(), self.connection.cursor() as cursor:
            far = NOW + timedelta(days=1000)
            found = {
                (t.subject, t.clock.key): t for t in ledger_store.due_timers(cursor, [0], far, 999)
            }
        firings = tuple(DueFiring(timer=found[name]) for name in names if name in found)
        return Batch(shard=0, step=Step.INTAKE, firings=firings, recorded_at=NOW)

    def close(self) -> None:
        self.connection.close()
        self.notes.close()


@pytest.fixture
def hands() -> Iterator[list[Hand]]:
    made: list[Hand] = []
    yield made
    for hand in made:
        hand.close()


def names_of(rig: Rig, *cases: str) -> list[TimerName]:
    """The next timer of each case."""
    return [
        (case_id, min(rig.case(case_id).clocks, key=lambda clock: clock.due_at).key)
        for case_id in cases
    ]


def begun(rig: Rig, names: list[TimerName], times: int) -> None:
    """What engines leave behind that died while they fired these."""
    with psycopg.connect(rig.url, autocommit=True) as notes, notes.cursor() as cursor:
        for _ in range(times):
            note_firings(cursor, shard=0, epoch=epoch(rig), timers=names)


def counted(rig: Rig, names: list[TimerName]) -> list[int]:
    """How often these timers were begun; those that are gone are left out."""
    return [
        attempts
        for subject, key in names
        for (attempts,) in rig.rows(
            "SELECT attempts FROM timers WHERE subject = %s AND key = %s", subject, key
        )
    ]


def test_the_patience_of_a_parked_event_is_put_aside_and_replayed_too(
    rig: Rig, cases: Iterator[str], hands: list[Hand]
) -> None:
    assert next(cases)
    ((parked,),) = rig.rows("SELECT id::text FROM parked WHERE event_id = 'early'")
    names = [(parked, "patience")]
    begun(rig, names, 3)
    hands.append(hand := Hand(rig))
    hand.owner.run(hand.due(*names))
    ((reason, letter),) = letters(rig, parked)
    assert reason == "crashed"
    assert command(rig, "dead-letters", "replay", letter, "--as", OPERATOR).exit_code == 0
    hand.owner.run(hand.due(*names))
    assert not rig.rows("SELECT 1 FROM parked WHERE id::text = %s", parked)
    assert rig.rows("SELECT reason FROM dead_letters WHERE event_id = 'early'") == [
        ("parked_too_long",)
    ]


@pytest.mark.parametrize(("deaths", "reasons"), [(2, []), (3, ["crashed"])])
def test_only_the_third_death_proves_it(
    rig: Rig, cases: Iterator[str], hands: list[Hand], deaths: int, reasons: list[str]
) -> None:
    case_id = next(cases)
    names = names_of(rig, case_id)
    begun(rig, names, deaths)
    hands.append(hand := Hand(rig))
    hand.owner.run(hand.due(*names))
    assert [reason for reason, _ in letters(rig, case_id)] == reasons
    assert hand.due(*names).firings == ()


def test_by_the_wall_clock_a_suspect_is_fired_alone_and_the_others_are_looked_up_again(
    rig: Rig, cases: Iterator[str], hands: list[Hand]
) -> None:
    names = names_of(rig, next(cases), next(cases), next(cases))
    begun(rig, names[1:2], 1)
    hands.append(hand := Hand(rig))
    left = []
    for _ in names:
        hand.owner.run(hand.due(*names))
        left.append(len(hand.due(*names).firings))
    assert left == [2, 1, 0]
    assert not rig.rows("SELECT 1 FROM timers WHERE attempts > 0")


def test_a_database_that_goes_away_is_no_death(
    rig: Rig, cases: Iterator[str], hands: list[Hand]
) -> None:
    names, survived = names_of(rig, next(cases), next(cases)), Survived()
    for _ in range(5):
        hands.append(hand := Hand(rig, survived))
        with psycopg.connect(rig.url) as blocker, blocker.cursor() as cursor:
            cursor.execute("LOCK journal IN ACCESS EXCLUSIVE MODE")
            hand.connection.execute("SET lock_timeout = '50ms'")
            hand.connection.commit()
            with pytest.raises(Unavailable):
                hand.owner.run(hand.due(*names))
    assert counted(rig, names) == [1, 1]
    hands.append(hand := Hand(rig, survived))
    assert counted(rig, names) == [0, 0]
    hand.owner.run(hand.due(*names))
    assert hand.due(*names).firings == ()


def test_whoever_lost_the_shard_counts_nothing(
    rig: Rig, cases: Iterator[str], hands: list[Hand]
) -> None:
    names = names_of(rig, next(cases))
    hands += [zombie := Hand(rig), heir := Hand(rig)]
    due = zombie.due(*names)
    with pytest.raises(Unavailable):
        zombie.owner.run(due)
    assert counted(rig, names) == [0]
    heir.owner.run(heir.due(*names))
    assert counted(rig, names) == []


def test_a_timer_that_kills_three_engines_is_put_aside_by_the_fourth(
    rig: Rig, cases: Iterator[str]
) -> None:
    deadly, honest = next(cases), next(cases)
    clock = rig.case(deadly).clock(ClockKind.CASE_DUE) or rig.case(deadly).clocks[0]
    before = epoch(rig)
    plan = FaultPlan(crash_timers=frozenset({(deadly, clock.key)}))
    with dying(rig, plan) as process:
        rig.at(clock.due_at)
        assert process.poll() is None
    # Each that died had taken the shard over; whom the group let go for a while took it once more.
    assert epoch(rig) >= before + 4
    ((reason, letter),) = letters(rig, deadly)
    assert reason == "crashed"
    # Whoever looks at the case sees a clock that never rang, and somebody who must act.
    assert rig.case(deadly).clock(clock.key) == clock
    assert rig.case(deadly).owner is not None
    assert not rig.rows("SELECT 1 FROM timers WHERE subject = %s AND key = %s", deadly, clock.key)
    assert rig.case(honest).clock(clock.key) is None
    told = rig.rows("SELECT value FROM outbox WHERE topic = 'grid.dead-letters' ORDER BY id")
    assert letter in bytes(told[-1][0]).decode()
    shown = command(rig, "dead-letters", "show", letter)
    assert (shown.exit_code, clock.key in shown.stdout) == (0, True)

    done = command(rig, "dead-letters", "replay", letter, "--as", OPERATOR)
    assert done.exit_code == 0, done.output
    with working(rig.build_engine()):
        rig.at(clock.due_at + timedelta(seconds=1))
    assert rig.case(deadly).clock(clock.key) != clock
    rung = rig.rows(
        "SELECT 1 FROM journal WHERE event_id LIKE %s", f"{deadly}|{clock.key}|{clock.generation}|%"
    )
    assert len(rung) == 1
