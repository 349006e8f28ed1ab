"""The SQL of a report: of a place, each block one question; ``%(first)s`` to ``%(after)s`` are its local days.

``%(begins)s`` to ``%(ends)s`` are the same as instants, and no later than now.
"""

from __future__ import annotations

from typing import Final

from gateway.contract.stored_events import KINDS

ABOUT: Final = """
-- the place, its seats, since when there are numbers of it, and whether anything senses people
SELECT p.code::text AS code, p.name, p.department, p.time_zone,
  (SELECT s.capacity FROM space s WHERE s.place = p.id AND s.parent IS NULL) AS capacity,
  (SELECT min(d.day) FROM space s JOIN history_day d ON NOT d.published AND d.space = s.id AND d.known_s > 0
   WHERE s.place = p.id AND s.parent IS NULL) AS since,
  EXISTS (SELECT FROM device v
    WHERE v.place = p.id AND v.kind IN ('reader', 'desk_sensor', 'presence_sensor', 'counter')
    AND coalesce(v.retired_at, 'infinity') > %(begins)s) AS sensors
FROM place p WHERE p.id = %(place)s
"""
USE: Final = """
-- the use of the place as a whole and of each space: n = 0 in the month, 1 in the month before, 2 a year ago
SELECT m.n, s.code::text AS code, s.name, s.parent IS NULL AS root, count(*) AS days, sum(w.open_s) AS open_s,
  sum(w.known_s) AS known_s, sum(w.seat_s) AS seat_s, sum(w.person_s) AS person_s, sum(w.quarters) AS quarters,
  sum(w.busy) AS busy, max(w.peak) AS peak, max(w.day) + 1 AS until,
  (array_agg(w.peak_at ORDER BY w.peak DESC, w.peak_at) FILTER (WHERE w.peak IS NOT NULL))[1] AS peak_at,
  (array_agg(w.peak_capacity ORDER BY w.peak DESC, w.peak_at) FILTER (WHERE w.peak IS NOT NULL))[1] AS peak_capacity
FROM (VALUES (0, %(first)s::date, %(after)s::date), (1, %(before)s::date, %(first)s::date),
  (2, %(year_before)s::date, (%(year_before)s::date + interval '1 month')::date)) AS m (n, first, after)
JOIN space s ON s.place = %(place)s
JOIN worth_space w ON w.space = s.id AND w.day >= m.first AND w.day < m.after
GROUP BY m.n, s.id ORDER BY m.n, s.parent IS NOT NULL, s.code
"""
DAYS: Final = """
-- the days of the place as a whole, as known
SELECT d.day, d.person_s, d.known_s, d.degraded_s, d.seconds, d.day_peak
FROM space s JOIN history_day d ON NOT d.published AND d.space = s.id
WHERE s.place = %(place)s AND s.parent IS NULL AND d.day >= %(first)s AND d.day < %(after)s
  AND (d.day + 1)::timestamp AT TIME ZONE d.zone <= %(ends)s
ORDER BY d.day
"""
HOURS: Final = """
-- people by weekday and local hour, over what is known; days that were thinned to sums have no hours
SELECT extract(isodow FROM d.day)::integer AS weekday,
  extract(hour FROM (d.starts + (u.i - 1) * interval '15 minutes') AT TIME ZONE d.zone)::integer AS hour,
  sum(u.persons)::float8 / nullif(sum(u.known), 0) AS people
FROM space s
JOIN history_day d ON NOT d.published AND d.space = s.id AND d.minutes = 15
CROSS JOIN LATERAL unnest(d.persons, d.known) WITH ORDINALITY AS u (persons, known, i)
WHERE s.place = %(place)s AND s.parent IS NULL AND d.day >= %(first)s AND d.day < %(after)s
  AND (d.day + 1)::timestamp AT TIME ZONE d.zone <= %(ends)s
GROUP BY 1, 2 ORDER BY 1, 2
"""
PUBLIC_DAYS: Final = """
-- the days of the place as everybody may know them: as published, from the middles of bands
SELECT d.day, d.shown_s AS person_s, d.line_s AS known_s, 0 AS degraded_s, d.seconds, d.shown_peak AS day_peak
FROM space s JOIN history_day d ON d.published AND d.space = s.id
WHERE s.place = %(place)s AND s.parent IS NULL AND d.day >= %(first)s AND d.day < %(after)s
  AND (d.day + 1)::timestamp AT TIME ZONE d.zone <= %(ends)s
ORDER BY d.day
"""
PUBLIC_HOURS: Final = """
-- the same by weekday and local hour
SELECT extract(isodow FROM d.day)::integer AS weekday,
  extract(hour FROM (d.starts + (u.i - 1) * interval '15 minutes') AT TIME ZONE d.zone)::integer AS hour,
  sum(u.shown)::float8 / nullif(sum(u.line), 0) AS people
FROM space s
JOIN history_day d ON d.published AND d.space = s.id AND d.minutes = 15
CROSS JOIN LATERAL unnest(d.shown, d.line) WITH ORDINALITY AS u (shown, line, i)
WHERE s.place = %(place)s AND s.parent IS NULL AND d.day >= %(first)s AND d.day < %(after)s
  AND (d.day + 1)::timestamp AT TIME ZONE d.zone <= %(ends)s
GROUP BY 1, 2 ORDER BY 1, 2
"""
DESKS: Final = """
-- each desk of the month by what its sensor said (docs/worth.md)
SELECT k.name, CASE WHEN count(w.day) = 0 THEN 'no_sensor' WHEN sum(w.all_taken_s) > 0 THEN 'used'
  WHEN sum(w.open_s) = 0 OR sum(w.known_s) * 2 < sum(w.open_s) THEN 'unknown' ELSE 'unused' END AS state
FROM desk k
LEFT JOIN worth_desk w ON w.desk = k.id AND w.day >= %(first)s AND w.day < %(after)s
WHERE k.place = %(place)s AND coalesce(k.retired_at, 'infinity') > %(begins)s
GROUP BY k.id ORDER BY k.name, k.code
"""
BOOKINGS: Final = """
-- members' bookings that began in the month and are over
SELECT count(*) FILTER (WHERE h.held) AS held,
  coalesce(sum(extract(epoch FROM b.ends_at - b.starts_at)) FILTER (WHERE h.held), 0)::float8 / 3600 AS hours,
  count(*) FILTER (WHERE b.status = 'no_show') AS no_shows, count(*) FILTER (WHERE b.status = 'cancelled') AS cancelled
FROM booking b
CROSS JOIN LATERAL (SELECT b.status IN ('booked', 'checked_in', 'ended') AS held) h
WHERE b.place = %(place)s AND b.member IS NOT NULL AND b.starts_at >= %(begins)s AND b.starts_at < %(ends)s
  AND b.ends_at <= %(ends)s
"""
DOORS: Final = """
-- how often readers let people in, and refused them, by reason
SELECT r.name AS reason, count(*) AS count
FROM event e
LEFT JOIN device v ON v.id = e.device
JOIN reason r ON r.id = e.reason
WHERE e.place = %(place)s AND e.at >= %(begins)s AND e.at < %(ends)s AND e.kind = {access}
  AND (e.state = 0 OR v.side = 'in')
GROUP BY r.id ORDER BY count(*) DESC, r.name
""".replace("{access}", str(KINDS["access"]))
CATEGORIES: Final = """
-- on how many days members of each category were let in; who has several counts in the first by code
WITH visit AS (
  SELECT DISTINCT e.member, (e.at AT TIME ZONE %(zone)s)::date AS day
  FROM event e JOIN device v ON v.id = e.device AND v.side = 'in'
  WHERE e.place = %(place)s AND e.at >= %(begins)s AND e.at < %(ends)s AND e.kind = {access} AND e.state = 1
    AND e.member IS NOT NULL
)
SELECT c.name, count(DISTINCT v.member) AS members, count(*) AS days
FROM visit v
LEFT JOIN LATERAL (
  SELECT g.id, g.name FROM member_category m JOIN category g ON g.id = m.category
  WHERE m.member = v.member AND v.day >= m.first AND v.day <= coalesce(m.last, 'infinity') ORDER BY g.code LIMIT 1
) c ON true
GROUP BY c.id, c.name ORDER BY count(*) DESC, c.name
""".replace("{access}", str(KINDS["access"]))
DEVICES: Final = """
-- how long each device was silent in the month, and its battery as last reported
WITH said AS (
  SELECT e.device, e.at, e.value > 0 AS online,
    lead(e.at, 1, %(ends)s) OVER (PARTITION BY e.device ORDER BY e.at, e.seq) AS until
  FROM event e
  WHERE e.place = %(place)s AND e.at >= %(said_since)s AND e.at < %(ends)s AND e.kind = {device}
    AND e.detail ->> 'what' = 'link'
),
silent AS (
  SELECT device, sum(extract(epoch FROM until - greatest(at, %(begins)s)))::float8 / 3600 AS hours
  FROM said WHERE NOT online AND until > %(begins)s GROUP BY device
)
SELECT v.code, v.kind, coalesce(s.hours, q.hours, 0) AS silent_hours, t.silent_since IS NOT NULL AS silent_now,
  t.battery,
  coalesce(t.battery <= 20 OR 'low_battery' = ANY (t.troubles), false) AS low
FROM device v
LEFT JOIN silent s ON s.device = v.id
LEFT JOIN device_state t ON t.device = v.id
-- silent for so long that its last word is gone
CROSS JOIN LATERAL (
  SELECT CASE WHEN t.silent_since < %(ends)s
    THEN extract(epoch FROM %(ends)s - greatest(t.silent_since, %(begins)s))::float8 / 3600 END AS hours
) q
WHERE v.place = %(place)s AND coalesce(v.retired_at, 'infinity') > %(begins)s
ORDER BY coalesce(s.hours, q.hours, 0) DESC, t.battery, v.code
""".replace("{device}", str(KINDS["device"]))
HEAD_COUNTS: Final = """
-- head counts of the month beside what was published; compared as in the view `trust`
SELECT count(*) AS head_counts, count(*) FILTER (WHERE c.counts) AS compared,
  (avg(abs(h.present - h.published)) FILTER (WHERE c.counts))::float8 AS error,
  (avg((h.present BETWEEN h.low AND h.high)::integer) FILTER (WHERE c.counts))::float8 AS within
FROM head_count h
CROSS JOIN LATERAL (
  SELECT h.published IS NOT NULL AND NOT EXISTS (
    SELECT FROM head_count o
    WHERE o.space = h.space AND o.id < h.id AND o.made_at <= h.at AND o.made_at > h.at - interval '1 hour'
  ) AS counts
) c
WHERE h.place = %(place)s AND h.at >= %(begins)s AND h.at < %(ends)s AND h.refused IS NULL AND h.withdrawn_at IS NULL
"""
PLACE: Final = {
    "about": ABOUT,
    "use": USE,
    "days": DAYS,
    "hours": HOURS,
    "desks": DESKS,
    "bookings": BOOKINGS,
    "doors": DOORS,
    "categories": CATEGORIES,
    "devices": DEVICES,
    "head_counts": HEAD_COUNTS,
}
"""What is asked of a place, by name."""
PUBLIC: Final = {"about": ABOUT, "days": PUBLIC_DAYS, "hours": PUBLIC_HOURS}
"""What is asked of it for everybody."""

