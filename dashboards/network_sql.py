"""The queries of the dashboard of the whole network, on the views of the schema `report` (migration 0006).

Written for Grafana's PostgreSQL data source: Grafana expands their macros (tests: `dashboards.macros`).
"""

from __future__ import annotations

from typing import Final

DEPARTMENTS: Final = """
-- the departments to choose from: those with equipped places
SELECT DISTINCT p.department FROM report.place p WHERE p.equipped ORDER BY 1
"""
PEOPLE: Final = """
-- people now, in the places that are known
SELECT sum(n.present)::float8 AS "Présents|Present"
FROM report.network_now n WHERE n.equipped AND n.department IN (${department:sqlstring})
"""
PERCENT: Final = """
-- how full the known places are together
SELECT 100 * sum(n.present)::float8 / nullif(sum(n.capacity), 0) AS "Occupation|Occupancy"
FROM report.network_now n
WHERE n.equipped AND n.present IS NOT NULL AND n.capacity > 0 AND n.department IN (${department:sqlstring})
"""
FREE: Final = """
-- seats to work at that are free (19 times of 20) in open places, and where the hours aren't known (migration 0022)
SELECT sum(n.free_low) FILTER (WHERE n.open)::float8 AS "Libres|Free",
  coalesce(sum(n.free_low) FILTER (WHERE n.open IS NULL), 0)::float8 AS "Horaires inconnus|Hours unknown"
FROM report.network_now n WHERE n.equipped AND n.department IN (${department:sqlstring})
"""
KNOWN: Final = """
-- of how many places the occupancy is known
SELECT count(*) FILTER (WHERE n.present IS NOT NULL)::integer AS "Connus|Known", count(*)::integer AS "Équipés|Equipped"
FROM report.network_now n WHERE n.equipped AND n.department IN (${department:sqlstring})
"""
SILENT: Final = """
-- how many places have no known number
SELECT count(*)::integer AS "Sans nouvelles|Without news"
FROM report.place_without_news n WHERE n.department IN (${department:sqlstring})
"""
ALARMS_NOW: Final = """
-- open alarms: not acknowledged
SELECT count(*)::integer AS "Alarmes|Alarms" FROM report.alarm_open a
WHERE a.place IS NULL OR a.department IN (${department:sqlstring})
"""
MAP: Final = """
-- where the equipped places are, how many seats are free, how full, and whether open (2: the hours aren't known);
-- what is closed has no number, or it would look full
SELECT n.label AS "Lieu|Place", n.latitude AS latitude, n.longitude AS longitude, n.percent AS "Occupation|Occupancy",
  n.present AS "Présents|Present", n.capacity AS "Capacité|Capacity",
  CASE WHEN n.open IS NOT FALSE THEN n.free_low END AS "Places libres|Free seats",
  coalesce(n.open::integer, 2) AS "Ouvert|Open", n.quality_level AS "Qualité|Quality", n.place AS code
FROM report.network_now n WHERE n.equipped AND n.department IN (${department:sqlstring}) ORDER BY n.label
"""
RANKED: Final = """
-- the equipped places, the fullest first, the unknown last; open 2: the hours aren't known
SELECT coalesce(n.label, 'aucun lieu|no place') AS "Lieu|Place", n.percent AS "Occupation|Occupancy",
  n.present AS "Présents|Present", n.capacity AS "Capacité|Capacity", n.free_low AS "Libres|Free",
  CASE WHEN n.place IS NOT NULL THEN coalesce(n.open::integer, 2) END AS "Ouvert|Open",
  n.quality_level AS "Qualité|Quality", n.place AS code
FROM (VALUES (1)) one
LEFT JOIN report.network_now n ON n.equipped AND n.department IN (${department:sqlstring})
ORDER BY n.percent DESC NULLS LAST, n.label
"""
BY_DEPARTMENT: Final = """
-- seats to work at by department: free 19 times of 20 in open places, and how full the known places are together
SELECT coalesce(n.department, 'aucun département|no department') AS "Département|Department",
  sum(n.free_low) FILTER (WHERE n.open)::float8 AS "Libres|Free",
  100 * sum(n.present)::float8 / nullif(sum(n.capacity) FILTER (WHERE n.present IS NOT NULL), 0)
    AS "Occupation|Occupancy",
  nullif(count(*) FILTER (WHERE n.open), 0)::integer AS "Ouverts|Open",
  CASE WHEN n.department IS NOT NULL THEN count(*) FILTER (WHERE n.present IS NOT NULL)::integer END AS "Connus|Known",
  nullif(count(n.place), 0)::integer AS "Équipés|Equipped"
FROM (VALUES (1)) one
LEFT JOIN report.network_now n ON n.equipped AND n.department IN (${department:sqlstring})
GROUP BY n.department ORDER BY 2 DESC NULLS LAST, 1
"""
TOTAL: Final = """
-- people over time, from sums of quarter hours (of days, where the window is longer than nine days) and what is so now;
-- a sum holds for its time, and up to the next one where that comes within three such times. Where no place is known
-- there is no number, and the last known one is repeated just before: Grafana draws no line from a value to a gap
WITH part AS (
  SELECT q.at, interval '15 minutes' AS lasts, sum(q.people) AS people, sum(q.known) AS known
  FROM report.sum_quarter q
  WHERE $__timeTo()::timestamptz - $__timeFrom()::timestamptz <= interval '9 days'
    AND q.department IN (${department:sqlstring})
    AND q.day BETWEEN ($__timeFrom()::timestamptz AT TIME ZONE 'UTC')::date - 1
      AND ($__timeTo()::timestamptz AT TIME ZONE 'UTC')::date + 1
    AND q.starts + interval '25 hours' > $__timeFrom()::timestamptz AND q.at <= $__timeTo()::timestamptz
  GROUP BY q.at
  UNION ALL
  SELECT d.day::timestamp AT TIME ZONE 'Europe/Paris', interval '24 hours', sum(d.person_s) / 86400.0::float8,
    sum(d.known_s) / 86400.0::float8
  FROM report.sum_day d
  WHERE $__timeTo()::timestamptz - $__timeFrom()::timestamptz > interval '9 days'
    AND d.department IN (${department:sqlstring})
    AND d.day BETWEEN ($__timeFrom()::timestamptz AT TIME ZONE 'Europe/Paris')::date
      AND ($__timeTo()::timestamptz AT TIME ZONE 'Europe/Paris')::date
    AND d.day < (now() AT TIME ZONE 'Europe/Paris')::date
  GROUP BY d.day
  UNION ALL
  SELECT least(now(), $__timeTo()::timestamptz), interval '1 minute', sum(n.present), count(n.present)
  FROM report.network_now n
  WHERE n.equipped AND n.department IN (${department:sqlstring})
  HAVING $__timeTo()::timestamptz > now() - interval '1 minute'
    AND $__timeTo()::timestamptz - $__timeFrom()::timestamptz <= interval '9 days'
), line AS (
  SELECT p.at, p.lasts, p.known, CASE WHEN p.known > 0 THEN p.people::float8 END AS people,
    lead(p.at) OVER (ORDER BY p.at) AS next, lead(p.known) OVER (ORDER BY p.at) AS later
  FROM part p
), held AS (
  SELECT l.*, CASE WHEN l.next <= l.at + 3 * l.lasts THEN l.next ELSE l.at + l.lasts END AS until FROM line l
)
SELECT t.at AS "time", CASE WHEN t.known THEN h.people END AS "Présents|Present",
  CASE WHEN t.known THEN h.known::float8 END AS "Lieux connus|Known places"
FROM held h
CROSS JOIN LATERAL (
  SELECT greatest(h.at, $__timeFrom()::timestamptz) AS at, true AS known
  UNION ALL
  SELECT least(h.until - interval '1 ms', $__timeTo()::timestamptz), true
  WHERE h.known > 0 AND (h.next IS NULL OR h.next > h.until OR h.later = 0) AND h.at < $__timeTo()::timestamptz
  UNION ALL
  SELECT h.until, false WHERE h.next > h.until
) t
WHERE (h.next IS NULL OR h.next > $__timeFrom()::timestamptz) AND h.until > $__timeFrom()::timestamptz
  AND t.at >= $__timeFrom()::timestamptz
ORDER BY t.at
"""
WITHOUT_NEWS: Final = """
-- places without a known number, the longest silence first
SELECT coalesce(n.label, 'aucun lieu|no place') AS "Lieu|Place", n.why_level AS "Raison|Cause",
  n.since AS "Depuis|Since", n.place AS code
FROM (VALUES (1)) one LEFT JOIN report.place_without_news n ON n.department IN (${department:sqlstring})
ORDER BY n.since NULLS FIRST, n.label
"""
ALARMS: Final = """
-- open alarms: not acknowledged, what happened last first
SELECT coalesce(a.kind, 'aucune alarme|no alarm') AS "Genre|Kind", a.raised_at AS "Le|Raised",
  a.last_at AS "Dernière fois|Last time",
  a.times AS "Fois|Times",
  CASE WHEN a.kind IS NOT NULL THEN coalesce(a.label, 'le réseau|the network') END AS "Lieu|Place",
  a.gateway AS "Passerelle|Gateway", a.from_at AS "Manque de|Missing from", a.until_at AS "Manque à|Missing until",
  a.text AS "Texte|Text"
FROM (VALUES (1)) one LEFT JOIN report.alarm_open a ON a.place IS NULL OR a.department IN (${department:sqlstring})
ORDER BY a.last_at DESC LIMIT 200
"""
GATEWAYS: Final = """
-- gateways with something to look at: not online, behind, or with a wrong clock or unwell devices
SELECT coalesce(g.label, 'aucune passerelle|no gateway') AS "Lieu|Place", g.gateway AS "Passerelle|Gateway",
  g.state_level AS "État|State",
  g.heard_at AS "Entendue|Heard", g.spool_depth AS "En attente|Waiting", g.clock_offset_ms AS "Horloge|Clock",
  g.unwell AS "En défaut|In trouble"
FROM (VALUES (1)) one
LEFT JOIN report.gateway_now g ON g.department IN (${department:sqlstring})
  AND (g.state <> 'online' OR g.spool_depth > 1000 OR abs(g.clock_offset_ms) > 5000 OR g.unwell > 0)
ORDER BY g.heard_at NULLS FIRST, g.gateway LIMIT 200
"""
UNMET: Final = """
-- what was looked for and not found, by day: searches for free seats without an offer, and waiting lists;
-- departments without an equipped place are not in the list to choose from, and count in any case
WITH part AS (
  SELECT (d.hour AT TIME ZONE 'Europe/Paris')::date AS day, d.unmet, 0 AS waits
  FROM report.demand_hour d
  WHERE $__timeFilter(d.hour) AND (d.department IN (${department:sqlstring})
    OR NOT EXISTS (SELECT FROM report.place p WHERE p.equipped AND p.department = d.department))
  UNION ALL
  SELECT w.day, 0, w.asked - w.accepted
  FROM report.waiting_day w
  WHERE w.department IN (${department:sqlstring})
    AND w.day BETWEEN ($__timeFrom()::timestamptz AT TIME ZONE 'Europe/Paris')::date
      AND ($__timeTo()::timestamptz AT TIME ZONE 'Europe/Paris')::date
)
SELECT p.day::timestamp AT TIME ZONE 'Europe/Paris' AS "time",
  sum(p.unmet)::float8 AS "Recherches sans offre|Searches without an offer", sum(p.waits)::float8 AS "Attentes|Waiting"
FROM part p GROUP BY p.day ORDER BY p.day
"""
UNMET_BY_DEPARTMENT: Final = """
-- where seats are looked for, and how often no place could be offered
SELECT coalesce(d.department, 'aucune recherche|no search') AS "Département|Department",
  sum(d.searches)::integer AS "Recherches|Searches", sum(d.unmet)::integer AS "Sans offre|Without offer",
  100 * sum(d.unmet)::float8 / nullif(sum(d.searches), 0) AS "Part|Share"
FROM (VALUES (1)) one
LEFT JOIN report.demand_hour d ON $__timeFilter(d.hour) AND (d.department IN (${department:sqlstring})
  OR NOT EXISTS (SELECT FROM report.place p WHERE p.equipped AND p.department = d.department))
GROUP BY d.department ORDER BY 3 DESC NULLS LAST, 1
"""
DAYS: Final = """
-- hours that people spent in the places, by day, and the share of time in which these hours are known
SELECT d.day::timestamp AT TIME ZONE 'Europe/Paris' AS "time",
  sum(d.person_s) / 3600.0::float8 AS "Personnes-heures|Person-hours",
  100 * sum(d.known_s)::float8 / nullif(sum(d.seconds), 0)::float8 AS "Connu|Known"
FROM report.sum_day d
WHERE d.department IN (${department:sqlstring})
  AND d.day BETWEEN ($__timeFrom()::timestamptz AT TIME ZONE 'Europe/Paris')::date
    AND ($__timeTo()::timestamptz AT TIME ZONE 'Europe/Paris')::date
GROUP BY d.day ORDER BY d.day
"""
