"""Outlines that tile: a lattice of shifted points, shared by all that meet in them. Pure.

Longitude and latitude are CGCS2000 degrees. Where on earth the invented county lies means
nothing; only its size does, so that distances are those of a county.
"""

from typing import NamedTuple

from partygrid.sample.draw import Draw

Point = tuple[float, float]
Ring = tuple[Point, ...]

#: south-west corner
_ORIGIN = (119.0, 29.0)
#: degrees from one lattice point to the next: about two kilometres
_STEP = 0.02
#: largest shift of a point, in steps; below a quarter every cell stays convex
_SHIFT = 0.2
#: about ten centimetres
_DIGITS = 6


class Block(NamedTuple):
    """A rectangle of lattice cells: columns from the west, rows from the south, ends excluded."""

    west: int
    south: int
    east: int
    north: int

    def part(self, columns: int, rows: int, *, column: int, row: int) -> "Block":
        """Return one of `columns` × `rows` equal parts; rows are counted from the north."""
        width, height = (self.east - self.west) // columns, (self.north - self.south) // rows
        west, north = self.west + column * width, self.north - row * height
        return Block(west, north - height, west + width, north)


class Lattice(NamedTuple):
    """The points from which all outlines of a county are made."""

    draw: Draw

    def point(self, column: int, row: int) -> Point:
        """Return a lattice point, shifted a little."""
        shift = [(self.draw.share("point", axis, column, row) - 0.5) * 2 * _SHIFT for axis in "xy"]
        return (
            round(_ORIGIN[0] + (column + shift[0]) * _STEP, _DIGITS),
            round(_ORIGIN[1] + (row + shift[1]) * _STEP, _DIGITS),
        )

    def ring(self, block: Block) -> Ring:
        """Return the outline of a block, counter-clockwise, closed."""
        south = [self.point(column, block.south) for column in range(block.west, block.east)]
        east = [self.point(block.east, row) for row in range(block.south, block.north)]
        north = [self.point(column, block.north) for column in range(block.east, block.west, -1)]
        west = [self.point(block.west, row) for row in range(block.north, block.south, -1)]
        return (*south, *east, *north, *west, self.point(block.west, block.south))


def split(cell: Ring, share: float) -> tuple[Ring, Ring]:
    """Cut a four-cornered outline: what is left in the west, and the eastern `share` of it."""
    south_west, south_east, north_east, north_west, _ = cell
    south = between(south_west, south_east, 1 - share)
    north = between(north_west, north_east, 1 - share)
    return (
        (south_west, south, north, north_west, south_west),
        (south, south_east, north_east, north, south),
    )


def between(one: Point, other: Point, share: float) -> Point:
    """Return the point that lies `share` of the way from `one` to `other`."""
    return (
        round(one[0] + (other[0] - one[0]) * share, _DIGITS),
        round(one[1] + (other[1] - one[1]) * share, _DIGITS),
    )


def inside(cell: Ring, across: float, along: float) -> Point:
    """Return a point in a four-cornered outline; both shares from 0 (west, south) to 1."""
    south_west, south_east, north_east, north_west, _ = cell
    return between(
        between(south_west, south_east, across), between(north_west, north_east, across), along
    )
