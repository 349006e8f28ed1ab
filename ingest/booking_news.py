"""Takes what is new of bookings (the table ``booking_news``): makes an event of each, and folds it.

Triggers on ``booking`` add the rows. Each becomes an event of stream -1, numbered as its row, in the transaction that
removes the row: once, also where a worker dies in between. A booking is told an hour before it begins: a year's series
is no part of a space's state.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from database.leases import Fenced
from database.reasons import reason_of
from gateway.contract.stored_events import Encoder
from ingest import topology
from ingest.commit import Books
from ingest.isolate import may_be_an_events_fault
from ingest.store import Stored, micros

log = logging.getLogger(__name__)

STREAM: Final = -1
"""Of all bookings."""
_PAGE: Final = 200

_WAITING: Final = """
-- news of bookings that are due, of some shards, in the order in which they came
SELECT n.id, n.place, p.shard, n.space, n.booking, n.starts_at, n.ends_at, n.party, n.held, n.came
FROM booking_news n JOIN place p ON p.id = n.place
WHERE n.due_at <= now() AND p.shard = ANY(%b::int[])
ORDER BY n.id LIMIT %b
"""
_TAKEN: Final = """
-- these are events now, or can't become any
DELETE FROM booking_news WHERE id = ANY(%b::bigint[])
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """A row of ``booking_news``, as the event that it becomes."""

    id: int
    place: int
    shard: int
    event: dict[str, Any]


def take(connection: Fenced, books: Books, owned: frozenset[int]) -> bool:
    """Store a page of the news that is due in the shards that are ours; return whether there may be more.

    What can't be stored is logged, removed and stops no other.
    """
    rows = connection.execute(_WAITING, (sorted(owned), _PAGE)).fetchall()
    news = [_news(row) for row in rows]
    if not news:
        return False
    if any(one.event["space"] not in books.topology.spaces for one in news):
        books.use(topology.load(connection))  # the space was added this very moment
    try:
        _store(connection, books, news)
    except Exception as failure:
        if not may_be_an_events_fault(failure):
            raise
        books.forget()
        for one in news:
            _store_alone(connection, books, one)
    return len(news) == _PAGE


def _news(row: tuple[Any, ...]) -> News:
    number, place, shard, space, booking, starts, ends, party, held, came = row
    event = {
        "kind": "booking", "space": space, "booking": booking, "starts": micros(starts), "ends": micros(ends),
        "party": party, "held": held,
    }  # fmt: skip
    return News(id=number, place=place, shard=shard, event=event if came is None else event | {"came": came})


def _store_alone(connection: Fenced, books: Books, one: News) -> None:
    try:
        _store(connection, books, [one])
    except Exception as failure:
        if not may_be_an_events_fault(failure):
            raise
        books.forget()
        connection.execute(_TAKEN, ([one.id],))
        log.error("booking_refused", extra={"news": one.id, "reason": reason_of(failure)}, exc_info=failure)


def _store(connection: Fenced, books: Books, news: Sequence[News]) -> None:
    places = {one.place for one in news}
    with books.at_places(connection, places, {one.shard for one in news}) as work:
        rows: list[bytes] = []
        for one in news:
            event: Any = one.event | {"at": work.now}
            encoder = Encoder(received_at=work.now, tx=work.tx, stream=STREAM, place=one.place)
            rows.append(encoder.row(event, work.now, one.id, None))
            work.places[one.place].apply(event, None, work.now)
            work.parts.append(
                Stored(stream=STREAM, place=one.place, first=one.id, last=one.id, low=work.now, high=work.now)
            )
        with work.rows:
            work.rows.send(rows)
        connection.execute(_TAKEN, ([one.id for one in news],))
