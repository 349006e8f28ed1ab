"""The rows of forecasts and of the usual, and their JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from psycopg.rows import DictRow

from api.http.timestamps import rfc3339
from api.present.network import Place, Space
from api.present.opening import is_open
from occupancy.departures import KEPT
from occupancy.forecast import chance
from occupancy.public import Rule

QUARTER_US: Final = 900_000_000
_MEDIAN: Final = KEPT.index(0.5)
_SIZE: Final = len(KEPT)
_PAST_QUARTERS: Final = 48
KINDS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday")

# The last forecast of one space.
FORECAST: Final = """
SELECT (extract(epoch FROM made_at) * 1000000)::bigint AS made, (extract(epoch FROM first) * 1000000)::bigint AS first,
  capacity, quantiles
FROM forecast WHERE space = %s AND public = %s AND made_at > now() - interval '1 hour'
"""
# The quarter hours before it.
PAST: Final = """
SELECT (extract(epoch FROM at) * 1000000)::bigint AS at, mean, known FROM history_known
WHERE space = %s AND at >= now() - interval '12 hours' ORDER BY at
"""
# The same, as answers without a key had them.
PUBLIC_PAST: Final = """
SELECT (extract(epoch FROM at) * 1000000)::bigint AS at, mean, known FROM history_public
WHERE space = %s AND day >= current_date - 2 AND at >= now() - interval '13 hours' ORDER BY at
"""
USUAL: Final = """
SELECT (extract(epoch FROM learnt_at) * 1000000)::bigint AS learnt, usual
FROM forecast_model WHERE space = %s AND public = %s
"""


def forecast_json(
    place: Place, space: Space, row: DictRow | None, past: Sequence[DictRow], rule: Rule | None, *, now: int
) -> dict[str, Any]:
    """Format a forecast; ``rule``: that of answers without a key, for which rows are made of banded numbers."""
    capacity = space.capacity if row is None else row["capacity"]
    quarters = []
    first, quantiles = (0, []) if row is None else (row["first"], row["quantiles"])
    for number in range(len(quantiles) // _SIZE):
        at = first + number * QUARTER_US
        curve = quantiles[number * _SIZE : (number + 1) * _SIZE]
        known = None if None in curve else [value / 10 for value in curve]
        quarters.append({"at": rfc3339(at), "open": is_open(place, at), **_ahead(known, capacity, rule)})
    return {
        "place": place.code,
        "space": space.code,
        "capacity": capacity,
        "made_at": None if row is None else rfc3339(row["made"]),
        "past": _past(past, capacity, rule, now),
        "ahead": quarters,
    }


def _ahead(curve: Sequence[float] | None, capacity: int | None, rule: Rule | None) -> dict[str, Any]:
    if curve is None:
        return {"median": None, "low": None, "high": None, "chance": None}
    if rule is None:
        likely = None if capacity is None else round(chance(curve, capacity), 2)
        low, median, high = (round(one, 1) for one in (curve[0], curve[_MEDIAN], curve[-1]))
        return {"median": median, "low": low, "high": high, "chance": likely}
    bands = [rule.band(round(one), capacity) for one in (curve[0], curve[_MEDIAN], curve[-1])]
    likely = None
    if capacity is not None and (last := rule.band(max(0, capacity - 1), capacity)).exact is not None:
        likely = round(chance(curve, capacity), 2)
    elif capacity is not None and last.low:
        likely = round(chance(curve, last.low - 1, 0), 2)
    return {"median": bands[1].exact, "low": bands[0].low, "high": bands[2].high, "chance": likely}


def _past(rows: Sequence[DictRow], capacity: int | None, rule: Rule | None, now: int) -> list[dict[str, Any]]:
    known = {row["at"]: row["mean"] if row["known"] >= 0.5 else None for row in rows}
    until = now // QUARTER_US * QUARTER_US
    found = []
    for at in range(until - _PAST_QUARTERS * QUARTER_US, until, QUARTER_US):
        mean = known.get(at)
        if mean is None:
            numbers: dict[str, Any] = {"mean": None, "low": None, "high": None}
        elif rule is None:
            numbers = dict.fromkeys(("mean", "low", "high"), round(mean, 1))
        else:
            band = rule.band(round(mean), capacity)
            numbers = {"mean": band.exact, "low": band.low, "high": band.high}
        found.append({"at": rfc3339(at), **numbers})
    return found


def usual_json(place: Place, space: Space, row: DictRow | None, rule: Rule | None) -> dict[str, Any]:
    """Format the usual of a space; ``rule`` as for ``forecast_json``."""
    hours = []
    for kind, hour, median, low, high, days in [] if row is None else row["usual"]:
        numbers: dict[str, Any] = {
            "median": round(median, 1),
            "low": round(low, 1),
            "high": round(high, 1),
            "days": days,
        }
        if rule is not None:
            bands = [rule.band(round(one), space.capacity) for one in (low, median, high)]
            numbers |= {"median": bands[1].exact, "low": bands[0].low, "high": bands[2].high}
        hours.append({"day": KINDS[kind], "hour": hour, **numbers})
    return {
        "place": place.code,
        "space": space.code,
        "capacity": space.capacity,
        "learnt_at": None if row is None else rfc3339(row["learnt"]),
        "hours": hours,
    }
