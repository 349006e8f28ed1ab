"""Takes apart a batch that is no JSON, so that one damaged event can be singled out. Pure.

A gateway of today checks its events before it sends them. An older one sends a damaged row again and again, and its
mark would never move: once that is seen, the batch is cut where events meet, and only the damaged ones become letters.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from occupancy.topology import Gateway

AGAIN: Final = 3
"""A batch that can't be read comes so often, over …"""
AGAIN_OVER_US: Final = 10_000_000
"""… so long, before it is taken apart: what was damaged on its way comes whole the next time."""
_FIRST: Final = re.compile(rb'"epoch":"([^"]{1,64})","first":([0-9]{1,19})')
_EVENTS: Final = b'"events":['
_MEETING: Final = b'},{"kind":'
_BETWEEN: Final = re.compile(
    b"|".join(re.escape(_MEETING[:place]) + b"." + re.escape(_MEETING[place + 1 :]) for place in range(len(_MEETING))),
    re.DOTALL,
)
"""Where one event ends and the next begins, with at most one byte of it damaged. No string holds these bytes: within
one the quotation mark would be escaped."""


def split(payload: bytes) -> tuple[dict[str, Any], list[bytes]] | None:
    """Return a batch's envelope and its events' texts; None: its envelope can't be read."""
    head, found, rest = payload.partition(_EVENTS)
    if not found:
        return None
    try:
        frame = json.loads(head.rstrip(b", ") + b"}")
    except (ValueError, RecursionError):
        return None
    rest = rest[:-2]  # what closes the list and the batch
    texts: list[bytes] = []
    start = 0
    for meeting in _BETWEEN.finditer(rest):
        texts.append(rest[start : meeting.start() + 1])
        start = meeting.start() + 2
    texts.append(rest[start:])
    if not isinstance(frame, dict) or any(b'},{"' in text for text in texts):
        return None
    return frame, texts


class Repeats:
    """Counts how often each gateway's same batch could not be read."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[bytes, int, int]] = {}

    def unreadable(self, gateway: Gateway, payload: bytes, now: int) -> bool:
        """Count a batch that is no JSON; True: it came again and again (``now`` in µs)."""
        found = _FIRST.search(payload[:200])
        name = found[0] if found is not None else b""
        known, times, since = self._seen.get(gateway.id, (b"", 0, now))
        if known != name:
            times, since = 0, now
        self._seen[gateway.id] = (name, times + 1, since)
        return bool(name) and times + 1 >= AGAIN and now - since >= AGAIN_OVER_US
