"""Digits typed at a door: the PIN of the card that was presented, else a code that opens by itself.

Their hash takes some 20 ms by design, and is made beside other doors (``hashing``); the decision comes after it, in the
place's turn. It is left out where it can't matter, so that a flood of digits costs no more hashes than the pauses after
wrong ones let through.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Final

from access import Attempt, Decision, card_token
from access.brakes import door_paused, pins_paused
from gateway.door.access_events import Presented
from gateway.door.credentials import NO_PIN, no_code, typed_code, typed_pin
from gateway.door.hashing import Then, Work
from gateway.door.keypads import Keypads, Waiting
from gateway.door.memory import Memory
from gateway.drivers import Typed
from gateway.lists.access_lists import ListHolder

_MOST: Final = 8
"""Digits at one door that wait for their hash; more count as wrong."""


class TypedDigits:
    """What is typed at the doors of one gateway."""

    def __init__(
        self,
        keypads: Keypads,
        lists: ListHolder,
        memory: Memory,
        *,
        hash_: Callable[[Work, Then], None],
        decide: Callable[[Presented, int, Callable[[], None]], Decision],
        time: Callable[[int], datetime],
    ) -> None:
        """Take what it decides by.

        Args:
            hash_: calls its second argument with the result of its first, in order, in the place's turn.
            decide: decides, acts and reports.
            time: returns the time to decide by.
        """
        self._keypads = keypads
        self._lists = lists
        self._memory = memory
        self._hash = hash_
        self._decide = decide
        self._time = time
        self._hashing: Counter[str] = Counter()
        """By door: digits whose hash isn't made yet."""

    def take(
        self,
        key: bytes | None,
        typed: Typed,
        *,
        at: int,
        now: float,
        decided: Callable[[], None],
        again: Callable[[str], bool],
    ) -> None:
        """Decide on ``typed``, or when its hash is made.

        Args:
            key: the place's.
            again: takes a mark of the digits; returns whether they are the same act as before.
        """
        waiting = self._keypads.waiting(typed.door, now) if typed.side == "in" else None
        if key is None:
            self._answer(typed, None, None, at=at, now=now, decided=decided)
            return
        if again(card_token(key, f"{'PIN' if waiting else 'K'}{typed.digits}")):
            return
        wrong = NO_PIN if waiting is not None else no_code(key)

        def work() -> str:
            if self._paused(typed.door, waiting, at):
                return wrong
            return typed_code(key, typed.digits) if waiting is None else typed_pin(key, waiting.member, typed.digits)

        def then(hashed: str | None) -> None:
            self._hashing[typed.door] -= 1
            self._answer(typed, waiting, wrong if hashed is None else hashed, at=at, now=now, decided=decided)

        most = 1 if typed.side == "out" else _MOST  # nobody who leaves waits for another's hash
        if self._hashing[typed.door] >= most:
            self._answer(typed, waiting, wrong, at=at, now=now, decided=decided)
            return
        self._hashing[typed.door] += 1
        self._hash(work, then)

    def _answer(
        self,
        typed: Typed,
        waiting: Waiting | None,
        hashed: str | None,
        *,
        at: int,
        now: float,
        decided: Callable[[], None],
    ) -> None:
        presented = Presented(
            device=typed.device,
            attempt=Attempt(
                card_token=hashed if waiting is None else waiting.token,
                door=typed.door,
                side=typed.side,
                at=self._time(at),
                by="code" if waiting is None else "card",
            ),
            device_at=typed.device_at,
            pin=None if waiting is None else hashed,
        )
        decision = self._decide(presented, at, decided)
        if waiting is not None and decision.reason != "wrong_pin":
            present = self._keypads.waiting(typed.door, now)
            if present is not None and present.token == waiting.token:  # another card may have come meanwhile
                self._keypads.done(typed.door)

    def _paused(self, door: str, waiting: Waiting | None, at: int) -> bool:
        """Return whether digits are refused whatever they are. From any thread."""
        held, state = self._lists.current, self._memory.state
        if held is None:
            return False
        if waiting is None:
            return door_paused(state, door, "code", held.rules, self._time(at))
        return pins_paused(state, waiting.member, held.rules, self._time(at))
