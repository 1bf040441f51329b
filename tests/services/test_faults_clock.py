"""Clocks that are wrong: engines whose clock is turned while they run, producers hours ahead.

The log's times decide, whatever a clock shows; what lies in a topic is read before any timer fires.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from events.contract.envelope import Event
from events.contract.reports import (
    Place,
    ReportFiled,
    ReportSource,
    ReportSupplemented,
    ReportVerified,
    Verdict,
)
from models.policy.people import Role
from models.values import case_id_of
from partygrid.embedded.postgres import Postgres
from tests.services import turned_clock
from tests.services.apache import Apache
from tests.services.conftest import need
from tests.services.holding import everything_holds, repeats_of_apps, told
from tests.services.live import SOURCE, Live, live, wait_until
from tests.services.report import Report
from tests.services.turned_clock import TurnedClock
from tests.world import GRIDS, acting

pytestmark = pytest.mark.timeout(400)

#: Early words wait so long for their report.
PATIENT = {"intake.yaml": "patience: {grid.reports: 10m}\n"}
_HOUR = timedelta(hours=1)


@pytest.fixture
def county(postgres: Postgres, migrated: str, server_folder: Path, kafka: Apache) -> Iterator[Live]:
    """An installation of this test alone; no engine runs."""
    with live(postgres, migrated, server_folder, kafka, PATIENT) as one:
        yield one


@pytest.fixture
def clock(tmp_path: Path) -> TurnedClock:
    """A clock that shows the true time, so far."""
    need(turned_clock.missing())
    return TurnedClock(tmp_path / "clock")


# --- what is said --------------------------------------------------------------------------------


def filed(county: Live, name: str, source: ReportSource, ago: timedelta = timedelta()) -> Event:
    """A report; a villager's must be looked at on the spot."""
    grid = _grid(name)
    where = Place(lon=121 + int.from_bytes(name.encode()[-4:]) % 9973 / 1000, lat=30)
    data = ReportFiled(
        grid=grid, category="06-02", source=source, title=name, place=where, reporter_ref="r1"
    )
    who = acting(Role.GRID_MEMBER, grid)
    return county.event(data, who, township=grid[:9], event_id=name, ago=ago)


def words(county: Live, name: str) -> Event:
    """Words about a matter that nobody has reported yet."""
    grid = _grid(name)
    return county.event(
        ReportSupplemented(description=name),
        acting(Role.GRID_MEMBER, grid),
        subject=case_id_of(SOURCE, name),
        township=grid[:9],
        event_id=f"words-{name}",
    )


def verified(county: Live, name: str) -> Event:
    """The answer of whoever looked."""
    grid = _grid(name)
    return county.event(
        ReportVerified(verdict=Verdict.EXISTS),
        acting(Role.GRID_MEMBER, grid),
        subject=case_id_of(SOURCE, name),
        township=grid[:9],
    )


def _grid(name: str) -> str:
    return GRIDS[int(name.rpartition("-")[2]) % len(GRIDS)]


def names(kind: str, count: int = 24) -> list[str]:
    """Return so many names of matters."""
    return [f"{kind}-{number}" for number in range(count)]


# --- what is asked -------------------------------------------------------------------------------


def rung(county: Live, key: str) -> set[str]:
    """Return the subjects on which this clock ran out."""
    query = "SELECT split_part(event_id, '|', 1) FROM journal WHERE kind = 'firing' AND"
    return {row[0] for row in county.rows(f"{query} split_part(event_id, '|', 2) = %s", key)}


def letters(county: Live) -> set[str]:
    """Return the ids of events that waited in vain."""
    return {row[0] for row in county.rows("SELECT event_id FROM dead_letters")}


# --- tests ---------------------------------------------------------------------------------------


