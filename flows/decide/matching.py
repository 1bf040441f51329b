"""Who fits a task, and why. Pure; no points account, no ranking of persons.

A score belongs to one person and one task and is kept with that task only: whole basis points,
the sum of named reasons.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import cos, hypot, radians

from events.contract.assignment import AssigneeKind
from flows.decide.decision import OpenWork
from models.case import Case
from models.directory import Directory, Person
from models.handling import Assignment
from models.policy.people import Role
from models.policy.schema import Policy
from models.policy.work import MatchFilter, MatchingRules
from models.values import Mark

#: A whole weight of 1 in basis points: the highest score.
FULL = 10_000
#: Steps of nearness: same household group, grid, village, township.
_STEPS = 4
_METRES_A_DEGREE = 111_320

#: role → what a person who holds it is asked as, the first that fits
KIND_OF_ROLE: Mapping[Role, AssigneeKind] = {
    Role.PARTY_MEMBER: AssigneeKind.PARTY_MEMBER,
    Role.HUB_KEEPER: AssigneeKind.PARTY_MEMBER,
    Role.GRID_MEMBER: AssigneeKind.GRID_MEMBER,
    Role.VOLUNTEER: AssigneeKind.VOLUNTEER,
}

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Somebody who may be asked, with what matching looks at."""

    person: Person
    kind: AssigneeKind
    #: organisations in which they hold a role
    orgs: frozenset[str]
    #: None where it is not known (asked by hand, outside a round)
    work: OpenWork | None = None
    #: middle of the home grid, where its outline is known
    home: Point | None = None

    @property
    def tie_order(self) -> tuple[datetime | float, str]:
        """Longest idle first (never asked before all), then the id."""
        last = self.work.last_offered_at if self.work else None
        return (last.timestamp() if last else float("-inf"), self.person.id)


def members(
    directory: Directory,
    township: str,
    work: Mapping[str, OpenWork],
    *,
    policy: Policy,
    on: datetime,
) -> tuple[Member, ...]:
    """Return everybody of the township whose role may be recommended, in the order of ties."""
    idle = OpenWork(open_tasks=0, recent_tasks=0, last_offered_at=None)
    homes: dict[str, Point | None] = {}
    found = []
    for person in directory.persons_of_township(township, on):
        held = directory.roles_of(person.id, on)
        kind = _kind({role.role for role in held} & policy.matching.roles)
        if kind is None:
            continue
        grid = person.grid[:15]
        if grid not in homes:
            homes[grid] = _middle(directory, grid, on)
        found.append(
            Member(
                person=person,
                kind=kind,
                orgs=frozenset(role.org for role in held),
                work=work.get(person.id, idle),
                home=homes[grid],
            )
        )
    return tuple(sorted(found, key=lambda member: member.tie_order))


def _kind(roles: Iterable[str]) -> AssigneeKind | None:
    held = set(roles)
    return next((kind for role, kind in KIND_OF_ROLE.items() if role in held), None)


def _middle(directory: Directory, grid: str, on: datetime) -> Point | None:
    """Return the mean of the outline's corners: near enough for a nearness in kilometres."""
    org = directory.by_code(grid, "grid", on)
    ring = org.outline[0][:-1] if org is not None and org.outline else ()
    if not ring:
        return None
    return (sum(lon for lon, _ in ring) / len(ring), sum(lat for _, lat in ring) / len(ring))


def why_unfit(case: Case, work: Assignment, member: Member, policy: Policy) -> MatchFilter | None:
    """Return the first hard condition the member fails for this task, in policy's order."""
    return next(
        (
            name
            for name in policy.matching.filters
            if not _CONDITIONS[name](case, work, member, policy)
        ),
        None,
    )


def _not_enforcement(case: Case, _work: Assignment, _member: Member, policy: Policy) -> bool:
    category = policy.category(case.category)
    return category is None or not category.enforcement


def _below_cap(_case: Case, _work: Assignment, member: Member, policy: Policy) -> bool:
    return member.work is None or member.work.open_tasks < policy.matching.open_tasks_at_most


def _in_circle(case: Case, _work: Assignment, member: Member, _policy: Policy) -> bool:
    return case.mark is Mark.NONE or not member.orgs.isdisjoint(case.circle)


_CONDITIONS: Mapping[MatchFilter, Callable[[Case, Assignment, Member, Policy], bool]] = {
    MatchFilter.AVAILABLE: lambda _c, _w, member, _p: member.person.availability == "available",
    MatchFilter.NOT_ENFORCEMENT: _not_enforcement,
    MatchFilter.NOT_SUBJECT: lambda _c, work, member, _p: member.person.id not in work.kept_out,
    MatchFilter.NOT_RECUSED: lambda _c, work, member, _p: member.person.id not in work.recused,
    MatchFilter.BELOW_CAP: _below_cap,
    MatchFilter.IN_CIRCLE: _in_circle,
    MatchFilter.NOT_DECLINED: lambda _c, work, member, _p: member.person.id not in work.declined,
}


def reasons(case: Case, member: Member, policy: Policy) -> dict[str, int]:
    """Return what speaks for the member, in basis points by reason; their sum is the score."""
    rules = policy.matching
    category = policy.category(case.category)
    wanted = set(category.skills) if category else set()
    desk = member.work or OpenWork(open_tasks=0, recent_tasks=0, last_offered_at=None)
    cap = rules.open_tasks_at_most
    near, of = _nearness(case, member, rules)
    area = any(case.grid.startswith(code) for code in member.person.responsibility_area if code)
    return {
        "skill": _part(rules.weights.skill, len(wanted & set(member.person.skills)), len(wanted)),
        "proximity": _part(rules.weights.proximity, near, of),
        "free_load": _part(rules.weights.free_load, max(0, cap - desk.open_tasks), cap),
        "area": _part(rules.weights.area, int(area), 1),
        "fairness": _part(rules.weights.fairness, 1, 1 + desk.recent_tasks),
    }


def _part(weight: float, share: int, of: int) -> int:
    """Return `share/of` of a weight in basis points; where nothing is asked for, all of it."""
    points = round(weight * FULL)
    return points * share // of if of else points


def _nearness(case: Case, member: Member, rules: MatchingRules) -> tuple[int, int]:
    """Return nearness as a fraction, by what is known without watching anybody.

    The home grid and the contact households in it, then the distance between the matter and the
    middle of the home grid (half at policy's distance), then the village, then the township.
    """
    place, home = case.grid or case.village or case.township, member.person.grid
    if home[:15] == place[:15]:
        at_hand = home == place or member.person.contact_households > 0
        return (_STEPS if at_hand else _STEPS - 1, _STEPS)
    if member.home is not None and case.lon is not None and case.lat is not None:
        metres = _metres((case.lon, case.lat), member.home)
        return rules.half_distance, rules.half_distance + metres
    if home[:12] == place[:12]:
        return _STEPS - 2, _STEPS
    return int(home[:9] == place[:9]), _STEPS


def _metres(one: Point, other: Point) -> int:
    east = (one[0] - other[0]) * cos(radians((one[1] + other[1]) / 2))
    return round(hypot(east, one[1] - other[1]) * _METRES_A_DEGREE)


def handlers_needed(case: Case, policy: Policy) -> int:
    """Return how many are sent: where two sides quarrel, never one alone; two at most are named."""
    category = policy.category(case.category)
    quarrel = case.disputed or (
        category is not None and (category.disputed or category.two_handlers)
    )
    return min(policy.matching.handlers_in_disputes, 2) if quarrel else 1
