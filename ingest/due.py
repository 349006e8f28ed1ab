"""Applies changes that no event makes.

A sensor's report expires, a badge-out was forgotten, a counters' day ends, a desk was moved or retired.

The ingest is the only writer of occupancy, so it is the one to look: every few seconds, by an index. A place is settled
up to the instant until which all that its gateways heard is stored, and no further. What lies beyond is not known: its
numbers grow stale by themselves.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Final

import psycopg

from database.leases import Fenced
from ingest.commit import Books
from ingest.store import OVERTAKEN, micros

log = logging.getLogger(__name__)

_MOST: Final = 200
"""Places in one transaction."""

_DUE: Final = """
-- places of some shards where time has changed something, with the instant until which all their events are stored
SELECT due.place, l.until
FROM (SELECT s.place, min(s.due_at) AS at FROM space_state s WHERE s.due_at <= now() GROUP BY s.place) due
JOIN place p ON p.id = due.place AND p.shard = ANY(%b::int[])
CROSS JOIN LATERAL (
  SELECT least(min(coalesce(s.complete_at, '-infinity')), now()) AS until
  FROM gateway g LEFT JOIN gateway_state s ON s.gateway = g.id
  WHERE g.place = due.place AND g.retired_at IS NULL
  HAVING count(*) > 0
) l
WHERE due.at <= l.until
ORDER BY due.at LIMIT %b
"""

_MARK: Final = """
-- places that were fitted out otherwise while something of them was being stored
UPDATE space_state SET due_at = now() WHERE place = ANY(%b::int[]) AND coalesce(due_at, 'infinity') > now()
"""


def mark(connection: Fenced, places: Collection[int]) -> None:
    """Have places looked at soon: the database marks what it can when they change (0043), this finds the rest."""
    if places:
        connection.execute(_MARK, (sorted(places),))


def settle(connection: Fenced, books: Books, owned: frozenset[int]) -> int:
    """Settle what is due in the shards that are ours; returns how many places were looked at."""
    if not owned:
        return 0
    due = {place: micros(until) for place, until in connection.execute(_DUE, (sorted(owned), _MOST)).fetchall()}
    if due and not _looked(connection, books, due) and len(due) > 1:
        for place, until in due.items():
            _looked(connection, books, {place: until})
    return len(due)


def _looked(connection: Fenced, books: Books, due: dict[int, int]) -> bool:
    """Look at places; False where something of one can't be stored: that stops neither the others nor the ingest."""
    try:
        books.look(connection, due)
    except (psycopg.OperationalError, psycopg.InterfaceError):
        raise
    except Exception as failure:
        if getattr(failure, "sqlstate", None) in OVERTAKEN:
            raise
        log.exception("look_failed", extra={"places": len(due), "place": next(iter(due))})
        books.forget()  # what was half done is read again
        return False
    return True
