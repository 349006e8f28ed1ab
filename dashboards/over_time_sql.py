"""The queries of *My place, over time*, on the views of the schema `report`."""

from __future__ import annotations

from typing import Final

HOURS: Final = tuple(f"{hour} h" for hour in range(24))
"""The heat map's columns."""

SUMMARY: Final = """
-- the window's days as a whole: of what is known
SELECT max(d.peak) AS "Pointe|Peak", sum(d.mean * d.known) / nullif(sum(d.known), 0) AS "Moyenne|Mean",
  sum(d.person_hours)::float8 AS "Heures-personnes|Person-hours"
FROM report.history_day d JOIN report.place p ON p.place = d.place
WHERE d.place IN (${place:sqlstring}) AND d.root AND d."as" = 'known'
  AND d.day BETWEEN ($__timeFrom()::timestamptz AT TIME ZONE p.time_zone)::date
    AND ($__timeTo()::timestamptz AT TIME ZONE p.time_zone)::date
"""
KNOWN: Final = """
-- for how much of the window's time the number is known
SELECT 100 * avg(d.known)::float8 AS "Connu|Known"
FROM report.history_day d JOIN report.place p ON p.place = d.place
WHERE d.place IN (${place:sqlstring}) AND d.root AND d."as" = 'known'
  AND d.day BETWEEN ($__timeFrom()::timestamptz AT TIME ZONE p.time_zone)::date
    AND ($__timeTo()::timestamptz AT TIME ZONE p.time_zone)::date
"""
NO_SHOWS: Final = """
-- bookings that were held, and of these the no-shows
SELECT coalesce(sum(b.held), 0)::integer AS "Réservations|Bookings",
  coalesce(sum(b.no_shows), 0)::integer AS "Absences|No-shows"
FROM report.booking_day b JOIN report.place p ON p.place = b.place
WHERE b.place IN (${place:sqlstring})
  AND b.day BETWEEN ($__timeFrom()::timestamptz AT TIME ZONE p.time_zone)::date
    AND ($__timeTo()::timestamptz AT TIME ZONE p.time_zone)::date
"""
TRUST_NOW: Final = """
-- the trust score: the mean error against head counts, in percent of capacity (NULL: fewer than five)
SELECT t.error_percent AS "Écart moyen|Mean error"
FROM report.trust t WHERE t.place IN (${place:sqlstring}) AND t.space IS NULL
"""
HEAT: Final = """
-- how full the place is on average, in percent of capacity, by weekday and local hour
WITH hour AS (
  SELECT extract(isodow FROM l.at)::integer AS weekday, extract(hour FROM l.at)::integer AS hour,
    100 * sum(q.mean * q.known) / nullif(sum(q.capacity * q.known), 0) AS percent
  FROM report.occupancy_15m q
  JOIN report.place p ON p.place = q.place
  CROSS JOIN LATERAL (SELECT q.at AT TIME ZONE p.time_zone AS at) l
  WHERE q.place IN (${place:sqlstring}) AND q.root AND q.known > 0 AND $__timeFilter(q.at)
  GROUP BY 1, 2
)
SELECT CASE d.n WHEN 1 THEN 'lundi|Monday' WHEN 2 THEN 'mardi|Tuesday' WHEN 3 THEN 'mercredi|Wednesday'
    WHEN 4 THEN 'jeudi|Thursday' WHEN 5 THEN 'vendredi|Friday' WHEN 6 THEN 'samedi|Saturday'
    ELSE 'dimanche|Sunday' END AS "Jour|Day",
  max(h.percent) FILTER (WHERE h.hour = 0) AS "0 h", max(h.percent) FILTER (WHERE h.hour = 1) AS "1 h",
  max(h.percent) FILTER (WHERE h.hour = 2) AS "2 h", max(h.percent) FILTER (WHERE h.hour = 3) AS "3 h",
  max(h.percent) FILTER (WHERE h.hour = 4) AS "4 h", max(h.percent) FILTER (WHERE h.hour = 5) AS "5 h",
  max(h.percent) FILTER (WHERE h.hour = 6) AS "6 h", max(h.percent) FILTER (WHERE h.hour = 7) AS "7 h",
  max(h.percent) FILTER (WHERE h.hour = 8) AS "8 h", max(h.percent) FILTER (WHERE h.hour = 9) AS "9 h",
  max(h.percent) FILTER (WHERE h.hour = 10) AS "10 h", max(h.percent) FILTER (WHERE h.hour = 11) AS "11 h",
  max(h.percent) FILTER (WHERE h.hour = 12) AS "12 h", max(h.percent) FILTER (WHERE h.hour = 13) AS "13 h",
  max(h.percent) FILTER (WHERE h.hour = 14) AS "14 h", max(h.percent) FILTER (WHERE h.hour = 15) AS "15 h",
  max(h.percent) FILTER (WHERE h.hour = 16) AS "16 h", max(h.percent) FILTER (WHERE h.hour = 17) AS "17 h",
  max(h.percent) FILTER (WHERE h.hour = 18) AS "18 h", max(h.percent) FILTER (WHERE h.hour = 19) AS "19 h",
  max(h.percent) FILTER (WHERE h.hour = 20) AS "20 h", max(h.percent) FILTER (WHERE h.hour = 21) AS "21 h",
  max(h.percent) FILTER (WHERE h.hour = 22) AS "22 h", max(h.percent) FILTER (WHERE h.hour = 23) AS "23 h"
FROM generate_series(1, 7) d (n) LEFT JOIN hour h ON h.weekday = d.n
GROUP BY d.n ORDER BY d.n
"""
_STEPS: Final = """
-- %s, by day; in a longer window by week or by month, under its first day
WITH period AS (
  SELECT s.at::date AS first, (s.at + w.step)::date AS next, p.place
  FROM report.place p
  CROSS JOIN LATERAL (
    SELECT $__timeFrom()::timestamptz AT TIME ZONE p.time_zone AS since,
      least($__timeTo()::timestamptz, now()) AT TIME ZONE p.time_zone AS until
  ) t
  CROSS JOIN LATERAL (
    SELECT CASE WHEN t.until - t.since > interval '200 days' THEN 'month' WHEN t.until - t.since > interval '45 days'
      THEN 'week' ELSE 'day' END AS unit
  ) u
  CROSS JOIN LATERAL (SELECT ('1 ' || u.unit)::interval AS step) w
  CROSS JOIN generate_series(date_trunc(u.unit, t.since), t.until, w.step) s (at)
  WHERE p.place IN (${place:sqlstring})
)
"""
DAYS: Final = (
    _STEPS % "peak and mean of what is known"
    + """
SELECT to_char(r.first, 'DD/MM') AS "Jour|Day", sum(d.mean * d.known) / nullif(sum(d.known), 0) AS "Moyenne|Mean",
  max(d.peak) AS "Pointe|Peak"
FROM period r
LEFT JOIN report.history_day d ON d.place IN (${place:sqlstring}) AND d.root AND d."as" = 'known'
  AND d.day >= r.first AND d.day < r.next
GROUP BY r.first ORDER BY r.first
"""
)
BOOKINGS: Final = (
    _STEPS % "bookings by what became of them"
    + """
SELECT to_char(r.first, 'DD/MM') AS "Jour|Day", coalesce(sum(b.held - b.no_shows), 0)::float8 AS "Tenues|Held",
  coalesce(sum(b.no_shows), 0)::float8 AS "Absences|No-shows",
  coalesce(sum(b.cancelled), 0)::float8 AS "Annulées|Cancelled"
FROM period r
LEFT JOIN report.booking_day b ON b.place IN (${place:sqlstring}) AND b.day >= r.first AND b.day < r.next
GROUP BY r.first ORDER BY r.first
"""
)
PASSES: Final = (
    _STEPS % "what was used of passes, by unit"
    + """
SELECT to_char(r.first, 'DD/MM') AS "Jour|Day",
  coalesce(sum(u.used) FILTER (WHERE u.unit = 'half_day'), 0)::float8 AS "Demi-journées|Half days",
  coalesce(sum(u.used) FILTER (WHERE u.unit = 'day'), 0)::float8 AS "Journées|Days",
  coalesce(sum(u.used) FILTER (WHERE u.unit = 'hour'), 0)::float8 AS "Heures|Hours",
  coalesce(sum(u.used) FILTER (WHERE u.unit = 'entry'), 0)::float8 AS "Entrées|Entries"
FROM period r
LEFT JOIN report.pass_use_day u ON u.place IN (${place:sqlstring}) AND u.day >= r.first AND u.day < r.next
GROUP BY r.first ORDER BY r.first
"""
)
DESKS: Final = """
-- how much each desk was taken in opening hours, of what is known, the most used first
SELECT coalesce(d.name, 'aucun jour fini|no day is over') AS "Poste|Desk", d.utilisation AS "Occupation|Occupancy",
  d.taken AS "Heures occupées|Hours taken", d.known AS "Connu|Known"
FROM (VALUES (1)) one
LEFT JOIN (
  SELECT k.name, 100 * sum(k.taken_hours)::float8 / nullif(sum(k.known_hours), 0)::float8 AS utilisation,
    sum(k.taken_hours)::float8 AS taken,
  100 * sum(k.known_hours)::float8 / nullif(sum(k.open_hours), 0)::float8 AS known
  FROM report.worth_desk k JOIN report.place p ON p.place = k.place
  WHERE k.place IN (${place:sqlstring})
    AND k.day BETWEEN ($__timeFrom()::timestamptz AT TIME ZONE p.time_zone)::date
      AND ($__timeTo()::timestamptz AT TIME ZONE p.time_zone)::date
  GROUP BY k.desk, k.name
) d ON true
ORDER BY d.utilisation DESC NULLS LAST, report.aligned(d.name, 12)
"""
REFUSALS: Final = """
-- why doors stayed shut, without persons, and of how many decisions
SELECT CASE WHEN r.reason IS NULL THEN 'aucun refus|no refusal' ELSE r.reason END AS "Motif|Reason",
  r.times AS "Refus|Refusals", 100 * r.times / nullif(r.of, 0)::float8 AS "Part|Share"
FROM (VALUES (1)) one
LEFT JOIN (
  SELECT h.reason, sum(h.times)::integer AS times, h.granted, sum(sum(h.times)) OVER () AS of
  FROM report.access_hourly h
  WHERE h.place IN (${place:sqlstring}) AND $__timeFilter(h.hour)
  GROUP BY h.reason, h.granted
) r ON NOT r.granted
ORDER BY r.times DESC, 1
"""
TRUST: Final = """
-- how near the published numbers were to the managers' head counts of 90 days: the place, then its spaces
SELECT CASE WHEN t.place IS NULL THEN 'aucun comptage|no head count' ELSE coalesce(t.space_name, 'tout|all') END
  AS "Où|Where",
  t.head_counts AS "Comptages|Head counts", t.compared AS "Comparés|Compared", t.error AS "Écart moyen|Mean error",
  t.error_percent AS "En % de la capacité|In % of capacity", 100 * t.within AS "Dans l'intervalle|Within the range",
  t.false_empty AS "Vide à tort|Wrongly empty", t.false_occupied AS "Occupé à tort|Wrongly taken",
  t.last_at AS "Dernier|Last"
FROM (VALUES (1)) one LEFT JOIN report.trust t ON t.place IN (${place:sqlstring})
ORDER BY t.space_name NULLS FIRST
"""
QUARTERS: Final = """
-- the last days by quarter hour; one that is mostly unknown, or missing, stays empty; a value holds for its quarter
WITH line AS (
  SELECT q.at, CASE WHEN q.known >= 0.5 THEN q.mean END AS mean, CASE WHEN q.known >= 0.5 THEN q.peak END AS peak,
    q.capacity, lead(q.at) OVER (ORDER BY q.at) AS next, lead(q.known >= 0.5) OVER (ORDER BY q.at) AS later
  FROM report.occupancy_15m q WHERE q.place IN (${place:sqlstring}) AND q.root AND $__timeFilter(q.at)
)
SELECT p.at AS "time", CASE WHEN p.holds THEN k.mean END AS "Moyenne|Mean",
  CASE WHEN p.holds THEN k.peak END AS "Pointe|Peak",
  k.capacity AS "Capacité|Capacity"
FROM line k
CROSS JOIN LATERAL (
  SELECT k.at AS at, true AS holds
  UNION ALL
  SELECT k.at + interval '15 minutes' - interval '1 ms', true
  WHERE k.mean IS NOT NULL AND (k.later IS NOT TRUE OR k.next > k.at + interval '15 minutes')
  UNION ALL
  SELECT k.at + interval '15 minutes', false WHERE k.next > k.at + interval '15 minutes'
) p
ORDER BY p.at
"""
