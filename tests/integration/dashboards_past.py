"""A past of the places of `dashboards_rows`: a weekend without a change, a change of the clocks, two days."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import psycopg

from jobs.history import gather
from jobs.rollup import quarter_of
from tests.integration.dashboards_rows import fill

QUIET_DAYS: Final = 20
"""So long ago a weekend ended in which nothing happened; the last change is ten days older."""
PEOPLE: Final = {"atelier": 3, "grange": 5}
"""How many were there in each quarter hour of the past, until today."""

_NAME: Final = "UPDATE place SET name = 'L''Atelier d''à côté' WHERE code = 'atelier'"
_CHANGE: Final = """
INSERT INTO occupancy_change (at, place, space, present, low, high, capacity, quality)
SELECT %(at)s, s.place, s.id, %(people)s, %(people)s, %(people)s, s.capacity, 'live'
FROM space s JOIN place p ON p.id = s.place WHERE s.parent IS NULL AND p.code = %(place)s
"""
_EVENTS: Final = """
INSERT INTO event (at, received_at, tx, stream, seq, place, device, kind, state, reason)
SELECT t.at, t.at, 1, 1, 1, d.place, d.id, CASE d.kind WHEN 'reader' THEN 1 ELSE 5 END, 1,
  CASE d.kind WHEN 'reader' THEN 0 END
FROM device d CROSS JOIN unnest(%(times)s::timestamptz[]) AS t (at) WHERE d.code IN ('reader-in', 'seat-1')
"""
_QUARTERS: Final = """
INSERT INTO occupancy_15m (at, place, space, mean, peak, known, capacity, degraded)
SELECT q.at, s.place, s.id, %(people)s, %(people)s, 1, s.capacity, 0
FROM space s JOIN place p ON p.id = s.place
CROSS JOIN generate_series(%(since)s, %(until)s::timestamptz - interval '15 minutes', '15 minutes') AS q (at)
WHERE s.parent IS NULL AND p.code = %(place)s
ON CONFLICT DO NOTHING
"""


def last_clock_change(now: datetime, zone: ZoneInfo) -> datetime:
    """Return the last hour, three days before ``now`` or earlier, with which the clocks of ``zone`` changed."""
    at = (now - timedelta(days=3)).replace(minute=0, second=0, microsecond=0)
    while (at - timedelta(hours=1)).astimezone(zone).utcoffset() == at.astimezone(zone).utcoffset():
        at -= timedelta(hours=1)
    return at


def fill_past(connection: psycopg.Connection[Any], now: datetime) -> None:
    """Insert the four places with their morning, and this past of two of them."""
    fill(connection, now)
    connection.execute(_NAME)
    change = last_clock_change(now, ZoneInfo("Europe/Paris"))
    quiet = now - timedelta(days=QUIET_DAYS)
    spans = [
        (change - timedelta(days=2), change + timedelta(days=2)),
        (quiet - timedelta(days=4), quiet + timedelta(days=1)),
        (now - timedelta(days=2), now),
    ]
    for place, people in PEOPLE.items():
        for at in (change - timedelta(hours=30), quiet - timedelta(days=10)):
            connection.execute(_CHANGE, {"place": place, "people": people, "at": at})
        for since, until in spans:
            values = {"since": quarter_of(since), "until": quarter_of(until)}
            connection.execute(_QUARTERS, {"place": place, "people": people, **values})
    hours = [change + timedelta(hours=n) for n in range(-12, 12)]
    connection.execute(_EVENTS, {"times": [*hours, quiet - timedelta(days=10)]})
    places = [place for (place,) in connection.execute("SELECT id FROM place").fetchall()]
    for since, until in spans:
        gather(connection, dict.fromkeys(places, quarter_of(since)), quarter_of(until))
