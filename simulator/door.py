"""A door with its lock: it opens to a command or to the handle inside, and the first in line goes through.

One person at a time holds a card to the door and waits for the lock. Nobody knows at the door what was decided: the
lock moves, or it doesn't.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, Protocol

from simulator.clock import Scheduler
from simulator.days import Follows
from simulator.devices.esp_rfid import VirtualEspRfid

Side = Literal["in", "out"]
How = Literal["badge", "held", "slips", "wedged", "helped", "handle"]
"""By card or code, behind another (``simulator.days.Follows``), past a wedge, let in, by the handle."""

PATIENCE_S: Final = 2.0
"""Real seconds, at least, that a person waits for the lock: the gateway lives in real time."""
PATIENCE_VIRTUAL_S: Final = 8.0
PIN_AFTER_S: Final = 0.4
"""Real seconds, at least, between the card and the PIN."""
PIN_AFTER_VIRTUAL_S: Final = 3.0
FOLLOW_S: Final = 90.0
"""Virtual seconds that a tailgater waits for another person to open."""
_BEHIND_S: Final[dict[Follows, tuple[float, float]]] = {"held": (0.3, 1.2), "slips": (1.8, 3.5)}
"""How long after the first person, virtual seconds, the next one goes through."""


@dataclass(slots=True, kw_only=True)
class Passage:
    """Somebody who wants through."""

    side: Side
    card: str | None
    """The card's UID; None: takes the handle."""
    done: Callable[[bool], None]
    """Told once whether he or she got through."""
    digits: str | None = None
    """Typed at the keypad: after the card a PIN, without a card a code."""
    follows: Follows | None = None
    """Would rather go through behind another."""
    helped: bool = False
    """Someone inside opens, by the button or the handle."""
    wedges_s: float = 0.0
    """Keeps the door open behind for so many real seconds."""


class Keypad(Protocol):
    """Keys beside a door, of any maker."""

    def type(self, digits: str) -> None:
        """Say what was typed."""
        ...


