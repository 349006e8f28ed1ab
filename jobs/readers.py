"""Ends what Grafana's readers leave open: the limits that a reader is made with are defaults, which a query sets away.

A transaction of a reader that is older than 30 s is ended with its connection, whatever it does: a query that runs for
long, or an open transaction, which would hold back vacuum and the dropping of old events.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Final

import psycopg

from database.pool import connect

log = logging.getLogger(__name__)

EVERY_S: Final = 5.0
LONGEST_S: Final = 30

# A reader is in the group of readers and in no other. It is ended by who was granted its role (dashboards.roles).
_END_SLOW: Final = """
SELECT a.usename::text, extract(epoch FROM clock_timestamp() - a.xact_start)::integer, pg_terminate_backend(a.pid)
FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
WHERE a.datname = current_database() AND a.xact_start < clock_timestamp() - make_interval(secs => %s)
  AND NOT r.rolsuper AND pg_has_role(current_user, r.oid, 'USAGE')
  AND ARRAY(SELECT g.rolname::text FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid)
      = ARRAY['maillage_report']
"""


def end_slow(connection: psycopg.Connection[Any], *, longest_s: int = LONGEST_S) -> int:
    """End readers' transactions that are older than ``longest_s``, with their connections; return how many."""
    ended = connection.execute(_END_SLOW, (longest_s,)).fetchall()
    for reader, seconds, _ in ended:
        log.warning("reader_ended", extra={"reader": reader, "seconds": seconds})
    return len(ended)


def watch(url: str, stop: threading.Event, ended: Callable[[int], None]) -> None:
    """End slow readers every few seconds until ``stop``, and report how many; a database that is away is waited for."""
    while not stop.is_set():
        try:
            with connect(url, application_name="maillage readers", autocommit=True) as connection:
                while not stop.is_set():
                    if many := end_slow(connection):
                        ended(many)
                    stop.wait(EVERY_S)
        except psycopg.Error as error:
            log.warning("readers_not_watched", extra={"reason": " ".join(str(error).split())[:200]})
            stop.wait(EVERY_S)
