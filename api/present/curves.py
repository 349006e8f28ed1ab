"""Reads what is forecast of spaces for an arrival: the next 24 hours by quarter hour, after that the usual by hour."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from math import isnan
from time import monotonic
from typing import Any, Final

from psycopg_pool import AsyncConnectionPool

from access.holidays import is_holiday
from api.http.public_rows import public_rows
from api.http.timestamps import to_datetime
from api.present.ahead import NO_CURVES, Curves
from api.present.network import Place
from api.present.weeks import Weeks
from occupancy.departures import KEPT, MEDIAN

NEXT_HOURS: Final = timedelta(hours=24)
"""So far ahead there is a forecast of each quarter hour."""
_QUARTER_US: Final = 900_000_000
_KEPT_S: Final = 60.0
"""A forecast is made again each quarter hour."""
_MOST: Final = 20_000
_HOLIDAY: Final = 7
# The quantiles of one quarter hour of every space of some places, in tenths of people.
_AT: Final = """
SELECT f.place, f.space, f.quantiles[7 * q.n + 1 : 7 * q.n + 7] AS quantiles
FROM forecast f
CROSS JOIN LATERAL (SELECT floor(extract(epoch FROM %s::timestamptz - f.first) / 900)::integer AS n) q
WHERE f.place = ANY (%s) AND f.public = %s AND q.n >= 0 AND f.made_at > now() - interval '1 hour'
"""
_SPREAD: Final = tuple(
    {0.05: 1.0, 0.1: 0.779, 0.25: 0.41, 0.5: 0.0, 0.75: 0.41, 0.9: 0.779, 0.95: 1.0}[one] for one in KEPT
)
"""How far each quantile is from the median, in shares of the way to the outermost one of its side (a normal law's)."""


class Forecasts:
    """The forecasts that searches asked for, kept for a minute, and usual weeks."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool
        self._kept: OrderedDict[tuple[int, int, bool], tuple[float, Curves]] = OrderedDict()
        self.weeks: Final = Weeks(pool)

    async def at(self, places: Iterable[Place], moment: int, now: int, *, public: bool) -> dict[int, Curves]:
        """Return the curves of each place at ``moment`` (µs), by place; ``public``: those that everybody may see.

        Raises:
            Unavailable: the database is down or too busy.
        """
        if moment - now > NEXT_HOURS // timedelta(microseconds=1):
            return await self._usual(list(places), moment, public)
        quarter = moment // _QUARTER_US
        clock = monotonic()
        found: dict[int, Curves] = {}
        asked: list[int] = []
        for place in places:
            kept = self._kept.get((place.id, quarter, public))
            if kept is None or kept[0] <= clock:
                asked.append(place.id)
            else:
                found[place.id] = kept[1]
        read = await self._soon(asked, moment, public) if asked else {}
        for number in asked:
            found[number] = read.get(number, NO_CURVES)
            self._kept[number, quarter, public] = clock + _KEPT_S, found[number]
        _shorten(self._kept)
        return found

    async def _soon(self, places: Sequence[int], moment: int, public: bool) -> dict[int, Curves]:
        found: dict[int, dict[int, tuple[float, ...]]] = {}
        for row in await public_rows(self._pool, _AT, (to_datetime(moment), places, public)):
            if row["quantiles"] and None not in row["quantiles"]:
                curve = tuple(value / 10 for value in row["quantiles"])
                found.setdefault(row["place"], {})[row["space"]] = curve
        return dict(found)

    async def _usual(self, places: Sequence[Place], moment: int, public: bool) -> dict[int, Curves]:
        at = to_datetime(moment)
        hours: dict[tuple[str, str | None], int] = {}
        weeks = await self.weeks.of([place.id for place in places], public=public)
        found: dict[int, Curves] = {}
        for place in places:
            week = weeks.get(place.id)
            if not week:
                continue
            where = place.time_zone, place.department
            if where not in hours:
                hours[where] = _hour(at, place)
            hour = 3 * hours[where]
            known = {space: one[hour : hour + 3] for space, one in week.items()} if hour >= 0 else {}
            found[place.id] = {space: usual_curve(*one) for space, one in known.items() if not isnan(one[0])}
        return found


def _hour(at: datetime, place: Place) -> int:
    """Return which hour of the usual week ``at`` is in a place; -1: its time zone isn't known."""
    zone = place.zone
    if zone is None:
        return -1
    local = at.astimezone(zone)
    return 24 * (_HOLIDAY if is_holiday(local.date(), place.department) else local.weekday()) + local.hour


def _shorten(kept: OrderedDict[Any, Any]) -> None:
    while len(kept) > _MOST:
        kept.popitem(last=False)


@lru_cache(maxsize=32_768)
def usual_curve(median: float, low: float, high: float) -> tuple[float, ...]:
    """Return the quantiles of ``KEPT`` between the median and the outermost ones, spread as a normal law's."""
    return tuple(
        median - share * max(0.0, median - low) if number < MEDIAN else median + share * max(0.0, high - median)
        for number, share in enumerate(_SPREAD)
    )
