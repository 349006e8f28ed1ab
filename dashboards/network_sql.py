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
FROM report.place_now n WHERE n.equipped AND n.department IN (${department:sqlstring})
"""
PERCENT: Final = """
-- how full the known places are together
SELECT 100 * sum(n.present)::float8 / nullif(sum(n.capacity), 0) AS "Occupation|Occupancy"
FROM report.place_now n
WHERE n.equipped AND n.present IS NOT NULL AND n.capacity > 0 AND n.department IN (${department:sqlstring})
"""
FREE: Final = """
-- seats to work at that are free (19 times of 20) in open places, and where the hours aren't known (migration 0022)
SELECT sum(f.free_low) FILTER (WHERE f.open)::float8 AS "Libres|Free",
  coalesce(sum(f.free_low) FILTER (WHERE f.open IS NULL), 0)::float8 AS "Horaires inconnus|Hours unknown"
FROM report.place_free f JOIN report.place p ON p.place = f.place
WHERE p.equipped AND p.department IN (${department:sqlstring})
"""
KNOWN: Final = """
-- of how many places the occupancy is known
SELECT count(*) FILTER (WHERE n.present IS NOT NULL)::integer AS "Connus|Known", count(*)::integer AS "Équipés|Equipped"
FROM report.place_now n WHERE n.equipped AND n.department IN (${department:sqlstring})
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
-- where the equipped places are, how full, whether open (2: the hours aren't known), and how many seats are free
SELECT n.label AS "Lieu|Place", n.latitude AS latitude, n.longitude AS longitude, n.percent AS "Occupation|Occupancy",
  n.present AS "Présents|Present", n.capacity AS "Capacité|Capacity", f.free_low AS "Places libres|Free seats",
  coalesce(f.open::integer, 2) AS "Ouvert|Open", n.quality_level AS "Qualité|Quality", n.place AS code
FROM report.place_now n LEFT JOIN report.place_free f ON f.place = n.place
WHERE n.equipped AND n.department IN (${department:sqlstring}) ORDER BY n.label
"""
RANKED: Final = """
-- the equipped places, the fullest first, the unknown last; open 2: the hours aren't known
SELECT coalesce(n.label, 'aucun lieu|no place') AS "Lieu|Place", n.percent AS "Occupation|Occupancy",
  n.present AS "Présents|Present",
  n.capacity AS "Capacité|Capacity", f.free_low AS "Libres|Free",
  CASE WHEN n.place IS NOT NULL THEN coalesce(f.open::integer, 2) END AS "Ouvert|Open",
  n.quality_level AS "Qualité|Quality",
  n.place AS code
FROM (VALUES (1)) one
LEFT JOIN report.place_now n ON n.equipped AND n.department IN (${department:sqlstring})
LEFT JOIN report.place_free f ON f.place = n.place
ORDER BY n.percent DESC NULLS LAST, n.label
"""
TOTAL: Final = """
-- people over time: each place's changes, added up; what held when the window's first day began counts from its start;
-- where no place is known there is no number, and the last known one is repeated just before (see the place's curve)
WITH told AS (
  SELECT b.at, b.place, coalesce(b.present, 0) AS people, (b.present IS NOT NULL)::integer AS known
  FROM report.occupancy_before b
  WHERE b.root AND b.department IN (${department:sqlstring})
    AND b.before = date_trunc('day', $__timeFrom()::timestamptz, 'UTC')
  UNION ALL
  SELECT h.at, h.place, coalesce(h.present, 0), (h.present IS NOT NULL)::integer
  FROM report.occupancy_history h
  WHERE h.root AND h.department IN (${department:sqlstring})
    AND h.at >= date_trunc('day', $__timeFrom()::timestamptz, 'UTC') AND h.at <= $__timeTo()::timestamptz
), moved AS (
  SELECT greatest(t.at, $__timeFrom()::timestamptz) AS at, t.people - lag(t.people, 1, 0) OVER one AS people,
    t.known - lag(t.known, 1, 0) OVER one AS known
  FROM told t WINDOW one AS (PARTITION BY t.place ORDER BY t.at)
  UNION ALL
  SELECT least($__timeTo()::timestamptz, now()), 0, 0
), bucket AS (
  SELECT $__timeGroupAlias(m.at,$__interval),
    sum(sum(m.people)) OVER (ORDER BY $__timeGroup(m.at,$__interval)) AS people,
    sum(sum(m.known)) OVER (ORDER BY $__timeGroup(m.at,$__interval)) AS known
  FROM moved m GROUP BY 1
), line AS (
  SELECT b.*, lead(b."time") OVER (ORDER BY b."time") AS next, lead(b.known) OVER (ORDER BY b."time") AS later
  FROM bucket b
)
SELECT p.at AS "time", CASE WHEN k.known > 0 THEN k.people::float8 END AS "Présents|Present",
  k.known::float8 AS "Lieux connus|Known places"
FROM line k
CROSS JOIN LATERAL (
  SELECT k."time" AS at
  UNION ALL
  SELECT k.next - interval '1 ms' WHERE k.known > 0 AND k.later = 0
) p
ORDER BY p.at
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
QUARTERS: Final = """
-- the network by quarter hour: people on average in the places then known, and how many these were; a value holds for
-- its quarter hour, and what is missing stays empty
WITH quarter AS (
  SELECT q.at, sum(q.mean) FILTER (WHERE q.known >= 0.5) AS mean,
    count(*) FILTER (WHERE q.known >= 0.5)::float8 AS known
  FROM report.occupancy_15m q WHERE q.root AND q.department IN (${department:sqlstring}) AND $__timeFilter(q.at)
  GROUP BY q.at
), line AS (
  SELECT q.*, lead(q.at) OVER (ORDER BY q.at) AS next, lead(q.known > 0) OVER (ORDER BY q.at) AS later FROM quarter q
)
SELECT p.at AS "time", CASE WHEN p.holds THEN k.mean END AS "Présents en moyenne|Present on average",
  CASE WHEN p.holds THEN k.known END AS "Lieux connus|Known places"
FROM line k
CROSS JOIN LATERAL (
  SELECT k.at AS at, true AS holds
  UNION ALL
  SELECT k.at + interval '15 minutes' - interval '1 ms', true
  WHERE k.known > 0 AND (k.later IS NOT TRUE OR k.next > k.at + interval '15 minutes')
  UNION ALL
  SELECT k.at + interval '15 minutes', false WHERE k.next > k.at + interval '15 minutes'
) p
ORDER BY p.at
"""
