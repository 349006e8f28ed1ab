"""The queries of the dashboard of one place, on the views of the schema `report` (migration 0006).

Written for Grafana's PostgreSQL data source: Grafana expands their macros (tests: `dashboards.macros`).
"""

from __future__ import annotations

from typing import Final

PLACES: Final = """
-- the places to choose from: those with a gateway
SELECT p.label AS __text, p.place AS __value FROM report.place p WHERE p.equipped ORDER BY p.label
"""
PRESENT: Final = """
-- people now
SELECT n.present AS "Présents|Present" FROM report.place_now n WHERE n.place IN (${place:sqlstring})
"""
PERCENT: Final = """
-- people now, in percent of capacity
SELECT n.percent AS "Occupation|Occupancy" FROM report.place_now n WHERE n.place IN (${place:sqlstring})
"""
INTERVAL: Final = """
-- between which numbers the truth lies nine times of ten, and of how many seats
SELECT n.low AS "Sans doute au moins|Probably at least", n.high AS "Sans doute au plus|Probably at most",
  n.capacity AS "Capacité|Capacity"
FROM report.place_now n WHERE n.place IN (${place:sqlstring})
"""
FREE: Final = """
-- seats to work at that are free (19 times of 20), and whether the place is open (2: its hours aren't known)
SELECT f.free_low AS "Libres|Free", coalesce(f.open::integer, 2) AS "Lieu|Place"
FROM report.place_free f WHERE f.place IN (${place:sqlstring})
"""
QUALITY: Final = """
-- how good the number is
SELECT n.quality_level AS "Qualité|Quality" FROM report.place_now n WHERE n.place IN (${place:sqlstring})
"""
AT: Final = """
-- when the number was last true
SELECT extract(epoch FROM n.at)::float8 * 1000 AS "Vrai|As of"
FROM report.place_now n WHERE n.place IN (${place:sqlstring})
"""
GATEWAY: Final = """
-- the worst of the place's gateways: never heard, else offline, else silent
SELECT CASE WHEN bool_or(g.state_level = 0) THEN 0 ELSE max(g.state_level) END AS "Passerelle|Gateway"
FROM report.gateway_now g WHERE g.place IN (${place:sqlstring})
"""
CURVE: Final = """
-- the curve: what held at the window's start, every change in it, and its last value up to the end or to now; where the
-- number stops being known, the last known one is repeated just before: Grafana draws no line from a value to a gap
WITH told AS (
  SELECT b.at, b.present, b.low, b.high, b.capacity FROM report.occupancy_before b
  WHERE b.place IN (${place:sqlstring}) AND b.root AND b.before = date_trunc('day', $__timeFrom()::timestamptz, 'UTC')
  UNION ALL
  SELECT h.at, h.present, h.low, h.high, h.capacity FROM report.occupancy_history h
  WHERE h.place IN (${place:sqlstring}) AND h.root AND h.at >= date_trunc('day', $__timeFrom()::timestamptz, 'UTC')
    AND h.at <= least($__timeTo()::timestamptz, now())
), line AS (
  SELECT t.*, lead(t.at) OVER (ORDER BY t.at) AS next, lead(t.present) OVER (ORDER BY t.at) AS later FROM told t
)
SELECT p.at AS "time", k.present AS "Présents|Present",
  k.low AS "Sans doute au moins|Probably at least", k.high AS "Sans doute au plus|Probably at most",
  k.capacity AS "Capacité|Capacity"
FROM line k
CROSS JOIN LATERAL (
  SELECT greatest(k.at, $__timeFrom()::timestamptz) AS at
  UNION ALL
  SELECT greatest(k.at, k.next - interval '1 ms', $__timeFrom()::timestamptz)
  WHERE k.present IS NOT NULL AND k.next IS NOT NULL AND k.later IS NULL
  UNION ALL
  SELECT least($__timeTo()::timestamptz, now()) WHERE k.next IS NULL
) p
WHERE k.next IS NULL OR k.next > $__timeFrom()::timestamptz
ORDER BY p.at, k.at
"""
SPACES: Final = """
-- the spaces of the place, what is free of each (19 times of 20), and how many desks nothing is known of
SELECT coalesce(n.name, 'aucun espace|no space') AS "Espace|Space", n.present AS "Présents|Present",
  n.capacity AS "Capacité|Capacity",
  n.percent AS "Occupation|Occupancy", n.quality_level AS "Qualité|Quality", n.free_low AS "Libres|Free",
  CASE WHEN n.name IS NOT NULL THEN coalesce(k.unknown, 0)::integer END AS "Postes inconnus|Unknown desks"
FROM (VALUES (1)) one
LEFT JOIN report.space_now n ON n.place IN (${place:sqlstring}) AND NOT n.root
LEFT JOIN (
  SELECT d.place, d.space, count(*) FILTER (WHERE d.occupied IS NULL) AS unknown
  FROM report.desk_now d WHERE d.place IN (${place:sqlstring}) GROUP BY d.place, d.space
) k ON k.place = n.place AND k.space = n.space
ORDER BY report.aligned(n.name, 12)
"""
DESKS: Final = """
-- each desk now
SELECT d.name AS "Poste|Desk", d.occupied AS "État|State"
FROM report.desk_now d WHERE d.place IN (${place:sqlstring}) ORDER BY report.aligned(d.name, 12), d.desk
"""
DOORS: Final = """
-- each door now (5: not known), and what was with it in the last 24 hours, without persons
SELECT coalesce(d.name, 'aucune porte|no door') AS "Porte|Door",
  CASE WHEN d.name IS NOT NULL THEN coalesce(d.state, 5) END AS "État|State", d.state_at AS "Depuis|Since",
  d.entered_24h AS "Entrées|Entries", d.left_24h AS "Sorties|Exits", d.denied_24h AS "Refus|Refusals",
  CASE WHEN d.name IS NOT NULL THEN coalesce(t.forced, 0) END AS "Forcée|Forced",
  CASE WHEN d.name IS NOT NULL THEN coalesce(t.held, 0) END AS "Maintenue|Held"
FROM (VALUES (1)) one LEFT JOIN report.door_now d ON d.place IN (${place:sqlstring})
LEFT JOIN (
  SELECT t.door, count(*) FILTER (WHERE t.state = 2)::integer AS forced,
    count(*) FILTER (WHERE t.state = 3)::integer AS held
  FROM report.door_trouble t
  WHERE t.place IN (${place:sqlstring}) AND t.at BETWEEN now() - interval '24 hours' AND now() + interval '5 minutes'
  GROUP BY t.door
) t ON t.door = d.door
ORDER BY report.aligned(d.name, 12), d.door
"""
DESK_HISTORY: Final = """
-- each desk over the window: its state at the start (2: not known), every change, when it stopped being known, and now;
-- Grafana sorts the lines by their names as texts, so that numbers are aligned
WITH name AS (
  SELECT d.desk, d.space, d.occupied, report.aligned(d.name, max(w.digits) OVER ()) AS name
  FROM report.desk_now d
  CROSS JOIN LATERAL (SELECT coalesce(max(length(n[1])), 1) AS digits FROM regexp_matches(d.name, '[0-9]+', 'g') n) w
  WHERE d.place IN (${place:sqlstring})
), told AS (
  SELECT b.at, b.desk, b.occupied
  FROM report.place p
  CROSS JOIN LATERAL report.desks_before(p.place, date_trunc('day', $__timeFrom()::timestamptz, 'UTC')) b
  WHERE p.place IN (${place:sqlstring})
  UNION ALL
  SELECT h.at, h.desk, h.occupied FROM report.desk_history h
  WHERE h.place IN (${place:sqlstring}) AND h.at >= date_trunc('day', $__timeFrom()::timestamptz, 'UTC')
    AND h.at <= $__timeTo()::timestamptz
  UNION ALL
  SELECT s.at, n.desk, NULL
  FROM report.space_stale s JOIN name n ON n.space = s.space
  WHERE s.place IN (${place:sqlstring}) AND s.at <= $__timeTo()::timestamptz
)
SELECT line.at AS "time", n.name AS metric, line.state FROM (
  SELECT $__timeFrom()::timestamptz AS at, o.desk, coalesce(b.occupied, 2) AS state
  FROM name o LEFT JOIN (
    SELECT DISTINCT ON (t.desk) t.desk, t.occupied FROM told t WHERE t.at < $__timeFrom()::timestamptz
    ORDER BY t.desk, t.at DESC
  ) b ON b.desk = o.desk
  UNION ALL
  SELECT t.at, t.desk, coalesce(t.occupied, 2) FROM told t WHERE t.at >= $__timeFrom()::timestamptz
  UNION ALL
  SELECT $__timeTo()::timestamptz, o.desk, coalesce(o.occupied, 2) FROM name o
  WHERE $__timeTo()::timestamptz > now() - interval '1 minute'
) line JOIN name n ON n.desk = line.desk ORDER BY line.at, n.name
"""
PASSAGES: Final = """
-- passages by hour in the place's own time, without persons: every hour that the window touches, whole; not known
-- after a gateway fell silent
SELECT to_char(h.hour AT TIME ZONE p.time_zone, CASE
    WHEN $__timeTo()::timestamptz - $__timeFrom()::timestamptz > interval '24 hours'
    THEN 'DD/MM HH24"h"|DD/MM HH24:00' ELSE 'HH24"h"|HH24:00' END) AS "Heure|Hour",
  CASE WHEN k.known THEN coalesce(sum(a.passed) FILTER (WHERE a.side = 'in'), 0)::float8 END AS "Entrées|Entries",
  CASE WHEN k.known THEN coalesce(sum(a.passed) FILTER (WHERE a.side = 'out'), 0)::float8 END AS "Sorties|Exits",
  CASE WHEN k.known THEN coalesce(sum(a.times) FILTER (WHERE NOT a.granted), 0)::float8 END AS "Refus|Refusals"
FROM report.place p
CROSS JOIN generate_series(
  date_trunc('hour', $__timeFrom()::timestamptz, 'UTC'), least($__timeTo()::timestamptz, now()), interval '1 hour'
) h (hour)
CROSS JOIN (
  SELECT min(CASE WHEN w.state_level = 1 THEN now() ELSE w.heard_at END) AS until
  FROM report.gateway_now w WHERE w.place IN (${place:sqlstring})
) g
CROSS JOIN LATERAL (SELECT h.hour < g.until AS known) k
LEFT JOIN report.access_hourly a ON a.place IN (${place:sqlstring}) AND a.hour = h.hour
  AND a.hour >= date_trunc('hour', $__timeFrom()::timestamptz, 'UTC') AND a.hour <= $__timeTo()::timestamptz
WHERE p.place IN (${place:sqlstring})
GROUP BY h.hour, p.time_zone, k.known ORDER BY h.hour
"""
REFUSALS: Final = """
-- why doors stayed shut in the same hours, without persons
SELECT coalesce(r.door_name, 'aucun refus|no refusal') AS "Porte|Door", r.reason AS "Motif|Reason",
  r.times AS "Refus|Refusals"
FROM (VALUES (1)) one
LEFT JOIN (
  SELECT h.door_name, h.reason, sum(h.times)::integer AS times
  FROM report.access_hourly h
  WHERE h.place IN (${place:sqlstring}) AND NOT h.granted
    AND h.hour >= date_trunc('hour', $__timeFrom()::timestamptz, 'UTC') AND h.hour <= $__timeTo()::timestamptz
  GROUP BY 1, 2
) r ON true
ORDER BY 3 DESC, 1, 2
"""
GATEWAYS: Final = """
-- the place's gateways
SELECT coalesce(g.gateway, 'aucune passerelle|no gateway') AS "Passerelle|Gateway", g.state_level AS "État|State",
  g.heard_at AS "Entendue|Heard",
  g.spool_depth AS "En attente|Waiting", g.clock_offset_ms AS "Horloge|Clock", g.devices AS "Appareils|Devices",
  g.unwell AS "En défaut|In trouble",
  g.version AS "Version"
FROM (VALUES (1)) one LEFT JOIN report.gateway_now g ON g.place IN (${place:sqlstring}) ORDER BY g.gateway
"""
DEVICES: Final = """
-- the devices that need somebody: silent, in trouble, or never heard (0); the worst first
SELECT coalesce(d.device, 'aucun appareil à regarder|no device to look at') AS "Appareil|Device",
  d.at_name AS "Où|Where", d.well_level AS "État|State",
  d.heard_at AS "Entendu|Heard", d.battery AS "Pile|Battery", coalesce(d.rssi, d.linkquality) AS "Signal",
  d.troubles[1] AS "Défaut|Trouble"
FROM (VALUES (1)) one
LEFT JOIN report.device_now d ON d.place IN (${place:sqlstring}) AND d.well_level <> 1
ORDER BY d.well_level DESC, d.silent_since, d.device LIMIT 100
"""
