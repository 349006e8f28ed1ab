"""Goes through the places of a search, nearest first, and sorts them: fit for it, or not and why. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from api.present.geography import Box, Point, distance_km
from api.present.network import Network, Place
from api.present.search import FoundPlace
from api.present.wanted import Wanted, Why, unfit

MOST_FIT = 100
"""Fit places whose seats are looked at, the nearest; more where more are asked for."""
MOST_PASSED = 3_000
"""Places that are passed by because they lack what is wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """The area of a search; None: not limited by it."""

    point: Point | None = None
    radius_km: float | None = None
    box: Box | None = None
    department: str | None = None
    only: frozenset[str] | None = None
    """Codes of the only places."""


@dataclass(slots=True, kw_only=True)
class Looked:
    """The places of a search in their order: nearest first, or by code without a point."""

    fit: list[FoundPlace] = field(default_factory=list)
    refused: list[tuple[FoundPlace, Why]] = field(default_factory=list)
    complete: bool = True
    """All places of the area are among them."""


def look(network: Network, where: Where, wanted: Wanted, *, most: int = MOST_FIT) -> Looked:
    """Return the fit places of an area, ``most`` of them, and the others with the reason."""
    looked = Looked()
    for one in places_in(network, where):
        why = unfit(one.place, wanted)
        full = len(looked.fit) >= most if why is None else len(looked.refused) >= MOST_PASSED
        if full:
            looked.complete = False
            break
        if why is None:
            looked.fit.append(one)
        else:
            looked.refused.append((one, why))
    return looked


def places_in(network: Network, where: Where) -> Iterator[FoundPlace]:
    """Give the places of an area that aren't closed for good: nearest first, or by code without a point."""
    if where.point is not None:
        found = (
            FoundPlace(place=one, distance_km=km) for km, one in network.nearby.around(where.point, where.radius_km)
        )
    elif where.only is not None:
        known = (network.by_code.get(code) for code in sorted(where.only))
        found = (FoundPlace(place=one) for one in known if one is not None and one.status != "closed")
    elif where.department is not None:
        found = (FoundPlace(place=one) for one in network.by_department.get(where.department, ()))
    elif where.box is not None:
        centre, reach = _circle(where.box)
        inside = sorted((one for _, one in network.nearby.around(centre, reach)), key=lambda one: one.code)
        found = (FoundPlace(place=one) for one in inside)
    else:
        found = (FoundPlace(place=one) for one in network.places if one.status != "closed")
    for one in found:
        if _is_in(one.place, where):
            yield one


def _is_in(place: Place, where: Where) -> bool:
    if where.department is not None and place.department != where.department:
        return False
    if where.only is not None and place.code not in where.only:
        return False
    return where.box is None or where.box.holds(place.point)


def _circle(box: Box) -> tuple[Point, float]:
    """Return the centre of a box and a distance within which all of it lies."""
    east = box.east if box.west <= box.east else box.east + 360
    longitude = (box.west + east) / 2
    centre = Point(latitude=(box.south + box.north) / 2, longitude=longitude - 360 if longitude > 180 else longitude)
    if east - box.west > 90:  # the farthest point need not be a corner
        return centre, 20_040.0
    corners = (Point(latitude=latitude, longitude=box.west) for latitude in (box.south, box.north))
    middles = (Point(latitude=latitude, longitude=centre.longitude) for latitude in (box.south, box.north))
    return centre, max(distance_km(centre, one) for one in (*corners, *middles)) * 1.01 + 0.01
