"""Bookings follow what was noted of their holders: checked in, left, over."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import psycopg

_CHECK_IN: Final = """
-- their holders came; what is over or released keeps its status, and says when they came
UPDATE booking b SET checked_in_at = w.in_at, status = CASE b.status WHEN 'booked' THEN 'checked_in' ELSE b.status END
FROM attendance w
WHERE w.booking = b.ref AND b.checked_in_at IS NULL AND w.in_at IS NOT NULL
  AND b.status IN ('booked', 'ended', 'no_show')
  AND (w.left_at > w.seen_at AND w.left_at <= b.starts_at) IS NOT TRUE
"""
_UNDO: Final = """
-- they came early, and left before it began
UPDATE booking b SET checked_in_at = NULL, status = 'booked' FROM attendance w
WHERE w.booking = b.ref AND b.status = 'checked_in' AND w.left_at > w.seen_at AND w.left_at <= b.starts_at
"""
_LEFT: Final = """
-- their holders left and did not come back: free from then on
UPDATE booking b SET status = 'ended', ends_at = w.left_at, released_at = w.left_at
FROM booking_watched w
WHERE w.ref = b.ref AND b.status = 'checked_in' AND b.ends_at > %(now)s
  AND w.left_at > w.seen_at AND w.left_at > b.starts_at AND w.left_at + w.leave <= %(now)s
  AND CASE w.kind WHEN 'seat' THEN true
    WHEN 'desk' THEN NOT EXISTS (SELECT FROM booking_senses(w.place, w.space, w.desk, %(now)s) q WHERE q.taken)
    WHEN 'room' THEN EXISTS (SELECT FROM booking_senses(w.place, w.space, NULL, %(now)s) q WHERE q.silent)
    ELSE false END
"""
_OVER: Final = """
-- over
UPDATE booking SET status = 'ended'
WHERE status IN ('booked', 'checked_in') AND member IS NOT NULL AND ends_at <= %(now)s
"""
_NUMBER: Final = """
-- give the steps that are committed their place in the order that all see; one process at a time does
UPDATE booking_step s SET n = o.n
FROM (SELECT f.id, nextval('booking_step_n') AS n
      FROM (SELECT id FROM booking_step WHERE n IS NULL ORDER BY id LIMIT 5000) f) o
WHERE s.id = o.id
"""


def follow(connection: psycopg.Connection[Any], now: datetime) -> None:
    """Check in, end what was left, end what is over, and number the steps."""
    for query in (_CHECK_IN, _UNDO, _LEFT, _OVER, _NUMBER):
        connection.execute(query, {"now": now})
