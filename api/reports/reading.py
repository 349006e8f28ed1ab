"""Reads reports for a caller or for everybody, and makes one of a month that still runs."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from api.http.session import Session
from reports import queries
from reports.figures import place_report, place_values
from reports.model import Report
from reports.month import Month

KEEP: Final = timedelta(days=90)
"""How long events are kept (``jobs.traces``); the figures of doors of older months are unknown."""

# A stored report: the month and version that are asked for, or the last ones.
STORED: Final = """
SELECT number, version, made_at, changed, figures FROM monthly_report
WHERE scope = %(scope)s AND place IS NOT DISTINCT FROM %(place)s AND department IS NOT DISTINCT FROM %(department)s
  AND (%(month)s::date IS NULL OR month = %(month)s) AND (%(version)s::integer IS NULL OR version = %(version)s)
ORDER BY month DESC, version DESC LIMIT 1
"""
# Whether the caller has a role that sees all of a place's report; a key of single scopes has none.
MAY: Final = "SELECT caller_may(%(place)s::integer, 'place_manager', 'auditor') AS may"
# What everybody may know of the same.
SHOWN: Final = """
SELECT version, made_at, shown FROM public_report
WHERE scope = %(scope)s AND place IS NOT DISTINCT FROM %(place)s AND department IS NOT DISTINCT FROM %(department)s
  AND (%(month)s::date IS NULL OR month = %(month)s) AND (%(version)s::integer IS NULL OR version = %(version)s)
ORDER BY month DESC LIMIT 1
"""
# The reports that there are.
HEADS: Final = """
SELECT r.scope, p.code::text AS place, r.department, r.month, r.version, r.made_at
FROM public_report r LEFT JOIN place p ON p.id = r.place
WHERE (%(month)s::date IS NULL OR r.month = %(month)s) AND (%(place)s::text IS NULL OR p.code::text = %(place)s)
  AND (%(scope)s::text IS NULL OR r.scope = %(scope)s) AND (r.place IS NULL OR p.id IS NOT NULL)
ORDER BY r.month DESC, r.scope, p.code, r.department LIMIT 5000
"""


async def made_now(s: Session, place: int, zone: ZoneInfo, month: Month, now: datetime) -> Report:
    """Return the report of a place as known by ``now``, in the rights of the caller; it isn't stored.

    Categories are left out: a caller sees them of members at home only.
    """
    values = place_values(place, month, zone, now)
    asked = {name: query for name, query in queries.PLACE.items() if name != "categories"}
    rows: dict[str, Any] = {name: await s.rows(query, values) for name, query in asked.items()}
    rows["categories"] = []
    return place_report(rows, month, now, KEEP).model_copy(update={"categories": None})


def first_of(month: str | None) -> date | None:
    """Return the first day of a month; None for none."""
    return None if month is None else Month.parsed(month).first
