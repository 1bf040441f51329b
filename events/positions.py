"""GCJ-02, the shifted coordinates of phones and maps in China, to CGCS2000. Pure.

The shift has no published formula; this is the one everybody found out, good to a few metres.
What is undone here is that formula, to less than a centimetre. CGCS2000 and WGS 84 differ by
centimetres and are taken for the same.
"""

from math import cos, pi, radians, sin, sqrt
from typing import TypeVar

from msgspec.structs import replace

from events.contract.envelope import Payload
from events.contract.reports import Datum, Place

P = TypeVar("P", bound=Payload)

#: Krasovsky's ellipsoid, on which the shift is defined: half the long axis in metres, e squared.
_AXIS, _FLATNESS = 6378245.0, 0.00669342162296594323
#: Where the shift applies: west, east, south, north.
_WITHIN = (72.004, 137.8347, 0.8293, 55.8271)
#: Each round leaves about a thousandth of the error.
_ROUNDS = 6


def in_cgcs2000(payload: P) -> P:
    """Return the payload with its place in CGCS2000; as it is where it has none to convert."""
    place = getattr(payload, "place", None)
    if not isinstance(place, Place) or place.datum is not Datum.GCJ02:
        return payload
    lon, lat = from_gcj02(place.lon, place.lat)
    # Seven decimals are a centimetre; more would pretend.
    return replace(payload, place=Place(lon=round(lon, 7), lat=round(lat, 7)))


def from_gcj02(lon: float, lat: float) -> tuple[float, float]:
    """Return (longitude, latitude) in CGCS2000 of a position in GCJ-02, degrees."""
    if not _is_shifted(lon, lat):
        return lon, lat
    found_lon, found_lat = lon, lat
    for _ in range(_ROUNDS):
        shifted_lon, shifted_lat = to_gcj02(found_lon, found_lat)
        found_lon, found_lat = found_lon - (shifted_lon - lon), found_lat - (shifted_lat - lat)
    return found_lon, found_lat


def to_gcj02(lon: float, lat: float) -> tuple[float, float]:
    """Return (longitude, latitude) as a phone in China would show the position, degrees."""
    if not _is_shifted(lon, lat):
        return lon, lat
    x, y = lon - 105.0, lat - 35.0
    curve = 1 - _FLATNESS * sin(radians(lat)) ** 2
    metres_a_degree_north = _AXIS * (1 - _FLATNESS) / (curve * sqrt(curve)) * pi / 180
    metres_a_degree_east = _AXIS / sqrt(curve) * cos(radians(lat)) * pi / 180
    return lon + _east(x, y) / metres_a_degree_east, lat + _north(x, y) / metres_a_degree_north


def _is_shifted(lon: float, lat: float) -> bool:
    west, east, south, north = _WITHIN
    return west <= lon <= east and south <= lat <= north


def _north(x: float, y: float) -> float:
    """Metres by which a position is moved north."""
    curve = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * sqrt(abs(x))
    return (
        curve
        + _ripple(x)
        + _waves(y, (20.0, 1.0), (40.0, 1 / 3))
        + _waves(y, (160.0, 1 / 12), (320.0, 1 / 30))
    )


def _east(x: float, y: float) -> float:
    """Metres by which a position is moved east."""
    curve = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * sqrt(abs(x))
    return (
        curve
        + _ripple(x)
        + _waves(x, (20.0, 1.0), (40.0, 1 / 3))
        + _waves(x, (150.0, 1 / 12), (300.0, 1 / 30))
    )


def _ripple(x: float) -> float:
    return _waves(x, (20.0, 6.0), (20.0, 2.0))


def _waves(x: float, *waves: tuple[float, float]) -> float:
    """Two thirds of a sum of sines, each (height, half turns a degree)."""
    return sum(height * sin(turns * x * pi) for height, turns in waves) * 2.0 / 3.0
