"""What is said comes in any order, days late and several times: it ends as if told in order."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from events.contract.envelope import Event
from events.contract.reports import ReportSupplemented
from models.handling import AssignmentState
from models.policy.people import Role
from models.values import CaseState, case_id_of
from partygrid.embedded.postgres import Postgres
from partygrid.sample.draw import Draw
from tests.services.apache import Apache
from tests.services.county_people import story
from tests.services.hardness import HARD
from tests.services.holding import (
    everything_holds,
    fired_over_an_unread_answer,
    repeats_of_apps,
    told,
)
from tests.services.live import QUICK, SOURCE, Live, live, wait_until
from tests.services.report import Report
from tests.world import GRIDS, acting

pytestmark = pytest.mark.timeout(400)

STORIES = HARD.stories
#: What comes too early waits so long; all that is not an answer is written in less.
PATIENT = {
    "intake.yaml": "patience: {grid.reports: 20s, grid.assignment: 10m, grid.feedback: 10m}\n"
}
#: They act because the engine asked them.
ASKED = frozenset({Role.PARTY_MEMBER, Role.VISITOR})


@pytest.fixture
def county(postgres: Postgres, migrated: str, server_folder: Path, kafka: Apache) -> Iterator[Live]:
    """An installation of this test alone; no engine runs."""
    with live(postgres, migrated, server_folder, kafka, QUICK | PATIENT) as one:
        yield one


def test_events_shuffled_across_topics_days_late_and_repeated(county: Live, report: Report) -> None:
    """What is said of a matter comes in any order; words about what nobody reports wait in vain."""
    begun, draw = time.monotonic(), Draw(3)
    county.engine("e1")
    county.engine("e2")
    county.found()
    every = [_told_late(county, draw, number) for number in range(STORIES)]
    ids = [case_id_of(SOURCE, one[0].id) for one in every]
    in_vain = [_words_in_vain(county, n) for n in range(8)]
    said = [event for one in every for event in one] + in_vain
    written = 0

    def tell(*roles: Role) -> None:
        nonlocal written
        told_by = [one for one in said if Role(one.acting.role) in roles]
        records = _shuffled(draw, told_by)
        county.send(*records)
        written += len(records)

    tell(*frozenset(Role) - ASKED)
    # Whoever is asked says nothing before; the check waits for the work.
    _until(county, lambda: _offered(county, ids) == len(ids), ids)
    assert _early(county) >= len(ids)
    tell(Role.PARTY_MEMBER)
    _until(county, lambda: _in(county, ids, CaseState.VISITING) == len(ids), ids)
    county.settle()
    tell(Role.VISITOR)
    _until(county, lambda: _in(county, ids, CaseState.CLOSED) == len(ids), ids)
    wait_until(lambda: county.reasons() == {"parked_too_long": len(in_vain)})
    county.settle()
    held = everything_holds(county)
    assert fired_over_an_unread_answer(county, held) == []
    assert _early(county) == 0
    assert repeats_of_apps(county) == written - len(said) > len(said)
    assert held.fates.keys() == {"applied", "dead-lettered", "duplicate"}
    assert held.fates["dead-lettered"] == len(in_vain)
    taken = {one.event_id: one.at for one in held.lying.values()}
    late = max(taken[one.id] - one.time for one in said)
    assert late > timedelta(days=20)
    load = f"{written} records of {len(said)} events, up to {late.days} days old, two engines"
    report.add(told("shuffled across topics, days late, each 1 to 5 times", load, held, begun))


def _told_late(county: Live, draw: Draw, number: int) -> list[Event]:
    """Return all that is said of a matter, each some days after the other, long before today."""
    filed = f"shuffled-{number}"
    township, acts = story(draw, number)
    days = sorted(25 * draw.share("days", number, place) for place in range(len(acts)))
    return [
        county.event(
            data,
            who,
            subject=case_id_of(SOURCE, filed) if place else "",
            township=township,
            ago=timedelta(days=ago),
            event_id="" if place else filed,
        )
        for place, ((data, who), ago) in enumerate(zip(acts, reversed(days), strict=True))
    ]


def _shuffled(draw: Draw, events: Sequence[Event]) -> list[Event]:
    """Return every event one to five times, copies and all in no order."""
    copies = [
        (draw.digest("order", one.id, number), one)
        for one in events
        for number in range(draw.between(1, 5, "copies", one.id))
    ]
    return [one for _, one in sorted(copies, key=lambda pair: pair[0])]


def _offered(county: Live, ids: Sequence[str]) -> int:
    work = [case.assignment for case in county.cases(ids).values()]
    return sum(one is not None and one.state is AssignmentState.OFFERED for one in work)


def _in(county: Live, ids: Sequence[str], state: CaseState) -> int:
    return sum(case.state is state for case in county.cases(ids).values())


def _early(county: Live) -> int:
    return int(county.rows("SELECT count(*) FROM parked")[0][0])


def _until(county: Live, come: Callable[[], object], ids: Sequence[str]) -> None:
    wait_until(come, otherwise=lambda: _states(county, ids))


def _states(county: Live, ids: Sequence[str]) -> str:
    states = Counter(str(case.state) for case in county.cases(ids).values())
    others = county.rows(
        "SELECT event_type, fate, reason, count(*) FROM records WHERE fate <> 'applied'"
        " GROUP BY 1, 2, 3"
    )
    return f"{states} {others} {county.what_lacks()}"


def _words_in_vain(county: Live, number: int) -> Event:
    grid = GRIDS[number % len(GRIDS)]
    return county.event(
        ReportSupplemented(description=f"补充{number}"),
        acting(Role.GRID_MEMBER, grid),
        subject=case_id_of(SOURCE, f"never-{number}"),
        township=grid[:9],
    )
