"""The invented county's territory: names, codes, households and outlines, grid by grid.

Nothing here is real. No division code begins with 99; the names are syllables put together, and a
likeness with a real place is chance.
"""

from collections.abc import Iterator

from msgspec import Struct

from events.contract.directory import GridKind
from models.policy.people import OrgKind
from partygrid.sample.outlines import Block, Lattice, Ring, split
from partygrid.sample.register import Register
from partygrid.sample.township_names import TOWNSHIP_NAMES

COUNTY = "990101"
COUNTY_NAME = "禾澜县"
_FIRST = ("青", "竹", "栖", "荷", "枫", "雁", "漱", "砚", "鹿", "桑")
_SECOND = ("汀村", "屿村", "浣村", "篱村")
_DIGITS = "一二三四五六七八九"

#: villages of a township, grids of a village: columns and rows
_VILLAGES, _GRIDS = (5, 2), (2, 2)
_MICRO_GRIDS = 2
#: the whole county in lattice cells; a cell is a grid
_WHOLE = Block(0, 0, 20, 8)
#: village of each township (counted from 0) and what the exclusive grid in it is
_EXCLUSIVE = ((0, "农贸市场"), (1, "中心学校"), (2, "湿地公园"))
_EXCLUSIVE_SHARE = 0.25
#: this one hangs on the township, the others on their village
_ON_TOWNSHIP = "湿地公园"


class Grid(Struct, frozen=True, kw_only=True):
    """A grid of the sample."""

    code: str
    name: str
    village: str
    township: str
    exclusive: bool = False
    households: int
    ring: Ring
    micro_grids: tuple[str, ...] = ()


class Village(Struct, frozen=True, kw_only=True):
    """A village with its grids, the comprehensive ones first."""

    code: str
    name: str
    township: str
    grids: tuple[Grid, ...]

    @property
    def comprehensive(self) -> tuple[Grid, ...]:
        """The grids people live in."""
        return tuple(grid for grid in self.grids if not grid.exclusive)


class Township(Struct, frozen=True, kw_only=True):
    """A township with its villages."""

    code: str
    name: str
    villages: tuple[Village, ...]


def settle(
    register: Register, lattice: Lattice, townships: int = len(TOWNSHIP_NAMES)
) -> tuple[Township, ...]:
    """Enter the county, its townships, villages, grids and micro-grids, and return them."""
    register.org(COUNTY, OrgKind.COUNTY, COUNTY_NAME, code=COUNTY, ring=lattice.ring(_WHOLE))
    return tuple(_township(register, lattice, number) for number in range(townships))


def _township(register: Register, lattice: Lattice, number: int) -> Township:
    code, name = f"{COUNTY}{101 + number}", TOWNSHIP_NAMES[number]
    block = _WHOLE.part(2, 2, column=number % 2, row=number // 2)
    register.org(code, OrgKind.TOWNSHIP, name, code=code, parent=COUNTY, ring=lattice.ring(block))
    columns, rows = _VILLAGES
    villages = tuple(
        _village(register, lattice, code, number, at, block.part(columns, rows, column=c, row=r))
        for at, (r, c) in enumerate((r, c) for r in range(rows) for c in range(columns))
    )
    return Township(code=code, name=name, villages=villages)


def _village(
    register: Register, lattice: Lattice, township: str, number: int, at: int, block: Block
) -> Village:
    code, name = f"{township}{201 + at}", _FIRST[at] + _SECOND[number]
    cells = [
        lattice.ring(block.part(*_GRIDS, column=column, row=row))
        for column, row in _west_to_east_north_to_south()
    ]
    grids = [*_grids(register, code, name, cells, dict(_EXCLUSIVE).get(at, ""))]
    register.org(
        code,
        OrgKind.VILLAGE,
        name,
        code=code,
        parent=township,
        households=sum(grid.households for grid in grids),
        ring=lattice.ring(block),
    )
    for grid in grids:
        _enter_grid(register, grid)
    return Village(code=code, name=name, township=township, grids=tuple(grids))


def _west_to_east_north_to_south() -> Iterator[tuple[int, int]]:
    """Yield column and row of a village's grids in the order of their numbers (domain.md §1)."""
    columns, rows = _GRIDS
    return ((column, row) for row in range(rows) for column in range(columns))


def _grids(
    register: Register, village: str, name: str, cells: list[Ring], exclusive: str
) -> Iterator[Grid]:
    """Yield a village's grids; an exclusive one is cut out of the last."""
    cut: Ring = ()
    if exclusive:
        cells[-1], cut = split(cells[-1], _EXCLUSIVE_SHARE)
    for at, ring in enumerate(cells):
        code = f"{village}{at + 1:03}"
        yield Grid(
            code=code,
            name=f"{name}第{_DIGITS[at]}网格",
            village=village,
            township=village[:9],
            households=register.draw.between(180, 320, "households", code),
            ring=ring,
            micro_grids=tuple(f"{code}{n + 1:02}" for n in range(_MICRO_GRIDS)),
        )
    if exclusive:
        yield Grid(
            code=f"{village}{len(cells) + 1:03}",
            name=f"{name.removesuffix('村')}{exclusive}专属网格",
            village=village,
            township=village[:9],
            exclusive=True,
            households=0,
            ring=cut,
        )


def _enter_grid(register: Register, grid: Grid) -> None:
    on_township = grid.exclusive and _ON_TOWNSHIP in grid.name
    register.org(
        grid.code,
        OrgKind.GRID,
        grid.name,
        code=grid.code,
        parent=grid.township if on_township else grid.village,
        grid_kind=GridKind.EXCLUSIVE if grid.exclusive else GridKind.COMPREHENSIVE,
        households=grid.households,
        ring=grid.ring,
    )
    for at, code in enumerate(grid.micro_grids):
        register.org(
            code,
            OrgKind.MICRO_GRID,
            f"{grid.name}第{_DIGITS[at]}微网格",
            code=code,
            parent=grid.code,
            households=register.draw.between(12, 28, "households", code),
        )
