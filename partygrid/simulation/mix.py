"""What a week's reports are about: how many of which story, and of which kind of matter. Pure.

The shares are those of one town in one month (domain.md §2): where matters were settled, how many
were hidden dangers, how many disputes. What the stories need is taken off first.
"""

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from models.policy.categories import Category, Urgency
from models.policy.schema import Policy
from partygrid.sample.draw import Draw
from partygrid.simulation.stories import Story

#: A week is full with so many reports in so many days; then it shows everything there is.
FULL_REPORTS, FULL_DAYS = 2000, 7
#: In a smaller one at most this share of the reports has a story of its own.
_SPECIAL_SHARE = 0.4
_TIER_VILLAGE, _TIER_TOWNSHIP = 2, 3


class Level(StrEnum):
    """Where a matter is settled."""

    #: by the grid or the village
    VILLAGE = "village"
    #: by the township alone
    TOWNSHIP = "township"
    #: by the county's departments, also when a whistle called them
    COUNTY = "county"


class Kind(StrEnum):
    """Of what kind a matter is."""

    #: 隐患 a hidden danger
    HAZARD = "hazard"
    #: 矛盾纠纷 between parties
    DISPUTE = "dispute"
    #: anything else
    OTHER = "other"


class Cell(NamedTuple):
    """Level and kind together."""

    level: Level
    kind: Kind


#: Shares of a hundred reports: 78.33 at grid and village, 1.23 at the township, 20.44 at the
#: county; 18.54 hazards and 4.41 disputes among them.
SHARES: Mapping[Cell, float] = {
    Cell(Level.VILLAGE, Kind.HAZARD): 10.24,
    Cell(Level.VILLAGE, Kind.DISPUTE): 3.41,
    Cell(Level.VILLAGE, Kind.OTHER): 64.68,
    Cell(Level.TOWNSHIP, Kind.HAZARD): 0.30,
    Cell(Level.TOWNSHIP, Kind.DISPUTE): 0.40,
    Cell(Level.TOWNSHIP, Kind.OTHER): 0.53,
    Cell(Level.COUNTY, Kind.HAZARD): 8.00,
    Cell(Level.COUNTY, Kind.DISPUTE): 0.60,
    Cell(Level.COUNTY, Kind.OTHER): 11.84,
}

#: How many cases of a full week have a story; of those not named here, two each.
_COUNTS: Mapping[Story, int] = {
    Story.SMOOTH: 0,
    Story.SELF_CLOSED: 0,
    Story.EMERGENCY: 4,
    Story.LATE: 6,
    Story.UNTRUE: 6,
    Story.TWICE: 8,
    Story.DECLINED: 6,
    Story.REWORK: 8,
    Story.REOPENED: 14,
    Story.REOPENED_LATER: 8,
    Story.SELF_CLOSED_BADLY: 4,
    Story.WHISTLE_ROUTINE: 13,
    Story.WHISTLE_LATE: 4,
    Story.WHISTLE_HARD: 8,
    Story.WHISTLE_EMERGENCY: 6,
    Story.WHISTLE_UNCONFIRMED: 2,
    Story.WHISTLE_REFUSED: 3,
    Story.WHISTLE_OBJECTION_UPHELD: 3,
    Story.WHISTLE_OBJECTION_REFUSED: 2,
    Story.WHISTLE_NO_SHOW: 2,
    Story.FOUR_TWO_PASSED: 5,
    Story.FOUR_TWO_NO_QUORUM_MEMBERS: 1,
    Story.FOUR_TWO_MEMBERS_AGAINST: 1,
    Story.FOUR_TWO_NO_QUORUM_VILLAGERS: 1,
    Story.FOUR_TWO_VILLAGERS_AGAINST: 1,
    Story.FOUR_TWO_COMMITTEES_AGAINST: 1,
    Story.FOUR_TWO_OBJECTION_UPHELD: 3,
    Story.FOUR_TWO_OBJECTION_REFUSED: 3,
}
_USUAL = 2

#: How much rarer than others: what is pressing, and what the whole village has to talk about.
_EMERGENCY_WEIGHT, _TALK_WEIGHT, _MARKED_WEIGHT, _SMALL_WEIGHT = 0.12, 0.15, 0.1, 4.0


def is_full(reports: int, days: int) -> bool:
    """Tell whether a stretch this long and busy shows everything there is."""
    return reports >= FULL_REPORTS and days >= FULL_DAYS


def story_counts(draw: Draw, reports: int, *, full: bool) -> Counter[Story]:
    """Return how many reports have which story; the rest goes smoothly."""
    wanted = Counter({story: _COUNTS.get(story, _USUAL) for story in Story})
    if full:
        return +wanted
    room = int(reports * _SPECIAL_SHARE)
    order = sorted((story for story in wanted if wanted[story]), key=lambda one: draw.digest(one))
    return Counter(order[:room])


def level_of(category: Category, story: Story) -> Level:
    """Return where a matter will be settled."""
    if story.startswith("whistle_") and story is not Story.WHISTLE_REFUSED:
        return Level.COUNTY
    if category.handling_tier <= _TIER_VILLAGE:
        return Level.VILLAGE
    return Level.TOWNSHIP if category.handling_tier == _TIER_TOWNSHIP else Level.COUNTY


def kind_of(category: Category) -> Kind:
    """Return of what kind a matter is."""
    if category.hazard:
        return Kind.HAZARD
    return Kind.DISPUTE if category.disputed else Kind.OTHER


def smooth_cells(draw: Draw, count: int, taken: Counter[Cell]) -> list[Cell]:
    """Return a cell for each of the remaining reports, so that all together have the shares."""
    total = count + taken.total()
    open_to = {cell: max(share * total / 100 - taken[cell], 0) for cell, share in SHARES.items()}
    scale = count / (sum(open_to.values()) or 1)
    exact = {cell: room * scale for cell, room in open_to.items()}
    whole = {cell: int(number) for cell, number in exact.items()}
    by_rest = sorted(exact, key=lambda cell: (whole[cell] - exact[cell], cell))
    for cell in by_rest[: count - sum(whole.values())]:
        whole[cell] += 1
    cells = [cell for cell in SHARES for _ in range(whole[cell])]
    order = sorted(range(len(cells)), key=lambda at: draw.digest("cell", at))
    return [cells[at] for at in order]


class Categories:
    """Draws the category of a matter of a cell."""

    def __init__(self, policy: Policy) -> None:
        """Weigh every category of the pack."""
        self._by_cell: dict[Cell, list[tuple[str, float]]] = {}
        for code, category in policy.categories.items.items():
            cell = Cell(level_of(category, Story.SMOOTH), kind_of(category))
            self._by_cell.setdefault(cell, []).append((code, _weight(category)))

    def draw(self, draw: Draw, cell: Cell, *what: str | int) -> str:
        """Return a category of the cell."""
        options = self._by_cell[cell]
        left = draw.share("category", *what) * sum(weight for _, weight in options)
        for code, weight in options:
            left -= weight
            if left < 0:
                return code
        return options[-1][0]


def _weight(category: Category) -> float:
    weight = _SMALL_WEIGHT if category.self_closable else 1.0
    if category.urgency is Urgency.EMERGENCY:
        weight *= _EMERGENCY_WEIGHT
    if category.public_interest:
        weight *= _TALK_WEIGHT
    if category.mark != "none":
        weight *= _MARKED_WEIGHT
    return weight
