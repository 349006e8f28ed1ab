"""Counts searches for free seats by hour and department, and those without an offer: nothing of who asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

import psycopg

from api.http.timestamps import to_datetime
from api.present.asking import Asked
from api.present.looking import Looked

_HOUR_US: Final = 3600 * 1_000_000
_NOWHERE: Final = "?"

_ADD: Final = """
-- searches of a minute, added to their hours
INSERT INTO demand_hour AS d (hour, department, searches, unmet)
SELECT * FROM unnest(%(hours)s::timestamptz[], %(departments)s::text[], %(searches)s::integer[], %(unmet)s::integer[])
ON CONFLICT (hour, department) DO UPDATE SET searches = d.searches + excluded.searches, unmet = d.unmet + excluded.unmet
"""


class Demand:
    """Searches that are not stored yet; noted by one thread, stored by another."""

    def __init__(self) -> None:
        self._counts: defaultdict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0])

    def note(self, department: str | None, now: int, *, met: bool) -> None:
        """Count one search at ``now`` (microseconds); ``met``: a place could be offered."""
        counts = self._counts[now // _HOUR_US * _HOUR_US, department or _NOWHERE]
        counts[0] += 1
        counts[1] += not met

    def store(self, connection: psycopg.Connection[Any]) -> None:
        """Add what was noted to the database.

        Raises:
            psycopg.Error: nothing was stored; it is kept for the next time.
        """
        noted, self._counts = self._counts, defaultdict(lambda: [0, 0])
        if not noted:
            return
        try:
            connection.execute(_ADD, _columns(noted))
        except psycopg.Error:
            for key, counts in noted.items():
                later = self._counts[key]
                later[0] += counts[0]
                later[1] += counts[1]
            raise


def _columns(noted: Mapping[tuple[int, str], list[int]]) -> dict[str, list[Any]]:
    return {
        "hours": [to_datetime(hour) for hour, _ in noted],
        "departments": [department for _, department in noted],
        "searches": [searches for searches, _ in noted.values()],
        "unmet": [unmet for _, unmet in noted.values()],
    }


def department_of(asked: Asked, looked: Looked) -> str | None:
    """Return where seats were looked for: in the department that was named, of the commune or the nearest place."""
    if asked.where.department is not None:
        return asked.where.department
    if asked.commune is not None:
        return asked.commune.department
    if asked.place is not None:
        return asked.place.department
    nearest = [found[0] for found in (looked.fit, [one for one, _ in looked.refused]) if found]
    return min(nearest, key=lambda one: one.key).place.department if nearest else None
