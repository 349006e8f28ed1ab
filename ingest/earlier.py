"""Finds events that are stored already among those that a gateway sends again in a new epoch of its spool.

An old copy of a spool, or one that was recovered, holds events that the centre may have under the numbers that they
bore then. A batch of such events says those numbers; an event of the same number, device, kind and time is the same.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from gateway.contract.stored_events import KINDS
from ingest import clock
from ingest.messages import ReadBatch, Unreadable
from ingest.store import Connection, Stream, micros, when

_ROWS: Final = """
-- what is stored under some numbers of a stream; the times only narrow the search
SELECT e.seq, e.kind, coalesce(d.code::text, 'gateway'), coalesce(e.edge_at, e.at)
FROM event e LEFT JOIN device d ON d.id = e.device
WHERE e.place = %b::int AND e.stream = %b::int AND e.seq BETWEEN %b::bigint AND %b::bigint
  AND e.at BETWEEN %b::timestamptz AND %b::timestamptz
"""
_LETTERS: Final = """
-- what is kept unread under some numbers of a stream
SELECT seq, payload FROM dead_letter
WHERE stream = %b::int AND seq BETWEEN %b::bigint AND %b::bigint AND origin = 'ingest'
"""
_AROUND_US: Final = 86_400_000_000
"""An event's time may have been put right otherwise the first time, by so much at most."""


def held(connection: Connection, streams: Sequence[Stream], reading: ReadBatch) -> frozenset[int]:
    """Return the indices of those events of a batch that an earlier stream of its gateway holds."""
    found: set[int] = set()
    for was in reading.was:
        stream = next((one for one in streams if one.epoch == was["epoch"]), None)
        if stream is None or was["epoch"] == reading.epoch or was["first"] > stream.last_seq:
            continue
        events = dict(enumerate(reading.events[was["index"] : was["index"] + was["count"]], was["index"]))
        times = [event["at"] for event in events.values() if not isinstance(event, Unreadable)]
        last = was["first"] + was["count"] - 1
        shift = clock.offset(reading.sent_at, reading.message.received_at)
        low, high = (min(times), max(times)) if times else (0, 0)
        low, high = min(low, low + shift) - _AROUND_US, max(high, high + shift) + _AROUND_US
        rows = {
            seq: (kind, device, micros(at))
            for seq, kind, device, at in connection.execute(
                _ROWS, (reading.gateway.place, stream.id, was["first"], last, when(low), when(high)), binary=True
            )
        }
        letters = dict(connection.execute(_LETTERS, (stream.id, was["first"], last), binary=True).fetchall())
        for index, event in events.items():
            seq = was["first"] + index - was["index"]
            if isinstance(event, Unreadable):
                same = letters.get(seq) == event.payload
            else:
                text = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
                same = rows.get(seq) == (KINDS[event["kind"]], event["device"], event["at"]) or letters.get(seq) == text
            if same:
                found.add(index)
    return frozenset(found)
