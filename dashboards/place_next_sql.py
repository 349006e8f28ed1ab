"""More queries of *My place, live*: what comes next, arrivals, devices and alarms."""

from __future__ import annotations

from typing import Final

FORECAST: Final = """
-- the next twelve hours by quarter hour; where nothing is forecast, nothing is drawn; a value holds for its quarter
WITH line AS (
  SELECT f.at, f.median, f.low, f.high, f.capacity, lead(f.at) OVER (ORDER BY f.at) AS next,
    lead(f.median) OVER (ORDER BY f.at) AS later
  FROM report.forecast f
  WHERE f.place IN (${place:sqlstring}) AND f.root
    AND f.at > now() - interval '15 minutes' AND f.at < now() + interval '12 hours'
)
SELECT p.at AS "time", k.median AS "Prévus|Expected", k.low AS "Sans doute au moins|Probably at least",
  k.high AS "Sans doute au plus|Probably at most", k.capacity AS "Capacité|Capacity"
FROM line k
CROSS JOIN LATERAL (
  SELECT greatest(k.at, now()) AS at
  UNION ALL
  SELECT k.at + interval '15 minutes' - interval '1 ms' WHERE k.median IS NOT NULL AND k.later IS NULL
) p
ORDER BY p.at
"""
ARRIVALS: Final = """
-- who came in from outside by quarter hour, of the window's last twelve hours, and what is usual on such a weekday;
-- after a gateway fell silent the number isn't known
SELECT to_char(q.at AT TIME ZONE p.time_zone, 'HH24"h"MI|HH24:MI') AS "Heure|Hour",
  CASE WHEN q.at < g.known_until THEN coalesce(a.arrivals, 0)::float8 END AS "Arrivées|Arrivals",
  u.arrivals AS "D'habitude|Usual"
FROM report.place p
CROSS JOIN generate_series(
  time_bucket('15 minutes', greatest($__timeFrom()::timestamptz, $__timeTo()::timestamptz - interval '12 hours')),
  least($__timeTo()::timestamptz, now()), interval '15 minutes'
) q (at)
CROSS JOIN (
  SELECT min(CASE WHEN w.state_level = 1 THEN now() ELSE w.heard_at END) AS known_until
  FROM report.gateway_now w WHERE w.place IN (${place:sqlstring})
) g
LEFT JOIN report.arrival_quarter a ON a.place IN (${place:sqlstring}) AND a.at = q.at
  -- in UTC, where the sum doesn't depend on the session: so it is known when the chunks are chosen
  AND a.at >= time_bucket('15 minutes', greatest($__timeFrom()::timestamptz,
    ($__timeTo()::timestamptz AT TIME ZONE 'UTC' - interval '12 hours') AT TIME ZONE 'UTC'))
  AND a.at <= $__timeTo()::timestamptz
LEFT JOIN report.arrival_usual u ON u.place IN (${place:sqlstring})
  AND u.weekday = extract(isodow FROM q.at AT TIME ZONE p.time_zone)
  AND u.quarter = 4 * extract(hour FROM q.at AT TIME ZONE p.time_zone)
    + div(extract(minute FROM q.at AT TIME ZONE p.time_zone), 15)
WHERE p.place IN (${place:sqlstring})
ORDER BY q.at
"""
HEALTH: Final = """
-- how the place's devices are
SELECT count(*) FILTER (WHERE d.well_level = 1)::integer AS "Bien|Well",
  count(*) FILTER (WHERE d.well_level = 2)::integer AS "En défaut|In trouble",
  count(*) FILTER (WHERE d.well_level = 3)::integer AS "Muets|Silent",
  count(*) FILTER (WHERE d.well_level = 0)::integer AS "Jamais entendus|Never heard"
FROM report.device_now d WHERE d.place IN (${place:sqlstring})
"""
ALARMS: Final = """
-- the place's open alarms: not acknowledged, what happened last first
SELECT coalesce(a.kind, 'aucune alarme|no alarm') AS "Genre|Kind", a.raised_at AS "Le|Raised",
  a.last_at AS "Dernière fois|Last time", a.times AS "Fois|Times", a.gateway AS "Passerelle|Gateway"
FROM (VALUES (1)) one LEFT JOIN report.alarm_open a ON a.place IN (${place:sqlstring})
ORDER BY a.last_at DESC LIMIT 100
"""
