"""Reads what is forecast of spaces for an arrival: the next 24 hours by quarter hour, after that the usual by hour."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from time import monotonic
from typing import Any, Final

from psycopg_pool import AsyncConnectionPool

from access.holidays import is_holiday
from api.http.public_rows import public_rows
from api.http.timestamps import to_datetime
from api.present.ahead import NO_CURVES, Curves
from api.present.network import Place
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
# The usual of one hour of every space of some places: median, 5 and 95 % quantiles.
_USUAL: Final = """
SELECT s.place, s.id AS space, u.hour ->> 2 AS median, u.hour ->> 3 AS low, u.hour ->> 4 AS high
FROM unnest(%s::integer[], %s::integer[], %s::integer[]) AS asked (place, kind, hour)
JOIN space s ON s.place = asked.place
JOIN forecast_model m ON m.space = s.id AND m.public = %s
CROSS JOIN LATERAL (
  SELECT jsonb_path_query_first(m.usual, 'strict $[*] ? (@[0] == $kind && @[1] == $hour)',
    jsonb_build_object('kind', asked.kind, 'hour', asked.hour)) AS hour) u
WHERE u.hour IS NOT NULL
"""
_SPREAD: Final = tuple(
    {0.05: 1.0, 0.1: 0.779, 0.25: 0.41, 0.5: 0.0, 0.75: 0.41, 0.9: 0.779, 0.95: 1.0}[one] for one in KEPT
)
"""How far each quantile is from the median, in shares of the way to the outermost one of its side (a normal law's)."""


class Forecasts:
    """The forecasts that searches asked for, kept for a minute."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool
        self._kept: OrderedDict[tuple[int, int, bool], tuple[float, Curves]] = OrderedDict()

    async def at(self, places: Iterable[Place], moment: int, now: int, *, public: bool) -> dict[int, Curves]:
        """Return the curves of each place at ``moment`` (µs), by place; ``public``: those that everybody may see.

        Raises:
            Unavailable: the database is down or too busy.
        """
        quarter = moment // _QUARTER_US
        found: dict[int, Curves] = {}
        asked: list[Place] = []
        clock = monotonic()
        for place in places:
            kept = self._kept.get((place.id, quarter, public))
            if kept is None or kept[0] <= clock:
                asked.append(place)
            else:
                found[place.id] = kept[1]
        if asked:
            soon = moment - now <= NEXT_HOURS // timedelta(microseconds=1)
            read = await (self._soon(asked, moment, public) if soon else self._usual(asked, moment, public))
            for place in asked:
                found[place.id] = read.get(place.id, NO_CURVES)
                self._kept[place.id, quarter, public] = clock + _KEPT_S, found[place.id]
            while len(self._kept) > _MOST:
                self._kept.popitem(last=False)
        return found

    async def _soon(self, places: Sequence[Place], moment: int, public: bool) -> dict[int, Curves]:
        ids = [place.id for place in places]
        found: dict[int, dict[int, tuple[float, ...]]] = {}
        for row in await public_rows(self._pool, _AT, (to_datetime(moment), ids, public)):
            if row["quantiles"] and None not in row["quantiles"]:
                curve = tuple(value / 10 for value in row["quantiles"])
                found.setdefault(row["place"], {})[row["space"]] = curve
        return dict(found)

    async def _usual(self, places: Sequence[Place], moment: int, public: bool) -> dict[int, Curves]:
        at = to_datetime(moment)
        asked = []
        for place in places:
            zone = place.zone
            if zone is not None:
                local = at.astimezone(zone)
                holiday = is_holiday(local.date(), place.department)
                asked.append((place.id, _HOLIDAY if holiday else local.weekday(), local.hour))
        found: dict[int, dict[int, tuple[float, ...]]] = {}
        columns = [list(column) for column in zip(*asked, strict=True)] or [[], [], []]
        for row in await public_rows(self._pool, _USUAL, (*columns, public)):
            curve = usual_curve(float(row["median"]), float(row["low"]), float(row["high"]))
            found.setdefault(row["place"], {})[row["space"]] = curve
        return dict(found)


def usual_curve(median: float, low: float, high: float) -> tuple[float, ...]:
    """Return the quantiles of ``KEPT`` between the median and the outermost ones, spread as a normal law's."""
    return tuple(
        median - share * max(0.0, median - low) if number < MEDIAN else median + share * max(0.0, high - median)
        for number, share in enumerate(_SPREAD)
    )
