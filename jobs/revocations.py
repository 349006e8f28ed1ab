"""Finds gateways that were shut out and that the broker may still let in: its watcher is away, or can't reach it."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import psycopg

from jobs.job import Round

EVERY: Final = timedelta(minutes=1)

_PENDING: Final = """
-- how many gateways are shut out here and perhaps not at the broker
SELECT count(*) FROM gateways_not_shut_out()
"""
_RAISE: Final = """
-- an alarm for each that lasts until the broker knows
INSERT INTO alarm (kind, place, gateway, from_at, text, detail)
SELECT 'not_shut_out', n.place, n.gateway, n.cut_at,
       CASE WHEN n.read_at IS NULL THEN format(
         'gateway %%s was shut out, and no `maillage broker watch` has ever run: the broker may still let it in. '
         'Start the watcher, or take its rights from the broker by hand (docs/enrolment.md).', n.code)
       ELSE format(
         'gateway %%s was shut out, and the broker may still let it in: `maillage broker watch` has done nothing '
         'since %%s UTC. Start it, or look at its log.', n.code,
         to_char(n.read_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')) END,
       jsonb_build_object('watched_until', n.read_at)
FROM gateways_not_shut_out() n
WHERE NOT EXISTS (
  SELECT FROM alarm a
  WHERE a.kind = 'not_shut_out' AND a.gateway = n.gateway AND a.from_at = n.cut_at AND a.until_at IS NULL)
RETURNING (SELECT g.code::text FROM gateway g WHERE g.id = alarm.gateway)
"""
_END: Final = """
-- the broker knows, or no certificate of the gateway is valid any more
UPDATE alarm a SET until_at = %(now)s
WHERE a.kind = 'not_shut_out' AND a.until_at IS NULL AND NOT EXISTS (
  SELECT FROM gateways_not_shut_out() n WHERE n.gateway = a.gateway AND n.cut_at = a.from_at)
RETURNING (SELECT g.code::text FROM gateway g WHERE g.id = a.gateway)
"""


def not_shut_out(connection: psycopg.Connection) -> int:
    """Return how many gateways are shut out here and perhaps not at the broker."""
    row = connection.execute(_PENDING).fetchone()
    return 0 if row is None else int(row[0])


def look_at_revocations(round_: Round) -> None:
    """Raise an alarm for each gateway that the broker may still let in, and end it when that is over."""
    with round_.connection.transaction():
        for (code,) in round_.connection.execute(_RAISE, {"now": round_.now}).fetchall():
            round_.log(f"revocations: the broker may still let {code} in")
        for (code,) in round_.connection.execute(_END, {"now": round_.now}).fetchall():
            round_.log(f"revocations: the broker lets {code} in no longer")
