"""The queries of *The system*, on the views of the schema `report` (migration 0109).

Processes store a sample each minute; a reader of some places sees its gateways and lists, and no process.
"""

from __future__ import annotations

from typing import Final

RATE_NOW: Final = """
-- events stored per second in the last five minutes, by all ingest processes
SELECT (sum(s.done) / nullif(sum(s.seconds), 0) * count(DISTINCT s.instance))::float8 AS "Événements|Events"
FROM report.process_sample s WHERE s.process = 'ingest' AND s.at > now() - interval '5 minutes'
"""
LAG_NOW: Final = """
-- from an event's time to its commit in the last five minutes: 99 of 100 were quicker
SELECT max(s.p99_s)::float8 AS "Retard|Lag"
FROM report.process_sample s WHERE s.process = 'ingest' AND s.at > now() - interval '5 minutes'
"""
SPOOL_NOW: Final = """
-- events that gateways keep until they are stored, as they last said
SELECT sum(g.spool_depth)::float8 AS "En attente|Waiting" FROM report.gateway_now g
"""
DEAD_NOW: Final = """
-- messages and events that could not be read and wait
SELECT count(*)::integer AS "Lettres mortes|Dead letters" FROM report.dead_letter_open d
"""
BEHIND_NOW: Final = """
-- gateways whose access list is not the newest, for over a minute
SELECT count(*)::integer AS "En retard|Behind" FROM report.access_list_now l
WHERE l.behind_since < now() - interval '1 minute'
"""
SIZE_NOW: Final = """
-- the database's size, as of the last hour
SELECT s.bytes::float8 AS "Taille|Size" FROM report.process_sample s
WHERE s.process = 'jobs' AND s.at > now() - interval '1 hour' ORDER BY s.at DESC LIMIT 1
"""
RATE: Final = """
-- events stored per second, by all ingest processes
SELECT $__timeGroupAlias(s.at,$__interval),
  (sum(s.done) / sum(s.seconds) * count(DISTINCT s.instance))::float8 AS "Événements par seconde|Events per second"
FROM report.process_sample s WHERE s.process = 'ingest' AND $__timeFilter(s.at)
GROUP BY 1 ORDER BY 1
"""
LAG: Final = """
-- from an event's time to its commit
SELECT $__timeGroupAlias(s.at,$__interval), avg(s.p50_s)::float8 AS "Médiane|Median", max(s.p99_s)::float8 AS "99 %"
FROM report.process_sample s WHERE s.process = 'ingest' AND s.p50_s IS NOT NULL AND $__timeFilter(s.at)
GROUP BY 1 ORDER BY 1
"""
LATENCY: Final = """
-- how long the API takes to answer
SELECT $__timeGroupAlias(s.at,$__interval), avg(s.p50_s)::float8 AS "Médiane|Median", max(s.p99_s)::float8 AS "99 %"
FROM report.process_sample s WHERE s.process = 'api' AND s.p50_s IS NOT NULL AND $__timeFilter(s.at)
GROUP BY 1 ORDER BY 1
"""
REQUESTS: Final = """
-- requests that the API answered per second, and those that it failed to answer
SELECT $__timeGroupAlias(s.at,$__interval),
  (sum(s.done) / sum(s.seconds) * count(DISTINCT s.instance))::float8 AS "Requêtes|Requests",
  (sum(s.failed) / sum(s.seconds) * count(DISTINCT s.instance))::float8 AS "Erreurs|Errors"
FROM report.process_sample s WHERE s.process = 'api' AND $__timeFilter(s.at)
GROUP BY 1 ORDER BY 1
"""
REVOKED: Final = """
-- from a change of rights to its list on the way to the gateway
SELECT $__timeGroupAlias(s.at,$__interval), avg(s.p50_s)::float8 AS "Médiane|Median", max(s.p99_s)::float8 AS "99 %"
FROM report.process_sample s WHERE s.process = 'rights' AND s.p50_s IS NOT NULL AND $__timeFilter(s.at)
GROUP BY 1 ORDER BY 1
"""
SIZE: Final = """
-- the database's size
SELECT $__timeGroupAlias(s.at,$__interval), max(s.bytes)::float8 AS "Taille|Size"
FROM report.process_sample s WHERE s.process = 'jobs' AND s.bytes IS NOT NULL AND $__timeFilter(s.at)
GROUP BY 1 ORDER BY 1
"""
SPOOLS: Final = """
-- gateways with events that are not stored yet, those with most first
SELECT coalesce(g.label, 'aucune passerelle|no gateway') AS "Lieu|Place", g.gateway AS "Passerelle|Gateway",
  g.spool_depth AS "En attente|Waiting", g.state_level AS "État|State", g.heard_at AS "Entendue|Heard"
FROM (VALUES (1)) one LEFT JOIN report.gateway_now g ON g.spool_depth > 0
ORDER BY g.spool_depth DESC, g.gateway LIMIT 200
"""
LISTS: Final = """
-- access lists: gateways that wait for a newer one first, then the oldest
SELECT coalesce(l.label, 'aucune liste|no list') AS "Lieu|Place", l.gateway AS "Passerelle|Gateway",
  l.version AS "Version|In force", l.newest AS "Dernière|Newest", l.made_at AS "Faite|Made",
  l.behind_since AS "Attend depuis|Behind since"
FROM (VALUES (1)) one LEFT JOIN report.access_list_now l ON true
ORDER BY l.behind_since, l.made_at, l.gateway LIMIT 200
"""
JOBS: Final = """
-- when each job last succeeded, and how often it has failed since
SELECT coalesce(j.job, 'aucun travail|no job') AS "Travail|Job", j.succeeded_at AS "Réussi|Succeeded",
  j.failures AS "Échecs|Failures", j.failed_at AS "Échoué|Failed"
FROM (VALUES (1)) one LEFT JOIN report.job_now j ON true
ORDER BY j.failures DESC, j.succeeded_at NULLS FIRST
"""
DEAD: Final = """
-- what could not be read, the newest first
SELECT coalesce(d.reason, 'aucune lettre morte|no dead letter') AS "Raison|Cause", d.origin AS "Origine|Origin",
  d.gateway AS "Passerelle|Gateway", d.times AS "Fois|Times", d.first_at AS "Première fois|First time",
  d.last_at AS "Dernière fois|Last time"
FROM (VALUES (1)) one LEFT JOIN report.dead_letter_open d ON true
ORDER BY d.last_at DESC LIMIT 200
"""
PROCESSES: Final = """
-- each process of the last day: when it last stored a sample, and what failed in the last hour
SELECT coalesce(p.process, 'aucun processus|no process') AS "Processus|Process", p.instance AS "Instance|Where",
  p.last AS "Entendu|Heard", CASE WHEN p.process IS NOT NULL THEN (p.last > now() - interval '3 minutes')::integer END
  AS "État|State", p.failed AS "Échecs|Failures"
FROM (VALUES (1)) one
LEFT JOIN (
  SELECT s.process, s.instance, max(s.at) AS last,
    coalesce(sum(s.failed) FILTER (WHERE s.at > now() - interval '1 hour'), 0)::integer AS failed
  FROM report.process_sample s WHERE s.at > now() - interval '1 day' GROUP BY s.process, s.instance
) p ON true
ORDER BY p.process, p.last DESC
"""
