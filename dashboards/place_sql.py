"""The queries of the dashboard of one place, on the views of the schema `report` (migration 0006).

Written for Grafana's PostgreSQL data source: `dashboards.macros` says what becomes of their macros.
"""

from __future__ import annotations

from typing import Final

PLACES: Final = """
-- the places to choose from: those with a gateway
SELECT p.label AS __text, p.place AS __value FROM report.place p WHERE p.equipped ORDER BY p.label
"""
PRESENT: Final = """
-- people now
SELECT n.present AS "Présents" FROM report.place_now n WHERE n.place IN (${place:sqlstring})
"""
PERCENT: Final = """
-- people now, in percent of capacity
SELECT n.percent AS "Occupation" FROM report.place_now n WHERE n.place IN (${place:sqlstring})
"""
INTERVAL: Final = """
-- between which numbers the truth lies, and of how many seats
SELECT n.low AS "Au moins", n.high AS "Au plus", n.capacity AS "Capacité"
FROM report.place_now n WHERE n.place IN (${place:sqlstring})
"""
FREE: Final = """
-- seats to work at that are surely free, and whether the place is open (2: its hours aren't known)
SELECT f.free_low AS "Libres", coalesce(f.open::integer, 2) AS "Lieu"
FROM report.place_free f WHERE f.place IN (${place:sqlstring})
"""
QUALITY: Final = """
-- how good the number is
SELECT n.quality_level AS "Qualité" FROM report.place_now n WHERE n.place IN (${place:sqlstring})
"""
AT: Final = """
-- when the number was last true
SELECT extract(epoch FROM n.at)::float8 * 1000 AS "Vrai" FROM report.place_now n WHERE n.place IN (${place:sqlstring})
"""
GATEWAY: Final = """
-- the worst of the place's gateways: never heard, else offline, else silent
SELECT CASE WHEN bool_or(g.state_level = 0) THEN 0 ELSE max(g.state_level) END AS "Passerelle"
FROM report.gateway_now g WHERE g.place IN (${place:sqlstring})
"""
CURVE: Final = """
-- the curve: the last word before the window, every change in it, and now where the window reaches now
SELECT "time", present AS "Présents", low AS "Au moins", high AS "Au plus", capacity AS "Capacité" FROM (
  (SELECT $__timeFrom()::timestamptz AS "time", h.present, h.low, h.high, h.capacity
   FROM report.occupancy_history h
   WHERE h.place IN (${place:sqlstring}) AND h.root
     AND h.at >= $__timeFrom()::timestamptz - interval '7 days' AND h.at < $__timeFrom()::timestamptz
   ORDER BY h.at DESC LIMIT 1)
  UNION ALL
  SELECT h.at, h.present, h.low, h.high, h.capacity
  FROM report.occupancy_history h
  WHERE h.place IN (${place:sqlstring}) AND h.root AND $__timeFilter(h.at)
  UNION ALL
  SELECT $__timeTo()::timestamptz, n.present, n.low, n.high, n.capacity
  FROM report.place_now n
  WHERE n.place IN (${place:sqlstring}) AND $__timeTo()::timestamptz > now() - interval '1 minute'
) curve ORDER BY "time"
"""
SPACES: Final = """
-- the spaces of the place, what is surely free of each, and how many desks nothing is known of
SELECT n.name AS "Espace", n.present AS "Présents", n.capacity AS "Capacité", n.percent AS "Occupation",
  n.quality_level AS "Qualité", n.free_low AS "Places libres",
  coalesce(k.unknown, 0)::integer AS "Postes inconnus"
FROM report.space_now n
LEFT JOIN (
  SELECT d.place, d.space, count(*) FILTER (WHERE d.occupied IS NULL) AS unknown
  FROM report.desk_now d WHERE d.place IN (${place:sqlstring}) GROUP BY d.place, d.space
) k ON k.place = n.place AND k.space = n.space
WHERE n.place IN (${place:sqlstring}) AND NOT n.root ORDER BY n.name
"""
DESKS: Final = """
-- each desk now
SELECT d.name AS "Poste", d.occupied AS "État"
FROM report.desk_now d WHERE d.place IN (${place:sqlstring}) ORDER BY d.desk
"""
DOORS: Final = """
-- each door now, and how often it was passed in the last 24 hours
SELECT d.name AS "Porte", d.state AS "État", d.state_at AS "Depuis", d.entered_24h AS "Entrées",
  d.left_24h AS "Sorties", d.denied_24h AS "Refus"
FROM report.door_now d WHERE d.place IN (${place:sqlstring}) ORDER BY d.door
"""
DESK_HISTORY: Final = """
-- each desk over the window: its state at the start (2: not known), every change, and its state now
SELECT "time", metric, state FROM (
  SELECT $__timeFrom()::timestamptz AS "time", d.name AS metric, coalesce(b.occupied, 2) AS state
  FROM report.desk_now d LEFT JOIN (
    SELECT DISTINCT ON (h.desk) h.desk, h.occupied FROM report.desk_history h
    WHERE h.place IN (${place:sqlstring})
      AND h.at >= $__timeFrom()::timestamptz - interval '24 hours' AND h.at < $__timeFrom()::timestamptz
    ORDER BY h.desk, h.at DESC
  ) b ON b.desk = d.desk
  WHERE d.place IN (${place:sqlstring})
  UNION ALL
  SELECT h.at, h.name, coalesce(h.occupied, 2) FROM report.desk_history h
  WHERE h.place IN (${place:sqlstring}) AND $__timeFilter(h.at)
  UNION ALL
  SELECT $__timeTo()::timestamptz, d.name, coalesce(d.occupied, 2) FROM report.desk_now d
  WHERE d.place IN (${place:sqlstring}) AND $__timeTo()::timestamptz > now() - interval '1 minute'
) line ORDER BY "time", metric
"""
PASSAGES: Final = """
-- passages by hour, without persons; the hour in which the window starts is whole
SELECT h.hour AS "time",
  coalesce(sum(h.passed) FILTER (WHERE h.side = 'in'), 0)::float8 AS "Entrées",
  coalesce(sum(h.passed) FILTER (WHERE h.side = 'out'), 0)::float8 AS "Sorties",
  coalesce(sum(h.times) FILTER (WHERE NOT h.granted), 0)::float8 AS "Refus"
FROM report.access_hourly h
WHERE h.place IN (${place:sqlstring}) AND h.hour > $__timeFrom()::timestamptz - interval '1 hour'
  AND h.hour <= $__timeTo()::timestamptz
GROUP BY 1 ORDER BY 1
"""
REFUSALS: Final = """
-- why doors stayed shut in the same hours, without persons
SELECT h.door_name AS "Porte", h.reason AS "Motif", sum(h.times)::integer AS "Refus"
FROM report.access_hourly h
WHERE h.place IN (${place:sqlstring}) AND NOT h.granted AND h.hour > $__timeFrom()::timestamptz - interval '1 hour'
  AND h.hour <= $__timeTo()::timestamptz
GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2
"""
GATEWAYS: Final = """
-- the place's gateways
SELECT g.gateway AS "Passerelle", g.state_level AS "État", g.heard_at AS "Entendue", g.spool_depth AS "En attente",
  g.clock_offset_ms AS "Horloge", g.devices AS "Appareils", g.unwell AS "En défaut", g.version AS "Version"
FROM report.gateway_now g WHERE g.place IN (${place:sqlstring}) ORDER BY g.gateway
"""
QUARTERS: Final = """
-- the last days by quarter hour; a quarter hour that is mostly unknown stays empty
SELECT q.at AS "time", CASE WHEN q.known >= 0.5 THEN q.mean END AS "Moyenne",
  CASE WHEN q.known >= 0.5 THEN q.peak END AS "Pointe", q.capacity AS "Capacité"
FROM report.occupancy_15m q WHERE q.place IN (${place:sqlstring}) AND q.root AND $__timeFilter(q.at) ORDER BY q.at
"""
