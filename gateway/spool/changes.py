"""What a transaction of the spool writes: events, marks and small values."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Final

from gateway.spool.values import Kept

KINDS: Final = 3
"""Of changes (``Changes.part``)."""
NONCE: Final = "nonce:"
"""Prefix of the names of kept nonces of orders."""
LONGEST_LIFE_US: Final = 3_900_000_000
"""An hour, and five minutes for a clock that is behind. An order that expires later is refused: its nonce would have to
be kept as long."""


@dataclass(slots=True, kw_only=True)
class Changes:
    """All that one transaction writes."""

    events: list[tuple[str, bytes]] = field(default_factory=list)
    """(gateway, body), in the order of their calls."""
    ends: list[tuple[Kept, ...] | None] = field(default_factory=list)
    """For each event the values kept with it; None: the next event is of the same unit."""
    committed: dict[str, int] = field(default_factory=dict)
    """By gateway, the row number up to which the centre has stored its events."""
    renewed: set[str] = field(default_factory=set)
    """Gateways that start a new epoch."""
    kept: dict[tuple[str, str], Kept] = field(default_factory=dict)
    """By gateway and name: only the last value counts."""
    hurry: bool = False
    """Whether any of it is to be written at once."""
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

    def forget_marks(self) -> None:
        """Forget marks and new epochs: they are of a file that is gone."""
        self.committed.clear()
        self.renewed.clear()

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
            hurry=self.hurry or later.hurry,
            waiting=self.waiting + later.waiting,
        )
