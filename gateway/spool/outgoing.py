"""Makes a batch of events from the rows of the spool. Pure.

A damaged or missing row keeps its place in the sequence: an event that reports it and carries the bytes stands in for
it, so that one bad byte on the disk costs one event and stops nothing.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from zlib import crc32

from gateway.contract.wire import MAX_LIVES, GatewayEvent, Was
from gateway.spool.clock_steps import starts, stepped, time_of
from gateway.spool.ledger import Ledger, Row, body_sum, encoded

_SHOWN_BYTES: Final = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """Consecutive events, and what the centre must know of them (``gateway.contract.wire.Batch``)."""

    epoch: str
    first: int
    bodies: list[bytes]
    after: str | None
    digest: str | None
    was: list[Was]
    stepped: int
    boots: list[list[int]]
    damaged: int
    """How many are stand-ins."""

    @property
    def last(self) -> int:
        """The last event's sequence number."""
        return self.first + len(self.bodies) - 1

    def payload(self, sent_at: int) -> bytes:
        """Write the batch as JSON; ``sent_at``: µs since 1970."""
        more = {
            "after": self.after,
            "digest": self.digest,
            "was": self.was or None,
            "stepped": self.stepped or None,
            "boots": self.boots or None,
        }
        text = "".join(
            f',"{name}":{json.dumps(value, separators=(",", ":"))}' for name, value in more.items() if value is not None
        )
        head = f'{{"epoch":"{self.epoch}","first":{self.first},"sent_at":{sent_at}{text},"events":['
        return head.encode() + b",".join(self.bodies) + b"]}"


def gather(
    rows: Sequence[Row], ledger: Ledger, after: int, *, before: bytes | None, last: int, limit_bytes: int, now: int
) -> Outgoing | None:
    """Make a batch of the rows that were read.

    Args:
        rows: the rows found above ``after``, in order.
        after: the row number after which the batch begins.
        before: the chain's value at ``after``; None: unknown.
        last: the last row number that the batch may hold; rows that are missing up to there are lost.
        limit_bytes: of the events' JSON, unless there is but one.
        now: µs since 1970, for stand-ins that know no better.
    """
    if _intact(rows, after, last) and sum(map(_length, rows)) <= limit_bytes:
        return _outgoing(ledger, after, last, [row[1] for row in rows], before=before, chain=rows[-1][2], damaged=0)
    bodies: list[bytes] = []
    size = damaged = 0
    chain = before
    at = now
    found = {row[0]: row for row in rows}
    n = after
    for number in range(after + 1, last + 1):
        row = found.get(number)
        body = b"" if row is None or not isinstance(row[1], bytes) else row[1]
        good = row is not None and (row[3] == body_sum(number, body) if row[3] is not None else bool(body))
        if not good:
            at = time_of(body) or at
            damaged += 1
            body = stand_in(at, body)
        elif not bodies or damaged:
            at = time_of(body) or at
        size += len(body) + 1
        if bodies and size > limit_bytes:
            damaged -= not good
            break
        bodies.append(body)
        chain = None if row is None else row[2]
        n = number
    if not bodies:
        return None
    return _outgoing(ledger, after, n, bodies, before=before, chain=chain, damaged=damaged)


def _intact(rows: Sequence[Row], after: int, last: int) -> bool:
    """Return whether no row up to ``last`` is missing or damaged: the usual case, which must not cost much."""
    if not rows or len(rows) != last - after:
        return False
    try:
        return all(total == crc32(body, n & 0xFFFFFFFF) for n, body, _chain, total in rows)  # ``body_sum``
    except TypeError:  # a damaged value may be of another type
        return False


def _length(row: Row) -> int:
    return len(row[1]) + 1


def _outgoing(
    ledger: Ledger, after: int, n: int, bodies: list[bytes], *, before: bytes | None, chain: bytes | None, damaged: int
) -> Outgoing:
    return Outgoing(
        epoch=ledger.epoch,
        first=after + 1 - ledger.base,
        bodies=bodies,
        after=_hex(before),
        digest=_hex(chain),
        was=_was(ledger, after + 1, n),
        stepped=stepped(ledger.changes, n),
        boots=starts(ledger.changes, n),
        damaged=damaged,
    )


def stand_in(at: int, body: bytes) -> bytes:
    """Return the event that takes the place of a damaged one."""
    event: GatewayEvent = {
        "kind": "gateway",
        "what": "spool",
        "at": at,
        "device": "gateway",
        "text": "an event was damaged in the spool; what is left of it is a dead letter"
        if body
        else "an event is gone",
    }
    if body:
        event["topic"] = "spool"
        event["payload"] = base64.b64encode(body[:_SHOWN_BYTES]).decode()
    return encoded(event)


def _was(ledger: Ledger, first: int, last: int) -> list[Was]:
    found: list[Was] = []
    for life in ledger.lives:
        begin, end = max(life.first, first), min(life.last, last)
        if begin <= end and begin - life.base >= 1:
            found.append(
                {"epoch": life.epoch, "index": begin - first, "first": begin - life.base, "count": end - begin + 1}
            )
    return found[-MAX_LIVES:]


def _hex(chain: bytes | None) -> str | None:
    return chain.hex() if isinstance(chain, bytes) and len(chain) == 8 else None
