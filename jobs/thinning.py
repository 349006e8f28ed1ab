"""Thins the history of small spaces after three months: a day keeps its sums, and no quarter hour.

In a space of few seats a quarter hour says who was there. Small is a space whose capacity isn't known or is at most
four times its place's threshold for answers without a key (12 seats where nothing else is set). Its days become one
element each, in what was published and in what is known; its quarter hours and changes are deleted.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from jobs.job import Round

EVERY: Final = timedelta(days=1)
KEPT: Final = timedelta(days=92)
"""For so long small spaces have quarter hours."""

_MARK: Final = """
-- up to which day all is thinned
SELECT done_until FROM maintenance WHERE task = 'thinned'
"""
_SMALL: Final = """
-- the small spaces
SELECT coalesce(array_agg(s.id), '{}') FROM space s JOIN place p ON p.id = s.place
WHERE coalesce(s.capacity, 0) <= 4 * p.public_threshold
"""
_THIN: Final = """
-- a day keeps its sums
UPDATE history_day SET minutes = greatest(seconds / 60, 16), persons = ARRAY[person_s], peak = ARRAY[day_peak],
  known = ARRAY[known_s], degraded = ARRAY[degraded_s], shown = ARRAY[shown_s], line = ARRAY[line_s],
  capacity = ARRAY[day_capacity]
WHERE minutes = 15 AND space = ANY (%(spaces)s) AND day < %(before)s::timestamptz::date
"""
_QUARTERS: Final = """
-- the quarter hours that the days were made of
DELETE FROM occupancy_15m WHERE space = ANY (%(spaces)s) AND at >= %(since)s AND at < %(before)s
"""
_CHANGES: Final = """
-- the changes, but for the last one of a space: it holds until the next
DELETE FROM occupancy_change c WHERE space = ANY (%(spaces)s) AND at >= %(since)s AND at < %(before)s
  AND EXISTS (SELECT FROM occupancy_change n WHERE n.space = c.space AND n.at > c.at AND n.at < %(before)s)
"""
_REFOLDED: Final = """
-- likewise those that were made again
DELETE FROM occupancy_refolded WHERE space = ANY (%(spaces)s) AND at < %(before)s
"""
_DONE: Final = """
-- remember up to which day all is thinned
INSERT INTO maintenance (task, done_until) VALUES ('thinned', %s)
ON CONFLICT (task) DO UPDATE SET done_until = excluded.done_until, ran_at = now()
"""


def thin(round_: Round) -> None:
    """Thin what has become older than ``KEPT`` since the last run."""
    connection = round_.connection
    before = (round_.now - KEPT).replace(hour=0, minute=0, second=0, microsecond=0)
    mark = connection.execute(_MARK).fetchone()
    row = connection.execute(_SMALL).fetchone()
    assert row is not None
    # a day more: what came late was written behind the mark
    since = before - timedelta(days=36_500) if mark is None else mark[0] - timedelta(days=1)
    values = {"spaces": row[0], "since": since, "before": before}
    with connection.transaction():
        days = connection.execute(_THIN, values).rowcount
        for query in (_QUARTERS, _CHANGES, _REFOLDED):
            connection.execute(query, values)
        connection.execute(_DONE, (before,))
    round_.log(f"thinned: {days} days of small spaces, before {before:%Y-%m-%d}")
