"""Where one gateway stands in the spool, and how an event is encoded, chained and checked there. Pure.

Every event has a check sum, and a digest of all events up to it (the chain), which the centre's mark is compared with.
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Final
from zlib import crc32

from gateway.contract.wire import Event
from gateway.spool.values import Position

START: Final = bytes(8)
"""The chain's value before a file's first event."""
EPOCH: Final = re.compile(r"[0-9a-f]{8,32}")
_JSON: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))

Row = tuple[int, bytes, bytes | None, int | None]
"""A stored event's n, body, chain and check sum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """An earlier epoch under which some of the rows were numbered: the centre may have them already."""

    epoch: str
    base: int
    first: int
    last: int
    """Rows ``first`` to ``last`` had the sequence numbers ``n - base``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockChange:
    """Where the clock changed; times in µs since 1970."""

    n: int
    """The first row after it."""
    step: int | None
    """How far it jumped, in µs; None: the machine restarted after an unknown time."""
    began: int
    """The clock's time after it."""
    ended: int
    """When the last event before it happened, by the clock before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Where one gateway stands on the disk, in row numbers."""

    epoch: str
    base: int
    committed: int
    last: int
    chain: bytes = START
    """Of the last row (``link``)."""
    committed_chain: bytes | None = START
    """At ``committed``; None: unknown."""
    lives: tuple[Life, ...] = ()
    """Earlier numbers of what is held."""
    changes: tuple[ClockChange, ...] = ()
    """Of the clock, among what is held."""
    damaged: bool = False
    """Whether the gateway's row could not be trusted: a new epoch begins with the next write."""

    @property
    def position(self) -> Position:
        """The same in sequence numbers of the epoch."""
        return Position(epoch=self.epoch, committed=self.committed - self.base, last=self.last - self.base)

    @classmethod
    def fresh(cls) -> Ledger:
        """Return the start of a new random epoch."""
        return cls(epoch=secrets.token_hex(8), base=0, committed=0, last=0)

    def renewed(self, epoch: str) -> Ledger:
        """Return the start of ``epoch``, in which what is held is numbered from 1."""
        held = self.last > self.committed
        life = Life(epoch=self.epoch, base=self.base, first=max(self.base, self.committed) + 1, last=self.last)
        return replace(self, epoch=epoch, base=self.committed, lives=(*self.lives, life) if held else self.lives)


def encoded(event: Event) -> bytes:
    """Write an event as JSON; half of a surrogate pair becomes a question mark, since no reader accepts it."""
    return _JSON.encode(event).encode("utf-8", "replace")


def link(before: bytes, body: bytes) -> bytes:
    """Return the chain's value after an event: 8 bytes of digest of all events up to it."""
    return blake2b(before + body, digest_size=8).digest()


def body_sum(n: int, body: bytes) -> int:
    """Return an event's check sum, which shows a damaged or misplaced row."""
    return crc32(body, n & 0xFFFFFFFF)


def row_sum(code: str, epoch: str, base: int, committed: int, chain: bytes | None) -> int:
    """Return the check sum of a gateway's row, even if damaged values have other types."""
    return crc32(repr((code, epoch, base, committed, chain)).encode())
