"""How many unreadable events of one gateway are kept as dead letters; the rest is counted by day. Pure.

A faulty device or gateway can send unreadable events by the thousand. The first of each minute and day are kept. Of the
others one row for each day and reason keeps the count, the first and last sequence number, and the last error.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from ingest.letters import DeadLetter

_MINUTE: Final = 60_000_000
_DAY: Final = 86_400_000_000
A_MINUTE: Final = 100
A_DAY: Final = 1000
BYTES_A_DAY: Final = 4_194_304
READABLE: Final = frozenset({"unknown_device", "not_storable"})
"""Reasons of events that are whole: they can be stored once a device is added, or a fault of ours is mended."""
READABLE_A_DAY: Final = 20_000
"""More than the sensors of any place report in a day: only a faulty gateway sends more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Excess:
    """Unreadable events of one stream and reason that aren't kept."""

    stream: int
    reason: str
    stored: bool
    """They are rows of ``event`` all the same."""
    gateway: int | None
    events: int
    first_seq: int
    last_seq: int
    error: str
    """Of the last of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """What was kept of one gateway in the present minute and day (microseconds since the Unix epoch)."""

    minute: int = 0
    in_minute: int = 0
    day: int = 0
    in_day: int = 0
    bytes: int = 0


class Quota:
    """Counts by gateway. What a transaction takes counts once it is settled."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int | None, bool], _Kept] = {}
        self._taken: dict[tuple[int | None, bool], _Kept] = {}
        self.excess: dict[tuple[int, str], Excess] = {}
        """Of the transaction, by stream and reason."""

    def begin(self) -> None:
        """Begin a transaction; what one before took without being settled is given back."""
        self._taken.clear()
        self.excess = {}

    def settle(self) -> None:
        """Keep the account of a transaction that was committed."""
        self._kept.update(self._taken)
        self.begin()

    def admits(self, letter: DeadLetter, now: int) -> bool:
        """Whether the letter of one event is kept (``now`` in µs); else it is added to ``excess``."""
        readable = letter.reason in READABLE
        key = (letter.gateway, readable)
        kept = self._taken.get(key) or self._kept.get(key) or _Kept()
        if kept.minute != now // _MINUTE:
            kept = replace(kept, minute=now // _MINUTE, in_minute=0)
        if kept.day != now // _DAY:
            kept = replace(kept, day=now // _DAY, in_day=0, bytes=0)
        size = kept.bytes + len(letter.payload)
        if readable:
            room = kept.in_day < READABLE_A_DAY
        else:
            room = kept.in_minute < A_MINUTE and kept.in_day < A_DAY and size <= BYTES_A_DAY
        if room:
            kept = replace(kept, in_minute=kept.in_minute + 1, in_day=kept.in_day + 1, bytes=size)
        else:
            self._summarise(letter)
        self._taken[key] = kept
        return room

    def exceeded(self, gateway: int) -> bool:
        """Whether letters of ``gateway`` are not kept in this transaction."""
        return any(one.gateway == gateway for one in self.excess.values())

    def _summarise(self, letter: DeadLetter) -> None:
        assert letter.stream is not None and letter.seq is not None
        key = (letter.stream, letter.reason)
        known = self.excess.get(key)
        self.excess[key] = Excess(
            stream=letter.stream,
            reason=letter.reason,
            stored=letter.origin == "gateway",
            gateway=letter.gateway,
            events=1 if known is None else known.events + 1,
            first_seq=letter.seq if known is None else known.first_seq,
            last_seq=letter.seq,
            error=letter.error,
        )
