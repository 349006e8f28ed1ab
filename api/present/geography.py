"""Points, boxes and distances on the globe, accurate to a few metres within a country. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import cos, degrees, radians
from typing import Final

from occupancy.distance import EARTH_RADIUS_KM, great_circle_km

_NUMBER: Final = r" *[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)? *"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Degrees, WGS 84."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A bounding box in degrees; ``west`` > ``east`` where it crosses the 180th meridian."""

    west: float
    south: float
    east: float
    north: float

    def holds(self, point: Point) -> bool:
        """Whether ``point`` is in the box or on its border."""
        if not self.south <= point.latitude <= self.north:
            return False
        if self.west <= self.east:
            return self.west <= point.longitude <= self.east
        return point.longitude >= self.west or point.longitude <= self.east


def pattern_of(count: int) -> str:
    """Return the regular expression of ``count`` numbers separated by commas."""
    return f"^{','.join([_NUMBER] * count)}$"


def parse_point(text: str) -> Point:
    """Parse ``latitude,longitude``.

    Raises:
        ValueError: the text says what is expected.
    """
    values = _numbers(text, 2, "latitude,longitude in degrees, for example 45.83,1.26")
    return Point(latitude=_within(values[0], 90, "latitude"), longitude=_within(values[1], 180, "longitude"))


def parse_box(text: str) -> Box:
    """Parse ``west,south,east,north``, the order of GeoJSON.

    Raises:
        ValueError: the text says what is expected.
    """
    west, south, east, north = _numbers(text, 4, "west,south,east,north in degrees, for example -1.8,42.7,2.7,47.2")
    box = Box(
        west=_within(west, 180, "west"),
        south=_within(south, 90, "south"),
        east=_within(east, 180, "east"),
        north=_within(north, 90, "north"),
    )
    if box.south > box.north:
        raise ValueError(f"south ({south}) is greater than north ({north}); the order is west,south,east,north")
    return box


def distance_km(a: Point, b: Point) -> float:
    """Return the great-circle distance."""
    return great_circle_km(a.latitude, a.longitude, b.latitude, b.longitude)


def around(point: Point, radius_km: float) -> Box:
    """Return a box that contains every point within ``radius_km`` of ``point``."""
    reach = degrees(radius_km / EARTH_RADIUS_KM) * 1.001
    south, north = max(-90.0, point.latitude - reach), min(90.0, point.latitude + reach)
    widest = cos(radians(max(abs(south), abs(north))))
    if reach >= 180 * widest:
        return Box(west=-180, south=south, east=180, north=north)
    wide = reach / widest
    west, east = point.longitude - wide, point.longitude + wide
    return Box(
        west=west + 360 if west < -180 else west, south=south, east=east - 360 if east > 180 else east, north=north
    )


def _numbers(text: str, count: int, expected: str) -> tuple[float, ...]:
    if re.fullmatch(pattern_of(count), text) is None:
        raise ValueError(f"expected {expected}")
    return tuple(float(part) for part in text.split(","))


def _within(value: float, limit: float, name: str) -> float:
    if not -limit <= value <= limit:  # also refuses NaN
        raise ValueError(f"{name} must lie between -{limit} and {limit}")
    return value
