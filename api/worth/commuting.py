"""The commuting that visits saved, by month, of a place or a group of places.

It adds up what the jobs stored, which is rounded and withheld place by place: sums of these show nothing more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from psycopg.rows import DictRow

from occupancy.commuting import hours

COMMUTING: Final = """
-- by group and month, of the months that lie wholly in these days
SELECT CASE %(by)s WHEN 'place' THEN p.code::text WHEN 'department' THEN coalesce(p.department, '?')
    ELSE '*' END AS name, w.month, count(w.km) AS places, count(*) - count(w.km) AS withheld,
  coalesce(sum(w.members), 0) AS members, coalesce(sum(w.visit_days), 0) AS visit_days, coalesce(sum(w.km), 0) AS km
FROM worth_commuting w JOIN place p ON p.id = w.place
WHERE w.month >= %(first)s AND w.month + interval '1 month' <= %(last)s
  AND (%(places)s::integer[] IS NULL OR p.id = ANY (%(places)s::integer[]))
GROUP BY 1, 2 ORDER BY 1, 2
"""
CSV: Final = ("commuting_visit_days", "commuting_km", "commuting_hours")


def commuting_of(rows: Iterable[DictRow | Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the figures of each group that has any, by name, from rows of ``COMMUTING``."""
    months: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        figures = {name: int(row[name]) for name in ("places", "withheld", "members", "visit_days", "km")}
        month = {"month": f"{row['month']:%Y-%m}", **figures, "hours": hours(figures["km"])}
        months.setdefault(row["name"], []).append(month)
    return {name: _sums(of) for name, of in months.items() if any(month["places"] for month in of)}


def cells_of(commuting: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the sums as cells of a CSV."""
    return {} if commuting is None else {f"commuting_{name}": commuting[name] for name in ("visit_days", "km", "hours")}


def _sums(months: list[dict[str, Any]]) -> dict[str, Any]:
    visit_days, km = (sum(month[name] for month in months) for name in ("visit_days", "km"))
    return {"visit_days": visit_days, "km": km, "hours": hours(km), "months": months}
