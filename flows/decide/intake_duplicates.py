"""Reports that seem to be about one matter; whether they are is a person's decision. Pure.

By meaning: the same category (as policy says), near enough or in the same grid where no position is
known, within the window. Marked cases are hinted at by nobody and hint at nobody.
"""

from datetime import datetime, timedelta
from math import asin, cos, inf, radians, sin, sqrt

from flows.decide.decision import Neighbour
from flows.decide.draft import Draft
from models.case import Case
from models.policy.work import Acting
from models.values import Mark

#: Mean radius of the earth in metres.
_EARTH = 6_371_008.8
#: Of latitude: two positions are no nearer than these are apart.
METRES_OF_A_DEGREE = radians(1) * _EARTH


def metres_between(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the distance of two positions (degrees east, degrees north) along the earth."""
    (lon1, lat1), (lon2, lat2) = one, other
    north, east = radians(lat2 - lat1) / 2, radians(lon2 - lon1) / 2
    across = cos(radians(lat1)) * cos(radians(lat2)) * sin(east) ** 2
    return 2 * _EARTH * asin(min(1.0, sqrt(sin(north) ** 2 + across)))


def likely_same(sheet: Draft) -> Neighbour | None:
    """Return the open case this one seems to repeat: the nearest, of these the oldest; or None."""
    rules = sheet.policy.intake.duplicates
    if sheet.case.mark is not Mark.NONE or rules.otherwise is Acting.BY_HAND:
        return None
    found = [
        (distance, one.reported_at, one.case_id, one)
        for one in sheet.facts.neighbours
        if _comparable(sheet, one) and (distance := _distance(sheet.case, one, rules.metres)) >= 0
    ]
    return min(found, key=lambda each: each[:3])[3] if found else None


def _comparable(sheet: Draft, one: Neighbour) -> bool:
    rules, case = sheet.policy.intake.duplicates, sheet.case
    return (
        one.case_id != case.id
        and one.case_id not in case.not_same
        and (not rules.same_category or one.category == case.category)
        and _within(one.reported_at, sheet.now, rules.within)
    )


def _within(earlier: datetime, now: datetime, window: timedelta) -> bool:
    return timedelta() <= now - earlier <= window


def _distance(case: Case, one: Neighbour, at_most: int) -> float:
    """Return the metres between the two, infinite for the same grid only, -1 where too far."""
    if case.lon is None or case.lat is None or one.lon is None or one.lat is None:
        return inf if case.grid[:15] == one.grid[:15] else -1
    if abs(case.lat - one.lat) * METRES_OF_A_DEGREE > at_most + 1:  # quickly said of nearly all
        return -1
    metres = metres_between((case.lon, case.lat), (one.lon, one.lat))
    return metres if metres <= at_most else -1
