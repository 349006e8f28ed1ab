"""A made-up past of the sample network: people, use of desks and usual arrivals of the days before it was created.

A new network has no history for a day, and no forecast for five. With a made-up past, history, usual and forecast
show something at once. It belongs to spaces that are marked ``generated``, like everything of the sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import psycopg

_FILL: Final = """
-- quarter hours of the sample's places: of work spaces by weekday and local hour, of the whole place their sum
WITH work AS (
  SELECT s.id AS space, s.place, s.capacity, p.time_zone AS zone, 0.3 + abs(hashint4(s.id)) %% 50 / 100.0 AS share
  FROM space s JOIN place p ON p.id = s.place
  WHERE p.code = ANY (%(places)s) AND s.generated AND s.kind IN ('open_space', 'fab_lab')
),
quarter AS (
  SELECT w.space, w.place, w.capacity, q.at, w.share, q.at AT TIME ZONE w.zone AS local
  FROM work w CROSS JOIN generate_series(%(until)s::timestamptz - %(days)s * interval '1 day',
    %(until)s::timestamptz - interval '15 minutes', '15 minutes') AS q (at)
),
filled AS (
  SELECT space, place, capacity, at, greatest(0, least(capacity, round(
    capacity * share
    * (ARRAY[0.8, 1, 0.9, 1, 0.7, 0.15, 0.05])[extract(isodow FROM local)::integer]
    * (0.8 + abs(hashint4(place + (local::date - '2000-01-01'::date))) %% 40 / 100.0)
    * (ARRAY[0,0,0,0,0,0,0,0.1,0.5,0.9,1,1,0.7,0.7,1,1,0.9,0.6,0.25,0.1,0,0,0,0])[extract(hour FROM local)::integer + 1]
    + CASE WHEN extract(hour FROM local) BETWEEN 8 AND 17
        THEN abs(hashint8(space * 100000::bigint + (extract(epoch FROM at) / 900)::bigint)) %% 3 - 1 ELSE 0 END
  )))::integer AS people
  FROM quarter
)
INSERT INTO occupancy_15m (at, place, space, mean, peak, known, capacity, degraded)
SELECT at, place, space, people, people, 1, capacity, 0 FROM filled
UNION ALL
SELECT f.at, f.place, r.id, sum(f.people), sum(f.people), 1, r.capacity, 0
FROM filled f JOIN space r ON r.place = f.place AND r.parent IS NULL
GROUP BY f.at, f.place, r.id, r.capacity
"""
_DESKS: Final = """
-- use of the sample's desks on working days, in eleven opening hours; each desk has its own share
INSERT INTO worth_desk (desk, day, place, space, open_s, known_s, taken_s, all_taken_s)
SELECT k.id, d.day::date, k.place, k.space, 39600, 38700, u.taken, u.taken
FROM desk k
JOIN space s ON s.id = k.space AND s.generated
JOIN place p ON p.id = k.place
CROSS JOIN LATERAL (SELECT (%(until)s::timestamptz AT TIME ZONE p.time_zone)::date AS today) t
CROSS JOIN generate_series(t.today - %(days)s, t.today - 1, interval '1 day') d (day)
CROSS JOIN LATERAL (
  SELECT (38700 * least(1, (10 + abs(hashint4(k.id)) %% 70) / 100.0
    * (0.7 + abs(hashint4(k.id + (d.day::date - '2000-01-01'::date))) %% 60 / 100.0)))::integer AS taken
) u
WHERE p.code = ANY (%(places)s) AND extract(isodow FROM d.day) < 6
ON CONFLICT (desk, day) DO NOTHING
"""
_ARRIVALS: Final = """
-- how many usually arrive, by local weekday and quarter hour: most before ten, some after lunch
INSERT INTO arrival_usual (place, weekday, learnt_at, days, arrivals)
SELECT p.id, w.n, %(until)s, 2, array_agg(round((s.capacity * (ARRAY[0.8, 1, 0.9, 1, 0.7, 0.15, 0.05])[w.n]
  * (ARRAY[0,0,0,0,0,0,0,0.02,0.08,0.06,0.03,0.01,0.01,0.04,0.03,0.01,0.01,0,0,0,0,0,0,0])[q.n / 4 + 1]
  )::numeric, 1)::real
  ORDER BY q.n)
FROM place p
JOIN space s ON s.place = p.id AND s.parent IS NULL AND s.generated AND s.capacity IS NOT NULL
CROSS JOIN generate_series(1, 7) w (n)
CROSS JOIN generate_series(0, 95) q (n)
WHERE p.code = ANY (%(places)s)
GROUP BY p.id, w.n
ON CONFLICT (place, weekday) DO NOTHING
"""
_MARK: Final = """
-- the jobs go on from here; what is there before counts as published, too (jobs.published)
INSERT INTO maintenance (task, done_until, tx) VALUES ('rollup', %(until)s, 0), ('published', %(until)s, 0)
"""
_FRESH: Final = """
-- the running quarter hour's start, and whether the jobs have never run
SELECT date_bin('15 minutes', now(), '2000-01-01 00:00+00'), NOT EXISTS (SELECT FROM maintenance)
"""


def make_past(connection: psycopg.Connection[Any], places: Sequence[str], days: int) -> int:
    """Make up ``days`` before now for these places of the sample; return how many quarter hours were made.

    Only where the jobs have never run: what they wrote down as published is never changed.
    """
    row = connection.execute(_FRESH).fetchone()
    assert row is not None
    until, fresh = row
    if not fresh or not days:
        return 0
    made = connection.execute(_FILL, {"places": list(places), "until": until, "days": days}).rowcount
    for query in (_DESKS, _ARRIVALS):
        connection.execute(query, {"places": list(places), "until": until, "days": days})
    connection.execute(_MARK, {"until": until})
    connection.execute("ANALYZE occupancy_15m")  # the jobs read it at once, before the database would look at it
    return made
