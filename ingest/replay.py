"""Read dead letters again, once what made them unreadable is mended (a device enrolled, a newer release).

A letter that holds one event of a stream takes its place in the stream, at its own time (``ingest.late``). A letter
that holds a whole message needs no replay: its gateway kept the events and sends them again.
"""

from __future__ import annotations

import logging
from typing import Final

from database.leases import Fenced
from database.reasons import reason_of
from ingest import isolate, topology
from ingest.commit import Books
from ingest.letters import OldLetter
from ingest.store import micros, transaction

log = logging.getLogger(__name__)

_PAGE: Final = 500
"""Letters in one transaction; between two of them the ingest stores what has arrived."""

_REQUESTED: Final = """
-- dead letters whose replay was requested, in their streams' order
SELECT d.id, g.code, d.stream, d.seq, d.payload, d.received_at, coalesce(d.sent_at, d.received_at)
FROM dead_letter d JOIN gateway g ON g.id = d.gateway JOIN place p ON p.id = g.place
WHERE d.replay_requested_at IS NOT NULL AND d.replayed_at IS NULL AND d.origin = 'ingest' AND d.seq IS NOT NULL
  AND p.shard = ANY(%b::int[])
ORDER BY d.stream, d.seq
LIMIT %b
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
RETURNING id
"""


def answer_requests(connection: Fenced, books: Books, owned: frozenset[int]) -> bool:
    """Read again a page of what was asked for in the shards that are ours; return whether there may be more.

    A letter that is refused again is noted with the reason and stops no other.
    """
    rows = connection.execute(_REQUESTED, (sorted(owned), _PAGE)).fetchall()
    if not rows:
        return False
    books.use(topology.load(connection))  # the device that was missing may have been added this very moment
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
    try:
        _read(connection, books, letters)
    except Exception as failure:
        if not isolate.may_be_an_events_fault(failure):
            raise
        books.forget()
        for letter in letters:
            _read_alone(connection, books, letter)
    return len(rows) == _PAGE


def _read_alone(connection: Fenced, books: Books, letter: OldLetter) -> None:
    try:
        _read(connection, books, [letter])
    except Exception as failure:
        if not isolate.may_be_an_events_fault(failure):
            raise
        books.forget()
        error = f"could not be stored: {reason_of(failure)}".replace("\0", "")
        connection.execute(_REFUSED, (error, "not_storable", letter.id))
        log.warning("dead_letter_refused_again", extra={"letter": letter.id, "reason": error})


def _read(connection: Fenced, books: Books, letters: list[OldLetter]) -> None:
    with transaction(connection, books.topology.base) as (tx, now):
        done, refused = books.replay(connection, letters, tx=tx, now=now)
        connection.execute(_DONE, (done,))
        for number, error, reason in refused:
            connection.execute(_REFUSED, (error, reason, number))
    log.info("dead_letters_replayed", extra={"read": len(done), "still_unreadable": len(refused)})
