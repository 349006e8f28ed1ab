"""Renews the exceptions by date of hours in OpenStreetMap's syntax, and raises an alarm where hours can't be read.

Such hours are stored as a week with exceptions for two years (``rights.osm_hours``). Without this job a place that
closes in August would be open in the third one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final

from psycopg.types.json import Jsonb

from access.errors import ListError
from access.schedules import schedule_from_json, with_department, zone_named
from jobs.job import Round
from rights.osm_hours import AHEAD_DAYS, HoursUnreadable, hours_from_osm

EVERY: Final = timedelta(days=1)
_SPARE: Final = timedelta(days=60)
"""Exceptions of the last days aren't renewed one by one: each renewal makes a new list for the gateways."""

_PLACES: Final = """
-- the places with hours
SELECT id, code::text, department, time_zone, opening_hours, opening_hours_osm FROM place
WHERE status <> 'closed' AND (opening_hours IS NOT NULL OR opening_hours_osm IS NOT NULL) ORDER BY id
"""
_RENEW: Final = "SELECT renew_hours(%(place)s, %(osm)s, %(hours)s)"
_RAISE: Final = """
-- an alarm until they can be read; nothing where there is one already
INSERT INTO alarm (kind, place, from_at, text)
SELECT 'hours_unreadable', %(place)s, %(now)s, %(text)s
WHERE NOT EXISTS (SELECT FROM alarm a WHERE a.kind = 'hours_unreadable' AND a.place = %(place)s AND a.until_at IS NULL)
RETURNING id
"""
_END: Final = """
-- the alarms of places whose hours can be read
UPDATE alarm SET until_at = %(now)s
WHERE kind = 'hours_unreadable' AND until_at IS NULL AND NOT place = ANY (%(unreadable)s)
"""


def look_at_hours(round_: Round) -> None:
    """Renew what is renewed, and raise and end alarms."""
    connection, unreadable, renewed = round_.connection, [], 0
    for place, code, department, zone_name, hours, osm in connection.execute(_PLACES).fetchall():
        try:
            today = round_.now.astimezone(zone_named(zone_name)).date()
            if hours is not None:
                schedule_from_json(with_department(hours, department))
            if osm is not None:
                fresh = hours_from_osm(osm, department=department, today=today)
                if _soon(fresh, today) != _soon(hours, today):
                    values = {"place": place, "osm": osm, "hours": Jsonb(fresh)}
                    row = connection.execute(_RENEW, values).fetchone()
                    renewed += row is not None and row[0]
        except (ListError, HoursUnreadable) as error:
            unreadable.append(place)
            text = f"the opening hours of {code} can't be read, so it isn't known whether it is open: {error}"
            if connection.execute(_RAISE, {"place": place, "now": round_.now, "text": text}).fetchone():
                round_.log(f"hours: those of {code} can't be read")
    connection.execute(_END, {"now": round_.now, "unreadable": unreadable})
    if renewed:
        round_.log(f"hours: exceptions of {renewed} places renewed")


def _soon(hours: Mapping[str, Any] | None, today: date) -> dict[str, Any] | None:
    """Return hours without the exceptions that are over or far ahead."""
    if hours is None:
        return None
    first, last = today.isoformat(), (today + timedelta(days=AHEAD_DAYS) - _SPARE).isoformat()
    exceptions = [
        [max(begins, first), min(ends, last), periods]
        for begins, ends, periods in hours.get("except", ())
        if ends >= first and begins <= last
    ]
    return {**hours, "except": exceptions}
