"""Takes what managers have counted (the table ``head_count``): makes an event of each, and folds it.

The API adds the rows. Each becomes an event of stream 0, numbered as its row, in the transaction that marks the row as
stored: once, also where a worker dies in between. A head count belongs to its place and to no gateway: it is taken
while the gateways are offline, and at a place that has none.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg

from database.leases import Fenced
from database.reasons import reason_of
from gateway.contract.stored_events import Encoder
from ingest import topology
from ingest.commit import Books
from ingest.isolate import may_be_an_events_fault
from ingest.metrics import Metrics
from ingest.store import Stored, micros

log = logging.getLogger(__name__)

STREAM: Final = 0
"""Of all head counts; gateways' streams begin at 1."""
_PAGE: Final = 200
"""Head counts in one transaction."""

_WAITING: Final = """
-- head counts that aren't events yet, of some shards, in the order in which they were made
SELECT h.id, h.place, p.shard, h.space, h.present, h.at
FROM head_count h JOIN place p ON p.id = h.place
WHERE h.stored_at IS NULL AND h.refused IS NULL AND h.withdrawn_at IS NULL AND p.shard = ANY(%b::int[])
ORDER BY h.id LIMIT %b
"""
_STORED: Final = """
-- these are events now
UPDATE head_count SET stored_at = now() WHERE id = ANY(%b::bigint[])
"""
_REFUSED: Final = """
-- this one can't become an event
UPDATE head_count SET refused = %b WHERE id = %b
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadCount:
    """A row of ``head_count``; ``at`` in microseconds since the Unix epoch."""

    id: int
    place: int
    shard: int
    space: int
    present: int
    at: int


def take(connection: Fenced, books: Books, owned: frozenset[int], metrics: Metrics) -> bool:
    """Store a page of the head counts that wait in the shards that are ours; return whether there may be more.

    One that can't be stored is noted with the reason and stops no other.
    """
    rows = connection.execute(_WAITING, (sorted(owned), _PAGE)).fetchall()
    counts = [
        HeadCount(id=number, place=place, shard=shard, space=space, present=present, at=micros(at))
        for number, place, shard, space, present, at in rows
    ]
    if not counts:
        return False
    if any(one.space not in books.topology.spaces for one in counts):
        books.use(topology.load(connection))  # the space was added this very moment
    try:
        _store(connection, books, counts)
        metrics.head_counts.labels("stored").inc(len(counts))
    except Exception as failure:
        if not may_be_an_events_fault(failure):
            raise
        books.forget()
        for one in counts:
            _store_alone(connection, books, one, metrics)
    return len(counts) == _PAGE


def _store_alone(connection: Fenced, books: Books, one: HeadCount, metrics: Metrics) -> None:
    try:
        _store(connection, books, [one])
        metrics.head_counts.labels("stored").inc()
    except Exception as failure:
        if not may_be_an_events_fault(failure):
            raise
        books.forget()
        reason = reason_of(failure).replace("\0", "")
        connection.execute(_REFUSED, (reason, one.id))
        metrics.head_counts.labels("refused").inc()
        trace = None if isinstance(failure, psycopg.Error) else failure
        log.error("head_count_refused", extra={"head_count": one.id, "reason": reason}, exc_info=trace)


def _store(connection: Fenced, books: Books, counts: Sequence[HeadCount]) -> None:
    places = {one.place for one in counts}
    with books.at_places(connection, places, {one.shard for one in counts}) as work:
        rows: list[bytes] = []
        for one in counts:
            event: Any = {"kind": "head_count", "space": one.space, "present": one.present, "at": one.at}
            encoder = Encoder(received_at=work.now, tx=work.tx, stream=STREAM, place=one.place)
            rows.append(encoder.row(event, one.at, one.id, None))
            work.places[one.place].apply(event, None, one.at)
            part = Stored(stream=STREAM, place=one.place, first=one.id, last=one.id, low=one.at, high=one.at)
            work.parts.append(part)
        with work.rows:
            work.rows.send(rows)
        connection.execute(_STORED, ([one.id for one in counts],))
