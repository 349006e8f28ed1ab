"""A door with its lock: it opens to a command or to the handle inside, and whoever stands there goes through.

One person at a time holds a card to the door and waits for the lock. Nobody knows at the door what was decided: the
lock moves, or it doesn't.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from simulator.clock import Scheduler
from simulator.devices.esp_rfid import VirtualEspRfid

Side = Literal["in", "out"]

PATIENCE_S: Final = 2.0
"""Real seconds, at least, that somebody waits for the lock: the gateway lives in real time."""
PATIENCE_VIRTUAL_S: Final = 8.0
FOLLOW_S: Final = 90.0
"""Virtual seconds that somebody lingers in the hope of slipping through behind another."""


@dataclass(slots=True, kw_only=True)
class Passage:
    """Somebody who wants through."""

    side: Side
    card: str | None
    """The card's UID; None: takes the handle."""
    done: Callable[[bool], None]
    """Told once whether he or she got through."""
    follows: bool = False
    """Would rather slip through behind another."""


class VirtualDoor:
    """One door of a place."""

    def __init__(
        self,
        code: str,
        scheduler: Scheduler,
        dice: random.Random,
        *,
        lock: VirtualEspRfid | None,
        readers: dict[Side, VirtualEspRfid],
        unlock_s: float,
    ) -> None:
        """Make door ``code``; ``readers`` by side, ``unlock_s`` in virtual seconds."""
        self.code = code
        self.openings = 0
        self._scheduler = scheduler
        self._dice = dice
        self._lock = lock
        self._readers = readers
        self._unlock_s = unlock_s
        self._queue: deque[Passage] = deque()
        self._lingering: list[Passage] = []
        self._at_door: Passage | None = None
        """Who has shown a card and waits for the lock."""
        self._busy = False
        self._open = False
        self._tries = 0
        if lock is not None:
            lock.opened = self._unlocked

    def request(self, passage: Passage) -> None:
        """Let somebody try to get through."""
        if passage.follows:
            if self._open:
                passage.done(True)
                return
            self._lingering.append(passage)
            self._scheduler.after(FOLLOW_S, lambda: self._stop_lingering(passage))
            return
        self._queue.append(passage)
        self._next()

    def _stop_lingering(self, passage: Passage) -> None:
        if passage in self._lingering:
            self._lingering.remove(passage)
            passage.follows = False
            self.request(passage)

    def _next(self) -> None:
        if self._busy or not self._queue:
            return
        self._busy = True
        passage = self._queue.popleft()
        reader = self._readers.get(passage.side)
        if self._lock is None or (passage.side == "out" and (passage.card is None or reader is None)):
            # No lock, or the handle inside; who has a card and a reader shows it all the same.
            if reader is not None and passage.card is not None:
                reader.read_card(passage.card)
            self._pull(passage)
            return
        if reader is None or passage.card is None:
            self._leave(passage, through=False)
            return
        self._at_door = passage
        self._tries += 1
        number = self._tries
        reader.read_card(passage.card)
        patience_s = max(PATIENCE_S, PATIENCE_VIRTUAL_S / self._scheduler.clock.speed)
        self._scheduler.after_real(patience_s, lambda: self._give_up(number))

    def _unlocked(self) -> None:
        """React to the lock's relay: whoever waits pulls the door; with nobody there it falls shut again."""
        lock = self._lock
        if lock is not None:
            self._scheduler.after(self._unlock_s, lock.release)
        passage, self._at_door = self._at_door, None
        if passage is not None:
            self._scheduler.after(0.5, lambda: self._pull(passage))

    def _give_up(self, number: int) -> None:
        passage = self._at_door
        if passage is None or number != self._tries:
            return
        self._at_door = None
        if passage.side == "out":
            self._pull(passage)  # nobody can be kept in: the handle inside always opens
        else:
            self._leave(passage, through=False)

    def _pull(self, passage: Passage) -> None:
        """Open the door and go through, with those who lingered close behind."""
        self._open = True
        self.openings += 1
        if self._lock is not None:
            self._lock.door(is_open=True)
        passage.done(True)
        followers, self._lingering = self._lingering, []
        for follower in followers:
            follower.done(True)
        self._scheduler.after(self._dice.uniform(3, 6), self._fall_shut)

    def _fall_shut(self) -> None:
        self._open = False
        if self._lock is not None:
            self._lock.door(is_open=False)
        self._busy = False
        self._next()

    def _leave(self, passage: Passage, *, through: bool) -> None:
        self._busy = False
        passage.done(through)
        self._next()
