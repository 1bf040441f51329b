"""Does every rung fire, and does every ladder end on somebody? Pure."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from itertools import pairwise

from models.policy.categories import Urgency
from models.policy.checks.finding import Findings, error, warning
from models.policy.clocks import Ladder, Rung, Told
from models.policy.people import Role
from models.policy.schema import Policy
from models.policy.span import Span, SpanKind

#: Rough length of working time on the wall, to compare clocks: 8 office hours in 24.
_HOURS_A_WORKING_HOUR = 3


def nominal(span: Span) -> timedelta:
    """Return about how long a span is on the wall, holidays left out."""
    return span.value * (_HOURS_A_WORKING_HOUR if span.kind is SpanKind.WORKING_HOURS else 1)


def check_ladders(policy: Policy, held: Mapping[Role, int] | None) -> Findings:
    """Find rungs that cannot fire or tell nobody, and ladders that end on no duty owner."""
    rules = policy.ladders
    for urgency, ladder in rules.by_urgency.items():
        place = f"ladders.by_urgency.{urgency}"
        yield from _rungs(place, ladder, policy, held)
        yield from _order(place, urgency, ladder, policy)
        yield from _end(place, ladder, policy)
    yield from _told("ladders.fallback", rules.fallback, policy)
    yield from _told("ladders.duty_owners", rules.duty_owners, policy)
    if rules.fallback[-1] not in rules.duty_owners:
        yield error("ladder_end", "ladders.fallback", "must end on one of the duty owners")


def _rungs(place: str, ladder: Ladder, policy: Policy, held: Mapping[Role, int] | None) -> Findings:
    for index, rung in enumerate(ladder.rungs):
        here = f"{place}.rungs.{index}"
        if (rung.after is None) == (rung.share is None):
            yield error("rung_without_time", here, "needs `after` or `share`, and only one of them")
        yield from _told(here, rung.tell, policy)
        if held is not None and not any(held.get(told.role, 0) for told in rung.tell):
            yield warning("rung_not_held", here, "nobody holds a role it tells; it falls back")


def _told(place: str, tell: Iterable[Told], policy: Policy) -> Findings:
    for told in tell:
        if told.level not in policy.ladders.rank:
            yield error("unknown_level", place, f"{told.level} is not among ladders.levels")
        elif told.level not in policy.roles.roles[told.role].at:
            message = f"{told.role} is never held at {told.level}; nobody would be told"
            yield error("rung_cannot_fire", place, message)


def _order(place: str, urgency: Urgency, ladder: Ladder, policy: Policy) -> Findings:
    limits = {c.limit for c in policy.categories.items.values() if c.urgency is urgency}
    for index, (earlier, later) in enumerate(pairwise(ladder.rungs), start=1):
        here = f"{place}.rungs.{index}"
        late = [str(limit) for limit in limits if _when(later, limit) <= _when(earlier, limit)]
        if late:
            message = f"not later than the rung before it (limit {min(late)}); raise after or share"
            yield error("rung_order", here, message)
        if _height(later, policy) < _height(earlier, policy):
            yield error("rung_lower", here, "tells a lower level than the rung before it")


def _when(rung: Rung, limit: Span) -> timedelta:
    if rung.after is not None:
        return nominal(rung.after)
    return nominal(limit) * (rung.share or 0)


def _height(rung: Rung, policy: Policy) -> int:
    return min(policy.ladders.rank.get(told.level, 0) for told in rung.tell)


def _end(place: str, ladder: Ladder, policy: Policy) -> Findings:
    owners = set(policy.ladders.duty_owners)
    ends = [index for index, rung in enumerate(ladder.rungs) if owners & set(rung.tell)]
    last = len(ladder.rungs) - 1
    if last not in ends:
        yield error("ladder_end", f"{place}.rungs.{last}", "must end on one of the duty owners")
    for index in range(min(ends, default=last) + 1, last + 1):
        message = "comes after the duty owner, above whom nobody stands"
        yield error("rung_after_end", f"{place}.rungs.{index}", message)
