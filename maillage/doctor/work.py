"""Checks that the work gets done: states of gateways, events not yet stored, age of access lists, jobs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from maillage.doctor.finding import Finding, bad, good, note

_BEHIND_S: Final = 120
"""As long as a number is believed: what isn't stored by then is missed on the page."""
_SILENT_S: Final = 60
"""A gateway sends its state every ten seconds."""
_LIST_S: Final = 120
"""For a change to reach an online gateway."""

_GATEWAYS: Final = """
-- how the gateways in service stand: online by their last word, silent, behind, and what waits in their spools
SELECT count(*), count(*) FILTER (WHERE s.online),
       count(*) FILTER (WHERE s.online AND s.heard_at < now() - make_interval(secs => %s)),
       count(*) FILTER (WHERE s.online AND coalesce(s.complete_at, s.changed_at) < now() - make_interval(secs => %s)),
       coalesce(sum(s.spool_depth), 0),
       coalesce(extract(epoch FROM now() - min(s.complete_at) FILTER (WHERE s.online)), 0)::float8
FROM gateway g LEFT JOIN gateway_state s ON s.gateway = g.id WHERE g.retired_at IS NULL
"""
_LISTS: Final = """
-- online gateways without a list, with a list that a newer one has replaced for a while, and with one near its end
SELECT count(*) FILTER (WHERE s.list_version IS NULL OR s.list_version = 0),
       count(*) FILTER (WHERE s.list_version > 0 AND s.list_version < l.version
                        AND l.made_at < now() - make_interval(secs => %s)),
       count(*) FILTER (WHERE v.made_at < now() - make_interval(
         secs => 0.75 * CASE WHEN y.place IS NULL THEN 2592000 ELSE y.list_max_age_s END)),
       coalesce(extract(epoch FROM now() - min(v.made_at)), 0)::float8
FROM gateway g JOIN gateway_state s ON s.gateway = g.id AND s.online
LEFT JOIN access_list l ON l.place = g.place
LEFT JOIN list_version v ON v.place = g.place AND v.version = s.list_version
LEFT JOIN place_policy y ON y.place = g.place
WHERE g.retired_at IS NULL
"""
_CHANGES: Final = """
-- since when a change waits to be made into lists
SELECT coalesce(extract(epoch FROM now() - min(at)), 0)::float8 FROM access_dirty
"""
_CONFIGURATIONS: Final = """
-- online gateways that have joined, how many of them don't use the newest configuration for a while, and why
SELECT count(*), count(*) FILTER (WHERE b.behind),
       min(g.code || ': ' || coalesce(s.config_refused, 'it says nothing')) FILTER (WHERE b.behind),
       coalesce((SELECT extract(epoch FROM now() - min(d.at)) FROM configuration_dirty d), 0)::float8
FROM gateway g JOIN gateway_state s ON s.gateway = g.id AND s.online
LEFT JOIN LATERAL (SELECT c.version, c.fingerprint, c.made_at FROM gateway_configuration c WHERE c.gateway = g.id
                   ORDER BY c.version DESC LIMIT 1) n ON true
CROSS JOIN LATERAL (SELECT (s.config_version, s.config_fingerprint) IS DISTINCT FROM (n.version, n.fingerprint)
  AND coalesce(n.made_at, g.joined_at) < now() - make_interval(secs => %s) AS behind) b
WHERE g.retired_at IS NULL AND g.revoked_at IS NULL AND g.sealing_key IS NOT NULL
"""
_REFUSED: Final = """
-- why nothing can be stored, or a gateway's events can't
SELECT text FROM alarm
WHERE kind = 'storing_refused' AND acknowledged_at IS NULL AND (place IS NULL OR raised_at > now() - interval '1 hour')
ORDER BY id DESC LIMIT 3
"""
_LETTERS: Final = """
-- letters of the last day that wait
SELECT count(*) FROM dead_letter WHERE replayed_at IS NULL AND last_at > now() - interval '1 day'
"""

