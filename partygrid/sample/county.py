"""The sample county: the same for the same seed, and events that bring it into an empty directory.

Nothing in it is real. Persons are pseudonyms; the identities that go with them into the vault are
numbered labels. It is smaller than a county is: representatives are elected by each grid's groups,
and only some micro-grids are set up, so that trying it takes seconds.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cached_property

from events.contract.directory import RoleSet
from events.contract.envelope import Payload
from events.outgoing_event import Outgoing, directory_event
from models.keys import SigningKey
from models.policy.load import default_pack_folder, load_policy
from models.policy.people import Role
from models.policy.schema import Policy
from partygrid.directory_files.identity import Identity
from partygrid.sample.apps import register_apps
from partygrid.sample.draw import Draw
from partygrid.sample.offices import staff_county, staff_township
from partygrid.sample.outlines import Lattice, Point, inside
from partygrid.sample.party import Unit, Units, found_party
from partygrid.sample.places import (
    COUNTY,
    Grid,
    Township,
    Village,
    settle,
)
from partygrid.sample.register import Register
from partygrid.sample.rosters import roster_township
from partygrid.sample.township_names import TOWNSHIP_NAMES
from partygrid.sample.village_people import people_village

SOURCE = "directory/sample"
#: how long the rosters reach where nobody says
_ROSTERS = timedelta(weeks=6)


class Sample:
    """The county, its events, and what a simulation looks up. A value: it never changes."""

    county = COUNTY

    def __init__(
        self,
        *,
        register: Register,
        townships: tuple[Township, ...],
        units: Units,
        keys: Mapping[str, SigningKey],
        at: datetime,
    ) -> None:
        self.seed, self.since, self.at = register.draw.seed, register.since, at
        self.townships = townships
        #: the directory's lines, parents first
        self.entries: tuple[Payload, ...] = tuple(register.entries())
        #: who stands behind the persons: for the vault only
        self.identities: tuple[Identity, ...] = tuple(register.identities)
        #: private keys by app source
        self.keys = keys
        #: Party branch or group by grid code
        self.units = units

    @cached_property
    def events(self) -> tuple[Outgoing, ...]:
        """The events that bring the county into an empty directory, in the order to send them."""
        return tuple(
            directory_event(data, county=COUNTY, source=SOURCE, at=self.at) for data in self.entries
        )

    # --- where ---------------------------------------------------------------------------------

    @cached_property
    def villages(self) -> Mapping[str, Village]:
        """Every village by its code."""
        return {v.code: v for township in self.townships for v in township.villages}

    @cached_property
    def grids(self) -> Mapping[str, Grid]:
        """Every grid by its code, exclusive ones among them."""
        return {grid.code: grid for v in self.villages.values() for grid in v.grids}

    def point(self, grid: str, across: float, along: float) -> Point:
        """Return a place in the grid (CGCS2000): shares from 0 to 1 of its width and height."""
        return inside(self.grids[grid].ring, across, along)

    def households(self, grid: str) -> tuple[str, ...]:
        """Return pseudonyms of the grid's households."""
        return tuple(f"h-{grid}-{n + 1:03}" for n in range(self.grids[grid].households))

    # --- who -----------------------------------------------------------------------------------

    @cached_property
    def _held(self) -> Mapping[tuple[Role, str], tuple[str, ...]]:
        held: dict[tuple[Role, str], list[str]] = defaultdict(list)
        for entry in self.entries:
            if isinstance(entry, RoleSet):
                held[Role(entry.role), entry.org].append(entry.person)
        return {key: tuple(persons) for key, persons in held.items()}

    def holders(self, role: Role, org: str) -> tuple[str, ...]:
        """Return who holds the role at the organisation; those on duty are in the rosters."""
        return self._held.get((role, org), ())

    def members(self, grid: str) -> tuple[str, ...]:
        """Return the Party members of a grid; none in an exclusive one."""
        unit = self.units.get(grid)
        return unit.members if unit is not None else ()

    def unit(self, grid: str) -> Unit | None:
        """Return the grid's branch or Party group, None in an exclusive one."""
        return self.units.get(grid)

    def held(self) -> Mapping[Role, int]:
        """Return how many persons hold each role: what the policy check asks for."""
        persons: dict[Role, set[str]] = defaultdict(set)
        for (role, _), holders in self._held.items():
            persons[role].update(holders)
        return {role: len(who) for role, who in persons.items()}


def sample_county(
    seed: int = 1,
    *,
    since: datetime,
    at: datetime | None = None,
    duty: tuple[datetime, datetime] | None = None,
    policy: Policy | None = None,
    townships: int = len(TOWNSHIP_NAMES),
) -> Sample:
    """Return the sample county of a seed, or so many of its townships.

    Everything holds from `since` on and is said to have been entered `at` (default: then). The
    rosters cover `duty`, by default six weeks. Departments, organs and skills are those of the
    pack, by default the one that is shipped.
    """
    policy = policy or load_policy(default_pack_folder())
    register = Register(Draw(seed), since)
    skills = tuple(policy.matching.skills)
    settled = settle(register, Lattice(register.draw), townships)
    units = found_party(register, settled, skills)
    staff_county(register, policy)
    start, end = duty or (since, since + _ROSTERS)
    zone = policy.calendar.zone
    for township in settled:
        staff_township(register, township, policy, skills)
        for village in township.villages:
            people_village(register, village, units, skills)
        roster_township(register, township, start=max(start, since), end=end, zone=zone)
    keys = register_apps(register, settled)
    return Sample(register=register, townships=settled, units=units, keys=keys, at=at or since)
