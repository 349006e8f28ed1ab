"""Reads the sums of use of a place, its spaces and desks, and of groups of places."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from psycopg.rows import DictRow

from api.worth.figures import Use

PLACE: Final = """
-- a place: its zone, and whether its hours are known
SELECT time_zone, typology, opening_hours IS NOT NULL AS hours FROM place WHERE id = %(place)s
"""
SPACES: Final = """
-- the use of each space of a place that was counted in these days; the place as a whole first
SELECT s.code::text AS code, s.name, s.parent IS NULL AS root, count(*) AS days, sum(w.open_s) AS open_s,
  sum(w.known_s) AS known_s, sum(w.seat_s) AS seat_s, sum(w.person_s) AS person_s, sum(w.quarters) AS quarters,
  sum(w.busy) AS busy, max(w.peak) AS peak,
  (array_agg(w.peak_at ORDER BY w.peak DESC, w.peak_at) FILTER (WHERE w.peak IS NOT NULL))[1] AS peak_at,
  (array_agg(w.peak_capacity ORDER BY w.peak DESC, w.peak_at) FILTER (WHERE w.peak IS NOT NULL))[1] AS peak_capacity
FROM worth_space w JOIN space s ON s.id = w.space
WHERE w.place = %(place)s AND w.day >= %(first)s AND w.day < %(last)s
GROUP BY s.id ORDER BY s.parent IS NOT NULL, s.code
"""
_STATE: Final = """
CASE WHEN sum(w.all_taken_s) > 0 THEN 'used'
  WHEN coalesce(sum(w.open_s), 0) = 0 OR sum(w.known_s) * 2 < sum(w.open_s) THEN 'unknown' ELSE 'unused' END"""
DESKS: Final = """
-- the use of each desk in service; unused: its sensor spoke in half of the opening hours and never said "taken"
SELECT k.code::text AS code, k.name, s.code::text AS space, coalesce(sum(w.open_s), 0) AS open_s,
  coalesce(sum(w.known_s), 0) AS known_s, coalesce(sum(w.taken_s), 0) AS taken_s,
  CASE WHEN v.fitted THEN {state} ELSE CASE WHEN sum(w.all_taken_s) > 0 THEN 'used' ELSE 'no_sensor' END END AS state,
  v.heard_at, v.silent_since
FROM desk k
JOIN space s ON s.id = k.space
CROSS JOIN LATERAL (
  SELECT count(*) > 0 AS fitted, max(t.heard_at) AS heard_at, max(t.silent_since) AS silent_since
  FROM device d LEFT JOIN device_state t ON t.device = d.id
  WHERE d.desk = k.id AND d.kind = 'desk_sensor' AND d.retired_at IS NULL
) v
LEFT JOIN worth_desk w ON w.desk = k.id AND w.day >= %(first)s AND w.day < %(last)s
WHERE k.place = %(place)s AND k.retired_at IS NULL
GROUP BY k.id, s.code, v.fitted, v.heard_at, v.silent_since ORDER BY s.code, k.code
""".replace("{state}", _STATE)
PEERS: Final = """
-- the use of all other places of the same kind, without their names
SELECT sum(w.open_s) AS open_s, sum(w.known_s) AS known_s, sum(w.seat_s) AS seat_s, sum(w.person_s) AS person_s,
  sum(w.quarters) AS quarters, sum(w.busy) AS busy
FROM place p
JOIN space s ON s.place = p.id AND s.parent IS NULL
JOIN worth_space w ON w.space = s.id AND w.day >= %(first)s AND w.day < %(last)s
WHERE p.id <> %(place)s AND p.typology IS NOT DISTINCT FROM %(typology)s
GROUP BY p.id
"""
GROUPS: Final = """
-- the use of places, departments or the network, from the places as a whole
WITH mine AS (
  SELECT p.id, CASE %(by)s WHEN 'place' THEN p.code::text WHEN 'department' THEN coalesce(p.department, '?')
    ELSE '*' END AS name
  FROM place p WHERE %(places)s::integer[] IS NULL OR p.id = ANY (%(places)s::integer[])
),
-- first by space and desk, which are many rows and few groups; peaks as [people, -time]: the highest, then the first
space_use AS MATERIALIZED (
  SELECT w.space, sum(w.open_s) AS open_s, sum(w.known_s) AS known_s, sum(w.seat_s) AS seat_s,
    sum(w.person_s) AS person_s, sum(w.quarters) AS quarters, sum(w.busy) AS busy,
    CASE WHEN %(by)s = 'place' THEN max(ARRAY[w.peak, -extract(epoch FROM w.peak_at)]) FILTER (WHERE w.peak IS NOT NULL)
    END AS peak
  FROM worth_space w WHERE w.day >= %(first)s AND w.day < %(last)s GROUP BY w.space
),
use AS (
  SELECT m.name, count(*) AS places, sum(w.open_s) AS open_s, sum(w.known_s) AS known_s, sum(w.seat_s) AS seat_s,
    sum(w.person_s) AS person_s, sum(w.quarters) AS quarters, sum(w.busy) AS busy, max(w.peak) AS peak
  FROM mine m
  JOIN space s ON s.place = m.id AND s.parent IS NULL
  JOIN space_use w ON w.space = s.id
  GROUP BY m.name
),
desk_use AS MATERIALIZED (
  SELECT w.desk, {state} AS state FROM worth_desk w WHERE w.day >= %(first)s AND w.day < %(last)s GROUP BY w.desk
),
desks AS (
  SELECT m.name, count(*) AS desks, count(*) FILTER (WHERE w.state = 'unused') AS unused,
    count(*) FILTER (WHERE w.state = 'unknown') AS unknown
  FROM desk_use w JOIN desk k ON k.id = w.desk AND k.retired_at IS NULL JOIN mine m ON m.id = k.place
  GROUP BY m.name
),
-- the highest quarter hour of all places of a group together, by its day
high AS (
  SELECT DISTINCT ON (department) department AS name, day, peak FROM (
    SELECT department, day, sum(day_peak) AS peak FROM history_group
    WHERE NOT published AND %(by)s <> 'place' AND %(places)s::integer[] IS NULL AND day >= %(first)s AND day < %(last)s
    GROUP BY department, day
  ) g WHERE peak IS NOT NULL ORDER BY department, peak DESC, day
)
SELECT u.name, u.places, u.open_s, u.known_s, u.seat_s, u.person_s, u.quarters, u.busy, u.peak[1] AS peak,
  to_timestamp(-u.peak[2]) AS peak_at,
  coalesce(d.desks, 0) AS desks, coalesce(d.unused, 0) AS unused, coalesce(d.unknown, 0) AS unknown,
  h.peak AS group_peak, h.day AS group_day
FROM use u LEFT JOIN desks d USING (name) LEFT JOIN high h USING (name) ORDER BY u.name
""".replace("{state}", _STATE)


def use_of(row: DictRow | Mapping[str, Any]) -> Use:
    """Return the sums in a row."""
    return Use(**{name: int(row[name]) for name in ("open_s", "known_s", "seat_s", "person_s", "quarters", "busy")})
