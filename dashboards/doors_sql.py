"""The queries of *Doors and security*: `report.door_decision` is empty for a reader without that right."""

from __future__ import annotations

from typing import Final

DECISIONS_NOW: Final = """
-- what was decided in the window, and by how many badges
SELECT count(*) FILTER (WHERE d.granted)::integer AS "Accordés|Granted",
  count(*) FILTER (WHERE NOT d.granted)::integer AS "Refusés|Refused",
  count(DISTINCT d.who)::integer AS "Badges"
FROM report.door_decision d WHERE d.place IN (${place:sqlstring}) AND $__timeFilter(d.at)
"""
TROUBLES_NOW: Final = """
-- what wasn't in order with doors in the window
SELECT count(*) FILTER (WHERE t.state = 2)::integer AS "Forcées|Forced",
  count(*) FILTER (WHERE t.state = 3)::integer AS "Maintenues|Held open",
  count(*) FILTER (WHERE t.state = 4)::integer AS "Sabotages|Tampered with"
FROM report.door_trouble t WHERE t.place IN (${place:sqlstring}) AND $__timeFilter(t.at)
"""
HOURS: Final = """
-- decisions by hour in the place's own time
SELECT to_char(h.hour AT TIME ZONE p.time_zone, CASE
    WHEN $__timeTo()::timestamptz - $__timeFrom()::timestamptz > interval '24 hours'
    THEN 'DD/MM HH24"h"|DD/MM HH24:00' ELSE 'HH24"h"|HH24:00' END) AS "Heure|Hour",
  count(d.at) FILTER (WHERE d.granted)::float8 AS "Accordés|Granted",
  count(d.at) FILTER (WHERE NOT d.granted)::float8 AS "Refusés|Refused"
FROM report.place p
CROSS JOIN generate_series(
  date_trunc('hour', $__timeFrom()::timestamptz, 'UTC'), least($__timeTo()::timestamptz, now()), interval '1 hour'
) h (hour)
LEFT JOIN (
  SELECT e.at, e.granted, date_trunc('hour', e.at, 'UTC') AS hour FROM report.door_decision e
  WHERE e.place IN (${place:sqlstring}) AND e.at >= date_trunc('hour', $__timeFrom()::timestamptz, 'UTC')
    AND e.at <= $__timeTo()::timestamptz
) d ON d.hour = h.hour
WHERE p.place IN (${place:sqlstring})
GROUP BY h.hour, p.time_zone ORDER BY h.hour
"""
REFUSED: Final = """
-- who is refused most, by pseudonym, and why at last
SELECT coalesce(r.who, 'aucun refus|no refusal') AS "Qui|Who",
  CASE WHEN r.who IS NOT NULL THEN r.known::integer END AS "Membre|Member", r.times AS "Refus|Refusals",
  r.reason AS "Dernier motif|Last reason", r.door_name AS "Porte|Door", r.last_at AS "Dernière fois|Last time"
FROM (VALUES (1)) one
LEFT JOIN (
  SELECT coalesce(d.who, '?') AS who, d.known, count(*)::integer AS times, max(d.at) AS last_at,
    (array_agg(d.reason ORDER BY d.at DESC))[1] AS reason, (array_agg(d.door_name ORDER BY d.at DESC))[1] AS door_name
  FROM report.door_decision d
  WHERE d.place IN (${place:sqlstring}) AND NOT d.granted AND $__timeFilter(d.at)
  GROUP BY 1, 2
) r ON true
ORDER BY r.times DESC, r.last_at DESC LIMIT 50
"""
TROUBLES: Final = """
-- each time that a door wasn't in order, the newest first, and who was let in there last before
SELECT coalesce(t.door_name, 'aucune porte en défaut|no door out of order') AS "Porte|Door", t.state AS "État|State",
  to_char(t.at AT TIME ZONE p.time_zone, 'DD/MM HH24:MI:SS') AS "Quand|When", b.who AS "Accès d'avant|Access before",
  to_char(b.at AT TIME ZONE p.time_zone, 'HH24:MI:SS') AS "À|At"
FROM (VALUES (1)) one
LEFT JOIN (
  SELECT e.* FROM report.door_trouble e
  WHERE e.place IN (${place:sqlstring}) AND $__timeFilter(e.at) ORDER BY e.at DESC LIMIT 100
) t ON true
LEFT JOIN report.place p ON p.place = t.place
LEFT JOIN LATERAL (
  SELECT d.who, d.at FROM report.door_decision d
  WHERE d.place IN (${place:sqlstring}) AND d.door = t.door AND d.granted
    AND d.at BETWEEN t.at - interval '30 minutes' AND t.at
  ORDER BY d.at DESC LIMIT 1
) b ON true
ORDER BY t.at DESC
"""
DECISIONS: Final = """
-- each decision, the newest first
SELECT coalesce(to_char(d.at AT TIME ZONE p.time_zone, 'DD/MM HH24:MI:SS'), 'aucune décision|no decision')
    AS "Quand|When",
  d.door_name AS "Porte|Door", CASE d.side WHEN 'in' THEN 1 WHEN 'out' THEN 0 END AS "Sens|Direction",
  d.granted::integer AS "Décision|Decision", d.reason AS "Motif|Reason", d.who AS "Qui|Who",
  d.known::integer AS "Membre|Member"
FROM (VALUES (1)) one
LEFT JOIN (
  SELECT e.* FROM report.door_decision e
  WHERE e.place IN (${place:sqlstring}) AND $__timeFilter(e.at) ORDER BY e.at DESC LIMIT 200
) d ON true
LEFT JOIN report.place p ON p.place = d.place
ORDER BY d.at DESC
"""
ALARMS: Final = """
-- the place's open alarms of doors, badges and locks
SELECT coalesce(a.kind, 'aucune alarme|no alarm') AS "Genre|Kind", a.raised_at AS "Le|Raised",
  a.last_at AS "Dernière fois|Last time", a.times AS "Fois|Times", a.gateway AS "Passerelle|Gateway"
FROM (VALUES (1)) one
LEFT JOIN report.alarm_open a ON a.place IN (${place:sqlstring}) AND a.kind IN ('door_forced', 'door_unexplained',
  'door_held', 'tamper', 'lock_commanded_elsewhere', 'too_many_tries', 'list_refused', 'list_drift', 'list_stuck',
  'command_refused', 'use_refused', 'not_shut_out', 'identity_conflict')
ORDER BY a.last_at DESC LIMIT 100
"""