_GROUP_DAYS: Final = """
-- the days of a department or of the network; in several time zones at once the peaks add up
SELECT day, sum({persons}) AS person_s, sum({known}) AS known_s, 0 AS degraded_s, sum(seconds) AS seconds,
  sum({peak}) AS day_peak
FROM history_group
WHERE published = {published} AND department = %(department)s AND day >= %(first)s AND day < %(after)s
  AND (day + 1)::timestamp AT TIME ZONE zone <= %(ends)s
GROUP BY day ORDER BY day
"""
_GROUP_HOURS: Final = """
-- people in all its places by weekday and local hour; places that are unknown count as nobody
SELECT weekday, hour, sum(people) AS people
FROM (
  SELECT g.zone, extract(isodow FROM g.day)::integer AS weekday,
    extract(hour FROM (g.starts + (u.i - 1) * interval '15 minutes') AT TIME ZONE g.zone)::integer AS hour,
    avg(u.people) AS people
  FROM history_group g CROSS JOIN LATERAL unnest(g.{people}) WITH ORDINALITY AS u (people, i)
  WHERE g.published = {published} AND g.department = %(department)s AND g.day >= %(first)s AND g.day < %(after)s
    AND (g.day + 1)::timestamp AT TIME ZONE g.zone <= %(ends)s
  GROUP BY 1, 2, 3
) z GROUP BY weekday, hour ORDER BY weekday, hour
"""


def _filled(query: str, **words: str) -> str:
    for name, word in words.items():
        query = query.replace(f"{{{name}}}", word)
    return query


GROUP: Final = {
    "days": _filled(_GROUP_DAYS, persons="person_s", known="known_s", peak="day_peak", published="false"),
    "hours": _filled(_GROUP_HOURS, people="people", published="false"),
}
"""What is asked of a department (``%(department)s``) or the network (``*``) beside the reports of its places."""
PUBLIC_GROUP: Final = {
    "days": _filled(_GROUP_DAYS, persons="shown_s", known="line_s", peak="shown_peak", published="true"),
    "hours": _filled(_GROUP_HOURS, people="shown_people", published="true"),
}
"""The same for everybody."""
