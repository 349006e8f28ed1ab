"""What a spool has to write: events, marks and small values, and how far each gateway's events go."""

from __future__ import annotations

import json
import secrets
import threading
from dataclasses import dataclass, field, replace
from typing import Final

from gateway.contract.wire import Event
from gateway.spool.schema import START

KINDS: Final = 3
"""``Changes.part`` tells so many apart."""
NONCE: Final = "nonce:"
"""Before the names of kept nonces of orders."""
LONGEST_LIFE_US: Final = 3_900_000_000
"""An hour, and five minutes for a clock that is behind. An order that expires later is refused: its nonce would have to
be kept for as long."""
_JSON: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """An earlier epoch under which some of the rows were numbered: the centre may hold them already."""

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
    """How far it jumped, in µs; None: the machine started anew, and nobody knows how long it was off."""
    began: int
    """What the clock showed after it."""
    ended: int
    """When the last event before it happened, by the clock before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Where one gateway stands, in row numbers; what is on the disk, no more."""

    epoch: str
    base: int
    committed: int
    last: int
    chain: bytes = START
    """Of the last row (``gateway.spool.schema.link``)."""
    committed_chain: bytes | None = START
    """At ``committed``; None: unknown."""
    lives: tuple[Life, ...] = ()
    """Earlier numbers of what is held."""
    changes: tuple[ClockChange, ...] = ()
    """Of the clock, among what is held."""
    damaged: bool = False
    """Whether the gateway's row could not be trusted: a new epoch begins with the next write."""

    @classmethod
    def fresh(cls) -> Ledger:
        """Return the start of a new random epoch."""
        return cls(epoch=secrets.token_hex(8), base=0, committed=0, last=0)

    def renewed(self, epoch: str) -> Ledger:
        """Return the start of ``epoch``, in which what is held is numbered from 1."""
        held = self.last > self.committed
        life = Life(epoch=self.epoch, base=self.base, first=max(self.base, self.committed) + 1, last=self.last)
        return replace(self, epoch=epoch, base=self.committed, lives=(*self.lives, life) if held else self.lives)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A small value that must survive a restart."""

    gateway: str
    name: str
    value: str
    until: int | None


@dataclass(slots=True, kw_only=True)
class Changes:
    """All that one transaction writes."""

    events: list[tuple[str, bytes]] = field(default_factory=list)
    """(gateway, body), in the order of their calls."""
    ends: list[tuple[Kept, ...] | None] = field(default_factory=list)
    """Beside each event what is kept with it; None: it is of one unit with the next event."""
    committed: dict[str, int] = field(default_factory=dict)
    """Row number up to which the centre holds a gateway's events."""
    renewed: set[str] = field(default_factory=set)
    """Gateways that start a new epoch."""
    kept: dict[tuple[str, str], Kept] = field(default_factory=dict)
    """By gateway and name: only the last value counts."""
    waiting: list[threading.Event] = field(default_factory=list)
    """Set when ``kept`` is on the disk."""

    def add(self, gateway: str, body: bytes, end: tuple[Kept, ...] | None = ()) -> None:
        """Add an event."""
        self.events.append((gateway, body))
        self.ends.append(end)

    def tied(self) -> list[Kept]:
        """Return what is kept with the events, the oldest first."""
        return [kept for end in self.ends if end for kept in end]

    def any(self) -> bool:
        """Return whether there is anything to write."""
        return bool(self.events or self.committed or self.renewed or self.kept)

    def part(self, kind: int, most: int) -> Changes:
        """Take out one kind of changes: 0 marks, 1 small values, 2 events, ``most`` of them and the rest of a unit."""
        part = Changes()
        if kind == 0:
            part.committed, self.committed = self.committed, part.committed
            part.renewed, self.renewed = self.renewed, part.renewed
        elif kind == 1:
            part.kept, self.kept = self.kept, part.kept
            part.waiting, self.waiting = self.waiting, part.waiting
        else:
            while most < len(self.events) and self.ends[most - 1] is None:
                most += 1
            part.events, self.events = self.events[:most], self.events[most:]
            part.ends, self.ends = self.ends[:most], self.ends[most:]
        return part

    def then(self, later: Changes) -> Changes:
        """Return both, ``later`` behind."""
        return Changes(
            events=self.events + later.events,
            ends=self.ends + later.ends,
            committed=self.committed | later.committed,
            renewed=self.renewed | later.renewed,
            kept=self.kept | later.kept,
            waiting=self.waiting + later.waiting,
        )


def encoded(event: Event) -> bytes:
    """Write an event as JSON; half of a surrogate pair becomes a question mark, since no reader would take it."""
    return _JSON.encode(event).encode("utf-8", "replace")
