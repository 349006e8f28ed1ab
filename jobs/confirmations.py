"""Lets occurrences of a series lapse that nobody confirmed in time: their desk or room is free again."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from jobs.job import Round

EVERY: Final = timedelta(minutes=1)

_LAPSE: Final = """
-- occurrences that begin so soon that they should have been confirmed
UPDATE booking b SET status = 'lapsed', cancelled_at = %(now)s FROM booking_series q
WHERE q.ref = b.series AND q.confirm_hours IS NOT NULL AND b.confirmed_at IS NULL AND b.status = 'booked'
  AND b.starts_at <= %(now)s::timestamptz + make_interval(hours => q.confirm_hours)
RETURNING b.ref
"""


def lapse(round_: Round) -> None:
    """Free what was not confirmed."""
    lapsed = round_.connection.execute(_LAPSE, {"now": round_.now}).fetchall()
    if lapsed:
        round_.log(f"confirmations: {len(lapsed)} occurrences of series lapsed unconfirmed")
