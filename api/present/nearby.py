"""The places around a point, nearest first, found without looking at the others. Pure.

A k-d tree of the points on the unit sphere: there is no meridian at which longitudes jump, and distances along chords
order like those along the ground.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from math import cos, floor, inf, radians, sin
from operator import itemgetter
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from api.present.geography import Point, distance_km
from occupancy.distance import EARTH_RADIUS_KM

_LEAF: Final = 12
"""Places that are not divided further."""


class Located(Protocol):
    """Something with a code and a point."""

    @property
    def code(self) -> str:
        """Decides the order at the same distance."""

    @property
    def point(self) -> Point:
        """Where it is."""


_Place = TypeVar("_Place", bound=Located)
_Vector = tuple[float, float, float]


class _Node(NamedTuple, Generic[_Place]):
    """Some places within a box in space: either ``places``, or two halves."""

    low: _Vector
    high: _Vector
    places: Sequence[tuple[float, float, float, _Place]]
    halves: tuple[_Node[_Place], ...]


class Nearby(Generic[_Place]):
    """An index of places by where they are."""

    def __init__(self, places: Sequence[_Place] = ()) -> None:
        self._root = _node([(*_vector(place.point), place) for place in places]) if places else None
        self._cells = frozenset(_cell(place.point) for place in places)

    def around(self, point: Point, radius_km: float | None = None) -> Iterator[tuple[float, _Place]]:
        """Give the places within ``radius_km`` (None: all), nearest first, by code at the same distance.

        Distances are kilometres to the metre.
        """
        if self._root is None:
            return
        here = _vector(point)
        # past this chord (squared) nothing is within the radius; a little more, since distances are rounded
        most = inf if radius_km is None else (2 * sin(min(radius_km + 0.01, 20015.0) / (2 * EARTH_RADIUS_KM))) ** 2
        number = 1
        heap: list[_Item[_Place]] = [(0.0, "", 0, self._root, None, 0.0)]
        while heap:
            _, _, _, node, place, km = heappop(heap)
            if place is not None:
                yield km, place
                continue
            assert node is not None
            for half in node.halves:
                squared = _away(here, half)
                if squared <= most:
                    # a shade too near, never too far: no place in it is nearer than that
                    heappush(heap, (_km(squared) - 0.002, "", number, half, None, 0.0))
                    number += 1
            for x, y, z, one in node.places:
                if (x - here[0]) ** 2 + (y - here[1]) ** 2 + (z - here[2]) ** 2 <= most:
                    km = round(distance_km(point, one.point), 3)
                    if radius_km is None or km <= radius_km:
                        heappush(heap, (km, one.code, number, None, one, km))
                        number += 1

    def within_a_degree(self, point: Point) -> bool:
        """Return whether a place is in the same whole degrees of latitude and longitude: 160 km away at most."""
        return _cell(point) in self._cells

    def nearest_km(self, point: Point) -> float | None:
        """Return how far the nearest place is; None: there is none."""
        return next((km for km, _ in self.around(point)), None)


_Item = tuple[float, str, int, "_Node[_Place] | None", "_Place | None", float]


def _node(entries: list[tuple[float, float, float, _Place]]) -> _Node[_Place]:
    axes = list(zip(*entries, strict=True))[:3]
    low = (min(axes[0]), min(axes[1]), min(axes[2]))
    high = (max(axes[0]), max(axes[1]), max(axes[2]))
    if len(entries) <= _LEAF:
        return _Node(low, high, entries, ())
    widest = max(range(3), key=lambda axis: high[axis] - low[axis])
    entries.sort(key=itemgetter(widest))
    middle = len(entries) // 2
    return _Node(low, high, (), (_node(entries[:middle]), _node(entries[middle:])))


def _cell(point: Point) -> tuple[int, int]:
    return floor(point.latitude), floor(point.longitude)


def _vector(point: Point) -> _Vector:
    latitude, longitude = radians(point.latitude), radians(point.longitude)
    return cos(latitude) * cos(longitude), cos(latitude) * sin(longitude), sin(latitude)


def _away(here: _Vector, node: _Node[_Place]) -> float:
    """Return the square of the chord from ``here`` to the nearest point of a node's box."""
    squared = 0.0
    for value, low, high in zip(here, node.low, node.high, strict=True):
        gap = low - value if value < low else value - high if value > high else 0.0
        squared += gap * gap
    return squared


def _km(squared: float) -> float:
    """Return a lower bound of the distance along the ground of a squared chord: the chord itself."""
    return float(EARTH_RADIUS_KM * squared**0.5)
