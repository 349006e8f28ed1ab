"""Read dead letters again, once what made them unreadable is mended (a device enrolled, a newer release).

A letter that holds one event of a stream takes its place in the stream; it is folded now, as the last thing heard. A
letter that holds a whole message needs no replay: its gateway kept the events and sends them again.
"""

from __future__ import annotations

import logging
from typing import Final

from ingest.commit import Books, OldLetter
from ingest.store import Connection, micros, transaction

log = logging.getLogger(__name__)

_REQUESTED: Final = """
-- letters that somebody asked to read again, in their streams' order
SELECT d.id, g.code, d.stream, d.seq, d.payload, d.received_at, coalesce(d.sent_at, d.received_at)
FROM dead_letter d JOIN gateway g ON g.id = d.gateway JOIN place p ON p.id = g.place
WHERE d.replay_requested_at IS NOT NULL AND d.replayed_at IS NULL AND d.origin = 'ingest' AND d.seq IS NOT NULL
  AND p.shard = ANY(%b::int[])
ORDER BY d.stream, d.seq
LIMIT 5000
"""

_DONE: Final = """
-- these were read
UPDATE dead_letter SET replayed_at = now() WHERE id = ANY(%b::bigint[])
"""

_REFUSED: Final = """
-- this one still can't be read: it waits for another request
UPDATE dead_letter SET replay_requested_at = NULL, error = %b, reason = %b WHERE id = %b
"""

REQUEST: Final = """
-- ask the ingest to read letters again
UPDATE dead_letter SET replay_requested_at = now()
WHERE replayed_at IS NULL AND origin = 'ingest' AND seq IS NOT NULL AND (%b::bigint[] IS NULL OR id = ANY(%b::bigint[]))
"""


def answer_requests(connection: Connection, books: Books, owned: frozenset[int]) -> int:
    """Read again what was asked for in the shards that are ours; returns how many letters became events."""
    total = 0
    while rows := connection.execute(_REQUESTED, (sorted(owned),)).fetchall():
        with transaction(connection) as (tx, now):
            letters = [
                OldLetter(
                    id=number,
                    gateway=gateway,
                    stream=stream,
                    seq=seq,
                    payload=payload,
                    received_at=micros(received_at),
                    sent_at=micros(sent_at),
                )
                for number, gateway, stream, seq, payload, received_at, sent_at in rows
            ]
            done, refused = books.replay(connection, letters, tx=tx, now=now)
            connection.execute(_DONE, (done,))
            for number, error, reason in refused:
                connection.execute(_REFUSED, (error, reason, number))
        total += len(done)
        log.info("dead_letters_replayed", extra={"read": len(done), "still_unreadable": len(refused)})
    return total
