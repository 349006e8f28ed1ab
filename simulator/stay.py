"""One person at one place: gets in, sits, moves about, hears a drill, gets out."""

from __future__ import annotations

from collections import Counter
from typing import Final

from simulator.days import Follows
from simulator.door import VirtualDoor
from simulator.place import VirtualPlace
from simulator.steps import Answer, DrillError, Pass, Steps, Until
from simulator.truth import ROOT

TRIES: Final = 3
TRY_AGAIN_S: Final = 240.0
_TYPO: Final = 0.04
"""Chance that a PIN is mistyped."""


class SentHomeError(Exception):
    """Not let in again after a drill: the day is over."""


class Stay:
    """A person's stay: position, card, and the answers of doors. ``acts`` counts them."""

    def __init__(
        self,
        place: VirtualPlace,
        acts: Counter[str],
        *,
        ref: str,
        card: str | None,
        code: str | None = None,
        pin: str | None = None,
    ) -> None:
        self.ref = ref
        self.where: str | None = None
        """The space; None: outside."""
        self.desk: str | None = None
        self.seat = ROOT
        """The space in which he or she usually is."""
        self._place = place
        self._acts = acts
        self._card = card
        self._code = code
        self._pin = pin

    def move(self, goal: str | None) -> None:
        """Go into another space."""
        self._place.move(self.where, goal, self.ref)
        self.where = goal

    def come_in(self, *, follows: Follows | None = None, helped: bool = False, tries: int = TRIES) -> Answer:
        """Get in by an entry, in a few tries; return whether it worked."""
        entry = self._place.an_entry()
        if entry is None:
            self.move(ROOT)
            return True
        for number in range(tries):
            if number:
                yield Until(self._now() + TRY_AGAIN_S)
            wedges_s, self._place.wedge_s = self._place.wedge_s, 0.0
            opened = yield Pass(
                door=entry,
                side="in",
                card=self._card,
                digits=self._code,
                follows=follows,
                helped=helped,
                wedges_s=wedges_s,
            )
            if opened:
                self._acts["door.wedged"] += wedges_s > 0
                self.move(ROOT)
                return True
            self._place.wedge_s = wedges_s
        return False

    def enter_lab(self, door: VirtualDoor, space: str) -> Answer:
        """Get through an inner door, with card and PIN where there are keys; who mistypes tries once more."""
        for typed in self._typed(door):
            if (yield Pass(door=door, side="in", card=self._card, digits=typed)):
                self.move(space)
                return True
        return False

    def leave_lab(self, door: VirtualDoor, goal: str) -> Steps:
        """Get out of it. Nobody can be kept in."""
        yield Pass(door=door, side="out", card=self._card)
        self.move(goal)

    def _typed(self, door: VirtualDoor) -> tuple[str | None, ...]:
        if self._pin is None or not door.has_keypad:
            return (None,)
        self._acts["pin.typed"] += 1
        if self._place.dice.random() >= _TYPO:
            return (self._pin,)
        self._acts["pin.mistyped"] += 1
        return (self._pin[:-1] + str((int(self._pin[-1]) + 1) % 10), self._pin)

    def go_out(self, *, forgets: bool = False) -> Steps:
        """Leave with the card, behind another person, or by the handle."""
        self.move(ROOT)
        door = self._place.an_entry()
        if door is not None:
            behind: Follows | None = "slips" if forgets and self._place.dice.random() < 0.5 else None
            yield Pass(door=door, side="out", card=None if forgets else self._card, follows=behind)
        self.move(None)

    def stay(self, until_s: float) -> Steps:
        """Stay until a virtual instant; at a drill, go out and come back after it.

        Raises:
            SentHomeError: not let in again.
        """
        while True:
            try:
                yield Until(until_s, inside=True)
            except DrillError as drill:
                yield from self._drill(drill)
            else:
                return

    def _drill(self, drill: DrillError) -> Steps:
        """Leave at once, without a card, and come back with it."""
        where, dice = self.where, self._place.dice
        assert where is not None
        if self.desk is not None:
            self._place.rise(self.desk, for_good=False)
        lab = self._place.labs.get(where)
        if lab is not None:
            yield Pass(door=lab, side="out")
        self.move(ROOT)
        if (door := self._place.an_entry()) is not None:
            yield Pass(door=door, side="out", follows="held" if dice.random() < 0.7 else None)
        self.move(None)
        self._acts["drill.left"] += 1
        yield Until(max(drill.ends_s, self._now()) + dice.uniform(0, 180))
        if not (yield from self.come_in()):
            self._acts["drill.not_let_in_again"] += 1
            raise SentHomeError
        self._acts["drill.came_back"] += 1
        self.move(self.seat if lab is not None else where)
        if self.desk is not None and self.where == self.seat:
            self._place.resume_desk(self.desk)

    def sit_down(self, usual: str | None = None) -> None:
        """Take a desk, where there is one left, the ``usual`` one if it is free."""
        self.desk = self._place.take_desk(usual)
        self.seat = ROOT if self.desk is None else self._place.desks[self.desk]
        self.move(self.seat)

    def stand_up(self, *, for_good: bool) -> None:
        """Leave the desk; not for good: a coat stays on its chair."""
        if self.desk is not None:
            self._place.rise(self.desk, for_good=for_good, may_leave_bag=True)

    def sit_again(self) -> None:
        """Come back to the desk."""
        self.move(self.seat)
        if self.desk is not None:
            self._place.resume_desk(self.desk)

    def _now(self) -> float:
        return self._place.scheduler.clock.now()
