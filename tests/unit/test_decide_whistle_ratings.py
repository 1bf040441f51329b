from datetime import timedelta

import pytest

from events.contract.escalation import DepartmentRated, HelperDone, WhistleFinished, WhistleRated
from models.clocks import ClockKind
from models.policy.people import Role
from models.values import CaseState, Fate
from tests import world
from tests.unit.late_cases import ECOLOGY, HOUSING, WATER, Desk
from tests.unit.whistles import PRINCIPAL, blown, handler, head

DAY = timedelta(days=1)


def rated(unit: str = WATER, score: int = 80) -> DepartmentRated:
    return DepartmentRated(department=unit, score=score, solved=True)


def finished() -> Desk:
    desk = blown()
    desk.act(HelperDone(), *handler(ECOLOGY))
    desk.act(WhistleFinished(opinion="t"), *handler(WATER))
    return desk


def test_both_sides_rate_each_other_after_the_end() -> None:
    desk = finished()
    desk.act(rated(WATER, 80), *PRINCIPAL)
    desk.act(rated(ECOLOGY, 60), *PRINCIPAL)
    desk.act(WhistleRated(score=90), *head(WATER))
    assert desk.case.clock(ClockKind.RATING) is not None
    desk.act(WhistleRated(score=70), *head(ECOLOGY))
    assert desk.whistle.ratings == {WATER: 80, ECOLOGY: 60}
    assert desk.whistle.solved == {WATER: True, ECOLOGY: True}
    assert desk.whistle.whistle_ratings == {WATER: 90, ECOLOGY: 70}
    assert desk.case.clock(ClockKind.RATING) is None, "nobody is left to rate"
    assert desk.state is CaseState.CHECKING, "ratings move nothing"


@pytest.mark.parametrize(
    ("data", "who", "reason"),
    [
        pytest.param(rated(HOUSING), PRINCIPAL, "not_a_party", id="unit-without-a-part"),
        pytest.param(rated(), head(WATER), "role_may_not", id="by-a-department"),
        pytest.param(WhistleRated(score=1), PRINCIPAL, "role_may_not", id="whistle-by-township"),
        pytest.param(WhistleRated(score=1), head(HOUSING), "outside_scope", id="not-called"),
        pytest.param(
            rated(),
            (Role.TOWNSHIP_PRINCIPAL, world.TOWNSHIPS[1]),
            "outside_scope",
            id="another-township",
        ),
    ],
)
def test_only_the_two_sides_rate(data: DepartmentRated, who: tuple[Role, str], reason: str) -> None:
    desk = finished()
    before = desk.case
    assert desk.act(data, *who).reason == reason
    assert desk.case == before


def test_each_rating_is_given_once() -> None:
    desk = finished()
    desk.act(rated(), *PRINCIPAL)
    assert desk.act(rated(score=1), *PRINCIPAL).reason == "already_done"
    desk.act(WhistleRated(score=50), *head(WATER))
    assert desk.act(WhistleRated(score=1), *head(WATER)).reason == "already_done"


def test_nothing_is_rated_before_the_end() -> None:
    desk = blown()
    assert desk.act(rated(), *PRINCIPAL).fate is not Fate.APPLIED
    assert desk.act(WhistleRated(score=1), *head(WATER)).fate is not Fate.APPLIED


def test_the_time_for_ratings_ends_and_nobody_is_chased() -> None:
    desk = finished()
    desk.act(rated(), *PRINCIPAL)
    notices = len(desk.notices)
    clock = desk.case.clock(ClockKind.RATING)
    assert clock is not None
    assert clock.due_at == desk.now + 7 * DAY
    desk.ring(clock)
    assert desk.reasons()[-1] == "rating_over"
    assert desk.audits[-1].detail == {"units": 2, "rated": 1, "rating": 0}
    assert len(desk.notices) == notices
    late = desk.act(WhistleRated(score=1), *head(WATER), after=DAY)
    assert late.reason == "rating_over"
