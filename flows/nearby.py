"""Open cases of one township and category, found by where they are. Pure.

On a day of flood thousands of a kind are open, and each new report is compared with those around
it: looking at all of them for each would make such a day the slowest.
"""

from collections import defaultdict
from collections.abc import Iterable
from math import floor

from flows.decide.decision import Neighbour
from flows.decide.intake_duplicates import METRES_OF_A_DEGREE

#: Degrees of latitude that are looked up together: some hundred metres.
_STRIP = 0.001


class Nearby:
    """Neighbours by strips of latitude, and by grid for those who may have no position."""

    def __init__(self, known: Iterable[Neighbour] = ()) -> None:
        """Begin with these."""
        self._known: dict[str, Neighbour] = {}
        self._strips: dict[int, dict[str, Neighbour]] = defaultdict(dict)
        self._grids: dict[str, dict[str, Neighbour]] = defaultdict(dict)
        for one in known:
            self.put(one)

    def put(self, one: Neighbour) -> None:
        """Take one in as it is now."""
        self.drop(one.case_id)
        self._known[one.case_id] = one
        for cell in self._cells(one):
            cell[one.case_id] = one

    def drop(self, case_id: str) -> None:
        """Forget one, if it is known."""
        known = self._known.pop(case_id, None)
        if known is not None:
            for cell in self._cells(known):
                del cell[case_id]

    def around(self, lat: float | None, grid: str, metres: int) -> list[Neighbour]:
        """Return all that may be as near as `metres` to a place, and few others.

        Where one of two has no position they may be near if they are in the same grid.
        """
        same_grid = self._grids.get(grid[:15], {}).values()
        if lat is None:
            return list(same_grid)
        reach = (metres + 1) / METRES_OF_A_DEGREE
        strips = range(floor((lat - reach) / _STRIP), floor((lat + reach) / _STRIP) + 1)
        found = [one for strip in strips for one in self._strips.get(strip, {}).values()]
        return found + [one for one in same_grid if one.lat is None]

    def _cells(self, one: Neighbour) -> Iterable[dict[str, Neighbour]]:
        yield self._grids[one.grid[:15]]
        if one.lat is not None:
            yield self._strips[floor(one.lat / _STRIP)]
