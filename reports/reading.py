"""Reads stored reports, or makes one that isn't stored yet."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import psycopg

from reports.making import make_group, make_place
from reports.model import Changed, Report, Stored
from reports.month import Month

NETWORK: Final = "network"
DEPARTMENT: Final = "department:"

LAST: Final = """
-- the last version of a report, or the one that is asked for
SELECT number, version, made_at, changed, figures FROM monthly_report
WHERE month = %(month)s AND scope = %(scope)s AND place IS NOT DISTINCT FROM %(place)s
  AND department IS NOT DISTINCT FROM %(department)s AND (%(version)s::integer IS NULL OR version = %(version)s)
ORDER BY version DESC LIMIT 1
"""
_PLACE: Final = "SELECT id FROM place WHERE code = %s"
_PLACES: Final = """
-- the places of a department or the network that have a history
SELECT p.id FROM place p
WHERE (%(department)s::text IS NULL OR p.department = %(department)s)
  AND EXISTS (SELECT FROM space_state s WHERE s.place = p.id) ORDER BY p.id
"""


def stored_of(row: Any) -> Stored:
    """Return a row of ``LAST`` as a value."""
    number, version, made_at, changed, figures = row
    return Stored(
        number=number,
        version=version,
        made_at=made_at,
        changed=tuple(Changed.model_validate(one) for one in changed),
        report=Report.model_validate(figures),
    )


def read_or_make(
    connection: psycopg.Connection[Any],
    about: str,
    month: Month,
    *,
    now: datetime,
    keep: timedelta,
    fresh: bool = False,
) -> Stored | None:
    """Return the stored report about a place's code, ``network`` or ``department:87``; else one that is made now.

    None: there is no such place, or no place of that department has a history.
    """
    department = about.removeprefix(DEPARTMENT) if about.startswith(DEPARTMENT) else None
    place: int | None = None
    scope = "network" if about == NETWORK else "place" if department is None else "department"
    if scope == "place":
        row = connection.execute(_PLACE, (about,)).fetchone()
        if row is None:
            return None
        place = row[0]
    key = {"scope": scope, "place": place, "department": department, "month": month.first, "version": None}
    row = None if fresh else connection.execute(LAST, key).fetchone()
    if row is not None:
        return stored_of(row)
    if place is not None:
        report = make_place(connection, place, month, now, keep)
    else:
        ids = connection.execute(_PLACES, {"department": department}).fetchall()
        places = [make_place(connection, one, month, now, keep) for (one,) in ids]
        if not places:
            return None
        report = make_group(connection, places, month, now, department=department, name=department or "")
    return Stored(number=None, version=None, made_at=now, changed=(), report=report)
