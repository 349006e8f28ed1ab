"""Waiting lists: ends them when their time comes, lets offers lapse, and offers what is free to the next in line.

What a cancelled or changed booking frees is offered by the database at once (migration 0096); this catches the rest:
new units, erased members, a change that had to wait too long for another one.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from jobs.job import Round

EVERY: Final = timedelta(seconds=30)

_END: Final = """
-- entries whose time has begun, or can't be booked any more
UPDATE waiting w SET status = 'ended', closed_at = %(now)s
WHERE w.status = 'waiting' AND waiting_last(w.place, w.kind, w.resource, w.starts_at) <= %(now)s RETURNING w.ref
"""
_LAPSE: Final = """
-- offers that were not accepted in time
UPDATE booking b SET status = 'lapsed', cancelled_at = %(now)s FROM waiting w
WHERE w.booking = b.ref AND w.status = 'offered' AND w.offered_until <= %(now)s AND b.status = 'offered' RETURNING b.ref
"""
_OFFER: Final = "SELECT offer_waiting(%(now)s, NULL, %(now)s, 'infinity')"


def offer(round_: Round) -> None:
    """End, let lapse, and offer."""
    connection, values = round_.connection, {"now": round_.now}
    ended = connection.execute(_END, values).fetchall()
    lapsed = connection.execute(_LAPSE, values).fetchall()
    row = connection.execute(_OFFER, values).fetchone()
    offered = row[0] if row else 0
    if ended or lapsed or offered:
        round_.log(f"waiting: {len(lapsed)} offers lapsed, {offered} made, {len(ended)} entries ended")
