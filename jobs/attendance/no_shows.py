"""Releases bookings whose holder did not come, where the place says after how long: a warning, then the release.

Only where doors and sensors are heard and say nothing. What isn't known is no reason to take a booking away.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import psycopg

from database.mail import queue_mail, time_in_mail

_WARN: Final = """
-- half of the time is over without an arrival: the holder is warned, and has at least the other half
WITH due AS MATERIALIZED (
  SELECT w.*, greatest(w.starts_at + w.no_show, %(now)s + w.no_show / 2) AS release_at FROM booking_watched w
  WHERE w.status = 'booked' AND w.kind <> 'event' AND w.warned_at IS NULL AND w.looked_at IS NOT NULL
    AND w.starts_at + w.no_show / 2 <= %(now)s AND w.ends_at > %(now)s
), warned AS (
  INSERT INTO attendance (booking, warned_at) SELECT ref, %(now)s FROM due WHERE release_at < ends_at
  ON CONFLICT (booking) DO UPDATE SET warned_at = excluded.warned_at RETURNING booking
)
SELECT d.ref, d.member, d.name, d.starts_at, d.release_at, p.name, p.time_zone, concat_ws(', ', p.phone, p.email)
FROM due d JOIN warned w ON w.booking = d.ref JOIN place p ON p.id = d.place
"""
_RELEASE: Final = """
-- no arrival: no badge, all gateways heard from, and sensors that are heard and silent
UPDATE booking b SET status = 'no_show', cancelled_at = %(now)s, released_at = %(now)s
FROM booking_watched w JOIN place p ON p.id = w.place
WHERE w.ref = b.ref AND b.status = 'booked' AND w.kind <> 'event' AND b.ends_at > %(now)s
  AND greatest(w.starts_at + w.no_show, w.warned_at + w.no_show / 2) <= %(now)s
  AND w.looked_at IS NOT NULL
  AND EXISTS (SELECT FROM report.line l WHERE l.place = w.place AND l.clear
    AND l.heard_at >= greatest(w.starts_at + w.no_show, w.warned_at + w.no_show / 2))
  AND EXISTS (SELECT FROM booking_senses(w.place, w.space, w.desk, %(now)s) q WHERE q.silent)
RETURNING b.ref, b.member, w.name, b.starts_at, %(now)s::timestamptz, p.name, p.time_zone,
  concat_ws(', ', p.phone, p.email)
"""


def warn(connection: psycopg.Connection[Any], now: datetime) -> int:
    """Queue the warnings that are due; return how many."""
    return _mail(connection, _WARN, "no_show_warning", now)


def release(connection: psycopg.Connection[Any], now: datetime) -> int:
    """Release what is not used, and write to the holders; return how many. All stored events must be noted."""
    return _mail(connection, _RELEASE, "no_show", now)


def _mail(connection: psycopg.Connection[Any], query: str, kind: str, now: datetime) -> int:
    rows = connection.execute(query.encode(), {"now": now}).fetchall()
    for ref, member, name, starts, at, place, zone, contact in rows:
        values = {
            "what": name or place,
            "starts": time_in_mail(starts, ZoneInfo(zone)),
            "release": time_in_mail(at, ZoneInfo(zone)),
            "place": place,
            "contact": contact,
        }
        queue_mail(
            connection,
            kind=kind,
            values=values,
            to_member=member,
            once=f"{kind} {ref} {starts.isoformat()}",
            not_after=at if kind == "no_show_warning" else None,
        )
    return len(rows)