_JOBS: Final = """
-- how long ago any job succeeded
SELECT extract(epoch FROM now() - max(succeeded_at))::float8 FROM job
"""
_FAILING: Final = """
-- jobs whose last run failed: how often in a row, and why
SELECT name, failures, coalesce(error, 'no reason is stored') FROM job WHERE failed_at IS NOT NULL ORDER BY name
"""
_JOBS_S: Final = 3600
"""Each job runs every 15 minutes."""


def look_at_work(connection: Any) -> Iterator[Finding]:
    """Ask the database of a network how its gateways stand."""
    total, online, silent, behind, waiting, oldest_s = connection.execute(_GATEWAYS, (_SILENT_S, _BEHIND_S)).fetchone()
    if not total:
        yield note("events", "no gateway is in service yet", "see docs/places.md, or maillage sample create")
        yield from _jobs(connection)
        return
    if silent:
        text = f"{silent} of {online} online gateways were not heard for {_SILENT_S} s"
        yield bad("gateways heard", text, "look at the ingest, the gateways and the central broker")
    elif not online:
        yield bad("gateways heard", f"none of {total} gateways is online", "start them, or look at the central broker")
    else:
        yield good("gateways heard", f"{online} of {total} are online")
    if behind:
        text = f"of {behind} online gateways not everything is stored for {_BEHIND_S} s; {waiting} events wait in all"
        yield bad("events stored", text, "look at the ingest: /readyz, /metrics (maillage_ingest_storing), its log")
    elif online:
        yield good("events stored", f"{waiting} wait; all that is older than {oldest_s:.0f} s is stored")
    for (text,) in connection.execute(_REFUSED).fetchall():
        yield bad("events stored", text, "mend that; what the gateways keep comes by itself")
    letters = connection.execute(_LETTERS).fetchone()[0]
    if letters:
        yield note("dead letters", f"{letters} of the last day wait", "maillage dead-letters list")
    yield from _lists(connection, online)
    yield from _configurations(connection)
    yield from _jobs(connection)


def _jobs(connection: Any) -> Iterator[Finding]:
    last_s = connection.execute(_JOBS).fetchone()[0]
    failing = connection.execute(_FAILING).fetchall()
    for name, times, error in failing:
        yield bad("jobs", f"{name} failed {times} times in a row: {error}", "mend that; `maillage jobs` tries it again")
    if failing:
        return
    if last_s is None or last_s > _JOBS_S:
        when = "ever" if last_s is None else f"for {last_s / 3600:.0f} h"
        yield note("jobs", f"none has succeeded {when}", "start `maillage jobs`: without it old personal data stay")
    else:
        yield good("jobs", f"the last one succeeded {last_s / 60:.0f} min ago")


def _lists(connection: Any, online: int) -> Iterator[Finding]:
    missing, old, ending, oldest_s = connection.execute(_LISTS, (_LIST_S,)).fetchone()
    waits_s = connection.execute(_CHANGES).fetchone()[0]
    mend = "look at the rights process: /readyz, its log"
    if missing:
        yield bad("access lists", f"{missing} online gateways have none: their doors stay shut", mend)
    if old:
        yield bad("access lists", f"{old} online gateways have an older one than was made {_LIST_S} s ago", mend)
    if ending:
        yield bad("access lists", f"{ending} online gateways have one that is soon too old: doors will shut", mend)
    if waits_s > _LIST_S:
        yield bad("access lists", f"a change waits since {waits_s:.0f} s to be made into lists", mend)
    if online and not (missing or old or ending or waits_s > _LIST_S):
        yield good("access lists", f"in force at all online gateways, the oldest made {oldest_s / 3600:.1f} h ago")


def _configurations(connection: Any) -> Iterator[Finding]:
    joined, behind, why, waits_s = connection.execute(_CONFIGURATIONS, (_LIST_S,)).fetchone()
    if behind:
        text = f"{behind} of {joined} online gateways don't use their newest, like {why}"
        yield bad("configurations", text, "mend what it names, or `maillage gateway configuration CODE --back-to N`")
    if waits_s > _LIST_S:
        text = f"a change waits since {waits_s:.0f} s to be made into configurations"
        yield bad("configurations", text, "look at the rights process: /readyz, its log")
    elif joined and not behind:
        yield good("configurations", f"the newest is in use at all {joined} online gateways that have joined")
