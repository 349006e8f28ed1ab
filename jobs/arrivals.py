"""Learns how many usually arrive at each place, by local weekday and quarter hour (`report.arrival_usual`)."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from jobs.job import Round

EVERY: Final = timedelta(hours=1)
_OVER: Final = timedelta(days=28)
_AFTER: Final = timedelta(days=2)
"""What was learned is learned again after this time."""
_AT_ONCE: Final = 200
"""Places learned in one round, so that a round is short."""

_DUE: Final = """
-- the places whose usual arrivals are to be learned: those never learned first
SELECT p.id, p.time_zone
FROM place p
LEFT JOIN (SELECT u.place, min(u.learnt_at) AS at FROM arrival_usual u GROUP BY u.place) l ON l.place = p.id
WHERE EXISTS (SELECT FROM gateway g WHERE g.place = p.id AND g.retired_at IS NULL)
  AND (l.at IS NULL OR l.at < %(before)s)
ORDER BY l.at NULLS FIRST, p.id LIMIT %(many)s
"""
_LEARN: Final = """
-- arrivals from outside of four weeks by local day and quarter hour, of days that are over and had any;
-- the median of each
WITH passage AS (
  SELECT e.at AT TIME ZONE %(zone)s AS at
  FROM door_event e
  JOIN device v ON v.id = e.device AND v.side = 'in'
  JOIN door d ON d.id = v.door AND d.from_space IS NULL
  WHERE e.place = %(place)s AND e.passed AND e.at >= %(since)s AND e.at < %(now)s
), day AS (
  SELECT a.at::date AS day FROM passage a
  WHERE a.at::date > (%(since)s AT TIME ZONE %(zone)s)::date AND a.at::date < (%(now)s AT TIME ZONE %(zone)s)::date
  GROUP BY 1
), quarter AS (
  SELECT d.day, q.n, count(a.at) AS arrivals
  FROM day d CROSS JOIN generate_series(0, 95) q (n)
  LEFT JOIN passage a ON a.at::date = d.day
    AND 4 * extract(hour FROM a.at) + div(extract(minute FROM a.at), 15) = q.n
  GROUP BY 1, 2
), usual AS (
  SELECT extract(isodow FROM q.day)::smallint AS weekday, q.n, count(*) AS days,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY q.arrivals) AS median
  FROM quarter q GROUP BY 1, 2
)
INSERT INTO arrival_usual (place, weekday, learnt_at, days, arrivals)
SELECT %(place)s, w.n, %(now)s, coalesce(max(u.days), 0),
  array_agg(u.median::real ORDER BY u.n) FILTER (WHERE u.n IS NOT NULL)
FROM generate_series(1, 7) w (n) LEFT JOIN usual u ON u.weekday = w.n
GROUP BY w.n
"""
_FORGET: Final = "DELETE FROM arrival_usual WHERE place = %(place)s"


def learn_arrivals(round_: Round) -> None:
    """Learn the places that are due; a weekday without any arrival is noted as not known."""
    run, now = round_.connection.execute, round_.now
    places = run(_DUE, {"before": now - _AFTER, "many": _AT_ONCE}).fetchall()
    for place, zone in places:
        values = {"place": place, "zone": zone, "since": now - _OVER, "now": now}
        with round_.connection.transaction():
            run(_FORGET, values)
            run(_LEARN, values)
    if places:
        round_.log(f"arrivals: usual arrivals of {len(places)} places learned")