def test_clocks_turned_forwards_and_back_while_engines_run(
    county: Live, clock: TurnedClock, report: Report
) -> None:
    begun = time.monotonic()
    engines = [county.engine(name, **clock.environment) for name in ("e1", "e2")]
    county.found()
    waiting, asked = names("waiting"), names("asked")
    county.send(*(words(county, name) for name in waiting))
    county.send(*(filed(county, name, ReportSource.VILLAGER) for name in asked))
    county.settle()

    # Forwards by 25 hours: every limit is over; half of the answers lie there unread.
    for engine in engines:
        engine.freeze()
    county.send(*(filed(county, name, ReportSource.GRID_MEMBER) for name in waiting[::2]))
    county.send(*(verified(county, name) for name in asked[::2]))
    clock.turn(25 * _HOUR)
    for engine in engines:
        engine.thaw()
    in_vain = {f"words-{name}" for name in waiting[1::2]}
    late = {case_id_of(SOURCE, name) for name in asked[1::2]}
    wait_until(lambda: letters(county) >= in_vain and rung(county, "verify") >= late)
    county.settle()
    assert letters(county) == in_vain
    assert rung(county, "verify") == late

    # Back to the true time: what comes now is decided at the log's time.
    clock.turn(timedelta())
    later = names("later")
    county.send(*(words(county, name) for name in later))
    county.send(*(filed(county, name, ReportSource.GRID_MEMBER) for name in later))
    county.settle()
    before = {row[0] for row in county.rows("SELECT event_id FROM journal")}

    # Back by two minutes more: an engine behind the log decides by its own clock. Then forwards
    # over the limits it set meanwhile, and back to the true time.
    clock.turn(timedelta(minutes=-2))
    behind = names("behind")
    county.send(*(words(county, name) for name in behind))
    county.settle()
    county.send(*(filed(county, name, ReportSource.GRID_MEMBER) for name in behind[::2]))
    county.settle()
    clock.turn(timedelta(minutes=15))
    in_vain |= {f"words-{name}" for name in behind[1::2]}
    wait_until(lambda: letters(county) >= in_vain)
    clock.turn(timedelta())
    county.settle()
    assert letters(county) == in_vain
    assert county.reasons() == {"parked_too_long": len(in_vain)}
    wait_until(lambda: overdue(county) == 0)
    county.settle()
    held = everything_holds(county)
    assert fired_twice(county) == []
    # What the engines publish may lie there twice; what was decided is what lay there first.
    assert held.fates.keys() - {"duplicate"} == {"applied", "dead-lettered"}
    assert repeats_of_apps(county) == 0
    taken = dict[str, datetime]()
    for one in held.lying.values():
        taken[one.event_id] = min(one.at, taken.get(one.event_id, one.at))
    wrong = {
        event_id: (decided_at, taken[event_id])
        for event_id, decided_at in county.rows("SELECT event_id, decided_at FROM journal")
        if event_id in before and event_id in taken and decided_at != taken[event_id]
    }
    assert wrong == {}
    assert _audited_at_other_times(county) == []
    report.add(
        told(
            "engines' clock turned by +25 h, back, by −2 min, by +15 min and back",
            f"{len(taken)} records; {len(in_vain | late)} limits missed, as many met",
            held,
            begun,
            checked="no timer twice or lost; none over an unread answer; the log's times decide",
        )
    )


def overdue(county: Live) -> int:
    """Return how many timers should have fired by the true time."""
    now = datetime.now(UTC) - timedelta(seconds=5)
    found: int = county.rows("SELECT count(*) FROM timers WHERE due_at < %s", now)[0][0]
    return found


def fired_twice(county: Live) -> list[tuple[object, ...]]:
    """Return the clocks that rang more than once in one generation."""
    return county.rows(
        "SELECT split_part(event_id, '|', 1), split_part(event_id, '|', 2),"
        " split_part(event_id, '|', 3) FROM journal WHERE kind = 'firing'"
        " GROUP BY 1, 2, 3 HAVING count(*) > 1"
    )


def _audited_at_other_times(county: Live) -> list[tuple[object, ...]]:
    """Return firings whose time is not when they were due, in the journal or in the audit."""
    return county.rows(
        "SELECT j.event_id, j.decided_at, a.act::json->>'decided_at' FROM journal j"
        " LEFT JOIN audit a ON a.act::json->>'event_id' = j.event_id WHERE j.kind = 'firing'"
        " AND (j.decided_at <> split_part(j.event_id, '|', 4)::timestamptz"
        "  OR (a.act::json->>'decided_at')::timestamptz <> j.decided_at)"
    )


def test_producers_whose_clock_is_hours_ahead(county: Live, report: Report) -> None:
    """What they stamp counts nowhere: the log has its own time."""
    begun, six_hours = datetime.now(UTC), 6 * _HOUR
    started = time.monotonic()
    county.engine("e1")
    county.engine("e2")
    county.found()
    good = names("good", 60)
    county.send(*(words(county, name) for name in good[:20]), stamped=datetime.now(UTC) + six_hours)
    soon = timedelta(minutes=2)
    county.send(
        *(filed(county, name, ReportSource.VILLAGER, -soon) for name in good),
        stamped=datetime.now(UTC) + six_hours,
    )
    ahead = names("ahead", 20)
    county.send(
        *(filed(county, name, ReportSource.VILLAGER, -six_hours) for name in ahead),
        stamped=datetime.now(UTC) + six_hours,
    )
    county.settle()
    held = everything_holds(county)
    assert county.reasons() == {"implausible_time": len(ahead)}
    assert letters(county) == set(ahead)
    assert all(begun <= one.at <= datetime.now(UTC) for one in held.lying.values())
    decided = county.rows("SELECT min(decided_at), max(decided_at) FROM journal")
    assert begun <= decided[0][0] <= decided[0][1] <= datetime.now(UTC)
    # Nothing ran out that their clock says is over.
    assert rung(county, "verify") == set()
    assert overdue(county) == 0
    report.add(
        told(
            "producers whose clock is six hours ahead",
            f"{len(held.lying)} records, two engines",
            held,
            started,
            checked="decided when first read; no limit moved; implausible ones put aside",
        )
    )
