"""How much commuting visits saved: kilometres and hours of a place in a month, rounded so that they show no person.

Pure. docs/worth.md defines the figures. On a visit-day the way from home to the place replaced the way from home to the
usual workplace, there and back. Distances are great circles between the centres of communes, times ``DETOUR``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from occupancy.distance import great_circle_km

DETOUR: Final = 1.3
"""Kilometres by road for one as the crow flies. Wang, Bette, Schreckenberg, Guhr 2024 (arXiv 2406.06490): 1.3 ± 0.1
between places of motorway networks; in 300 European cities it is 1.34 on average (doi 10.1177/23998083231168870)."""
SPEED_KM_H: Final = 49
"""Insee Première 1129 (March 2007): employees who work in another commune have 35.4 km by road and 43 minutes."""
FARTHEST_KM: Final = 150
"""A longer way is nobody's daily way: such a member isn't counted."""
FEWEST: Final = 5
"""With fewer different members a sum would show where one of them lives."""
_MEMBERS: Final = 5
_VISIT_DAYS: Final = 5
_KM: Final = 250
"""The steps to which the figures are rounded: about what a week of one member's commuting is, so that a member more or
less doesn't show."""

Point = tuple[float, float]
"""Latitude and longitude in degrees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visits:
    """The days on which a member came to a place in a month, with where the member lives and works."""

    days: int
    home: Point
    work: Point
    place: Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What visits saved, rounded."""

    members: int
    """Different members, in whole fives, rounded down."""
    visit_days: int
    km: int
    """There and back. Below 0: the way to the place was longer."""


def by_road_km(one: Point, other: Point) -> float:
    """Return about how far it is by road."""
    return DETOUR * great_circle_km(*one, *other)


def saved_by(visits: Visits) -> float | None:
    """Return how many kilometres a member's visits saved; None: the ways are too long for daily ones.

    Below 0 where the way to the place is longer than to the workplace: such days count, else the sum would be too high.
    """
    to_work, to_place = by_road_km(visits.home, visits.work), by_road_km(visits.home, visits.place)
    if max(to_work, to_place) > FARTHEST_KM:
        return None
    return 2 * visits.days * (to_work - to_place)


def saved(members: Sequence[Visits]) -> Saved | None:
    """Sum up the visits to a place in a month, each of another member.

    None: fewer than ``FEWEST`` members count, or more than half of all kilometres are one member's.
    """
    counted = [(one, km) for one in members if one.days > 0 and (km := saved_by(one)) is not None]
    ways = [abs(km) for _, km in counted]
    if len(counted) < FEWEST or max(ways) * 2 > sum(ways):
        return None
    return Saved(
        members=len(counted) // _MEMBERS * _MEMBERS,
        visit_days=_rounded(sum(one.days for one, _ in counted), _VISIT_DAYS),
        km=_rounded(sum(km for _, km in counted), _KM),
    )


def hours(km: float) -> int:
    """Return how long these kilometres take, in whole hours."""
    return _rounded(km / SPEED_KM_H, 1)


def _rounded(value: float, step: int) -> int:
    return round(value / step) * step