class Contact(Protocol):
    """A contact at a door, of any maker."""

    def door(self, *, is_open: bool) -> None:
        """Tell whether it is open."""
        ...


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
        keypads: dict[Side, Keypad] | None = None,
        contacts: Sequence[Contact] | None = None,
        unlock_s: float,
        held_after_s: float = 30.0,
    ) -> None:
        """Make door ``code``; ``readers`` and ``keypads`` by side, ``unlock_s`` in virtual seconds.

        ``contacts``: None: that of the lock's board.
        """
        self.code = code
        self.passes: list[Callable[[Side], None]] = []
        """Called with the direction of everybody who goes through: counters."""
        self.held_after_s = held_after_s
        """Real seconds after which the gateway reports the door held open."""
        self.openings = 0
        self.passed: Counter[tuple[Side, How]] = Counter()
        """How many went through, which way and how."""
        self._scheduler = scheduler
        self._dice = dice
        self._lock = lock
        self._contacts = [one for one in (lock,) if one is not None] if contacts is None else contacts
        self._readers = readers
        self._keypads = keypads or {}
        self._unlock_s = unlock_s
        self._queue: deque[Passage] = deque()
        self._lingering: list[Passage] = []
        self._at_door: Passage | None = None
        """Who has shown a card and waits for the lock."""
        self._busy = False
        self._open = False
        self._wedged = False
        self._tries = 0
        if lock is not None:
            lock.opened = self._unlocked

    def request(self, passage: Passage) -> None:
        """Let a person try to get through."""
        if self.is_wedged:
            self._through(passage, "wedged")
            return
        if self._open and (passage.follows or passage.helped or self._lock is None):
            self._through(passage)
            return
        if passage.follows:
            self._lingering.append(passage)
            self._scheduler.after(FOLLOW_S, lambda: self._stop_lingering(passage))
            return
        self._queue.append(passage)
        self._next()

    @property
    def has_keypad(self) -> bool:
        """Whether there are keys beside it outside."""
        return "in" in self._keypads

    @property
    def is_wedged(self) -> bool:
        """Whether it stands open for everybody."""
        return self._wedged and self._open

    def force(self) -> bool:
        """Break it open, if nobody is there; return whether it was."""
        if self._busy or self._open or self._lock is None:
            return False
        self._busy = True
        self._pull(Passage(side="in", card=None, done=lambda _passed: None))
        return True

    def _stop_lingering(self, passage: Passage) -> None:
        if passage in self._lingering:
            self._lingering.remove(passage)
            passage.follows = None
            self.request(passage)

    def _next(self) -> None:
        if self._busy or not self._queue:
            return
        self._busy = True
        passage = self._queue.popleft()
        if passage.helped and self._lock is not None:
            self._lock.press_button()
            self._scheduler.after(self._unlock_s, self._lock.release)
            self._scheduler.after(0.5, lambda: self._pull(passage))
            return
        reader = self._readers.get(passage.side)
        if self._lock is None or (passage.side == "out" and (passage.card is None or reader is None)):
            # No lock, or the handle inside; who has a card and a reader shows it all the same.
            if reader is not None and passage.card is not None:
                reader.read_card(passage.card)
            self._pull(passage)
            return
        keypad = self._keypads.get(passage.side) if passage.digits is not None else None
        if keypad is None and (reader is None or passage.card is None):
            self._leave(passage, through=False)
            return
        self._at_door = passage
        self._tries += 1
        number = self._tries
        types_after_s = 0.0
        if reader is not None and passage.card is not None:
            reader.read_card(passage.card)
            types_after_s = max(PIN_AFTER_S, PIN_AFTER_VIRTUAL_S / self._scheduler.clock.speed)
        if keypad is not None:
            self._scheduler.after_real(types_after_s, lambda: self._type(number, keypad))
        patience_s = max(PATIENCE_S, PATIENCE_VIRTUAL_S / self._scheduler.clock.speed)
        self._scheduler.after_real(types_after_s + patience_s, lambda: self._give_up(number))

    def _type(self, number: int, keypad: Keypad) -> None:
        """Type, unless the card alone has opened."""
        if self._at_door is not None and number == self._tries and self._at_door.digits is not None:
            keypad.type(self._at_door.digits)

    def _unlocked(self) -> None:
        """React to the lock's relay: a waiting person pulls the door; otherwise it falls shut again."""
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
        for contact in self._contacts:
            contact.door(is_open=True)
        self._through(passage)
        followers, self._lingering = self._lingering, []
        open_s = self._dice.uniform(3, 6)
        for number, follower in enumerate(followers):
            after_s = number + self._dice.uniform(*_BEHIND_S[follower.follows or "slips"])
            open_s = max(open_s, after_s + 1)
            self._scheduler.after(after_s, partial(self._through, follower))
        if passage.wedges_s:
            self._wedged = True
            self._scheduler.after_real(passage.wedges_s, self._fall_shut)
            return
        self._scheduler.after(open_s, self._fall_shut)

    @property
    def walked_through(self) -> int:
        """Return how many went through the open door without a card, behind another or past a wedge."""
        return sum(many for (_, how), many in self.passed.items() if how in ("held", "slips", "wedged"))

    def _through(self, passage: Passage, how: How | None = None) -> None:
        if how is None:
            shows = passage.card is not None and passage.side in self._readers
            alone: How = "helped" if passage.helped else "badge" if shows or passage.digits else "handle"
            how = passage.follows or alone
        self.passed[passage.side, how] += 1
        for note in self.passes:
            note(passage.side)
        passage.done(True)

    def _fall_shut(self) -> None:
        self._open = self._wedged = False
        for contact in self._contacts:
            contact.door(is_open=False)
        self._busy = False
        self._next()

    def _leave(self, passage: Passage, *, through: bool) -> None:
        self._busy = False
        passage.done(through)
        self._next()
