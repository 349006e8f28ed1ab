"""Makes estimates again for times about which events came late, after newer ones of the same place.

The running estimate takes events in the order in which they are stored: an hour that a second gateway reports a day
later moves the present, not that hour. Here the place's events are folded again in the order in which they happened.
How is given by who starts the jobs (``ingest.refold.curve``): jobs and ingest don't know each other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg

from jobs.job import Round

Made = Sequence[tuple[datetime, int, int | None, int | None, int | None, int | None, str]]
"""Estimates: from when on, of which space, present, low, high, capacity, quality."""
Curve = Callable[[psycopg.Connection[Any], int, datetime, datetime], Made]
"""Folds a place's events again and returns its estimates from one instant to before another."""

_BUDGET_S: Final = 120.0
"""A run ends after this; the next goes on. A month of one place takes some seconds."""

_SEEN: Final = """
-- up to which line of the ledger late events were looked for; without: from now on
SELECT coalesce((SELECT tx FROM maintenance WHERE task = 'late'), (SELECT max(n) FROM feed), 0),
       (SELECT coalesce(max(n), 0) FROM feed)
"""
_FIND: Final = """
-- places with events that are older than what was stored before, from when on, and until when
WITH news AS (
  SELECT n, place, low, high FROM feed WHERE n > %(seen)s AND n <= %(last)s
),
first AS (SELECT place, min(n) AS n FROM news GROUP BY place),
base AS (
  SELECT f.place, (SELECT max(o.high) FROM (
    SELECT b.high FROM feed b WHERE b.place = f.place AND b.n < f.n ORDER BY b.n DESC LIMIT 500
  ) o) AS high
  FROM first f
),
seen AS (
  SELECT w.place, w.low, greatest(b.high, max(w.high) OVER (
    PARTITION BY w.place ORDER BY w.n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
  )) AS before
  FROM news w JOIN base b ON b.place = w.place
)
SELECT place, greatest(min(low), %(oldest)s), max(before) FROM seen
WHERE low < before - interval '2 minutes' AND before > %(oldest)s GROUP BY place
"""
_OVERLAP: Final = """
-- ranges that a new one touches become one with it
DELETE FROM refold WHERE place = %s AND since <= %s AND until >= %s RETURNING since, until
"""
_NOTE: Final = """
-- a range to be made again
INSERT INTO refold (place, since, until) VALUES (%s, %s, %s)
"""
_DONE: Final = """
-- remember up to which line late events were looked for
INSERT INTO maintenance (task, done_until, tx) VALUES ('late', %s, %s)
ON CONFLICT (task) DO UPDATE SET done_until = excluded.done_until, tx = excluded.tx, ran_at = now()
"""
_DUE: Final = """
-- the ranges that are to be made again, the newest first
SELECT place, since, until FROM refold WHERE NOT done ORDER BY until DESC, place
"""
_CLEAR: Final = """
-- what was made of the range before
DELETE FROM occupancy_refolded WHERE place = %s AND at >= %s AND at <= %s
"""
_STORE: Final = """
-- the estimates of the range
INSERT INTO occupancy_refolded (at, space, present, low, high, capacity, quality, place)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""
_HAND_OVER: Final = """
-- from the end of the range on, the running estimate holds again
INSERT INTO occupancy_refolded
SELECT %(until)s, s.place, s.id, c.present, c.low, c.high, c.capacity, c.quality
FROM space s CROSS JOIN LATERAL (
  SELECT * FROM occupancy_change o WHERE o.space = s.id AND o.at <= %(until)s ORDER BY o.at DESC LIMIT 1
) c
WHERE s.place = %(place)s
"""
_MADE: Final = """
-- the range is made again, and to be summed up
UPDATE refold SET done = true, summed = false, valued = false WHERE place = %s AND since = %s
"""


def make_again(round_: Round, curve: Curve) -> None:
    """Find what came late, and make the estimates of these times again."""
    connection = round_.connection
    row = connection.execute(_SEEN).fetchone()
    assert row is not None
    seen, last = row
    oldest = round_.now - round_.keep + timedelta(days=1)
    with connection.transaction():
        for place, since, until in connection.execute(_FIND, {"seen": seen, "last": last, "oldest": oldest}).fetchall():
            touched = connection.execute(_OVERLAP, (place, until, since)).fetchall()
            first = min([since, *(one for one, _ in touched)])
            connection.execute(_NOTE, (place, first, max([until, *(one for _, one in touched)])))
        connection.execute(_DONE, (round_.now, last))
    end = time.monotonic() + _BUDGET_S
    made = 0
    for place, since, until in connection.execute(_DUE).fetchall():
        if time.monotonic() > end:
            break
        estimates = curve(connection, place, since, until)
        with connection.transaction():
            connection.execute(_CLEAR, (place, since, until))
            with connection.cursor() as cursor:
                cursor.executemany(_STORE, [(*one, place) for one in estimates])
            connection.execute(_HAND_OVER, {"place": place, "until": until})
            connection.execute(_MADE, (place, since))
        made += 1
    if made:
        round_.log(f"late: the estimates of {made} places were made again")
