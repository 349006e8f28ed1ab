"""Searches places by words, area, distance, department and kind of space. Pure."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from api.present.geography import Box, Point, around, distance_km
from api.present.network import Network, Place, unaccented

_NUMBER: Final = re.compile(r"\d+|2[ab]")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPlace:
    """A matching place, with its distance if the query has a point."""

    place: Place
    distance_km: float | None = None

    @property
    def key(self) -> tuple[float, str]:
        """The order of found places: by distance, then by code."""
        return (self.distance_km or 0.0, self.place.code)


def find_places(
    network: Network,
    *,
    box: Box | None = None,
    point: Point | None = None,
    radius_km: float | None = None,
    department: str | None = None,
    words: str | None = None,
    kind: str | None = None,
    status: str = "open",
) -> list[FoundPlace]:
    """Return the places of a status that match all criteria: by code, or nearest first if there is a ``point``."""
    wanted = [_pattern(word) for word in unaccented(words or "").split()]
    places: Iterable[Place] = (place for place in network.places if place.status == status)
    if department is not None:
        places = (place for place in places if place.department == department)
    if box is not None:
        places = (place for place in places if box.holds(place.point))
    if wanted:
        places = (place for place in places if all(word in place.search for word in wanted))
    if kind is not None:
        places = (place for place in places if any(space.kind == kind for space in place.spaces))
    if point is None:
        return [FoundPlace(place=place) for place in places]
    return nearest(places, point, radius_km)


def _pattern(word: str) -> str:
    """Return what a place's words must contain: a number, which may be a department's, only at the start of a word."""
    return f" {word}" if _NUMBER.fullmatch(word) else word


def nearest(places: Iterable[Place], point: Point, radius_km: float | None) -> list[FoundPlace]:
    """Return the places within ``radius_km`` of ``point`` (None: any), nearest first; distances to the metre."""
    if radius_km is not None:
        box = around(point, radius_km)
        places = (place for place in places if box.holds(place.point))
    found = (FoundPlace(place=place, distance_km=round(distance_km(point, place.point), 3)) for place in places)
    within = (one for one in found if radius_km is None or (one.distance_km or 0.0) <= radius_km)
    return sorted(within, key=lambda one: one.key)


def page_after(found: list[FoundPlace], key: tuple[float, str] | None, limit: int) -> tuple[list[FoundPlace], bool]:
    """Return at most ``limit`` places after ``key``, and whether more follow."""
    start = 0 if key is None else bisect_right(found, key, key=lambda one: one.key)
    return found[start : start + limit], len(found) > start + limit
