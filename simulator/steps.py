"""How virtual people wait: a day is a generator of steps, and a walker takes it from one to the next."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from simulator.clock import Scheduler
from simulator.days import Follows
from simulator.door import Passage, Side, VirtualDoor


class DrillError(Exception):
    """Raised in the day of each person inside: leave now, come back when it is over."""

    def __init__(self, ends_s: float) -> None:
        super().__init__(f"out until {ends_s}")
        self.ends_s = ends_s
        """When it is over, virtual seconds."""


@dataclass(frozen=True, slots=True)
class Until:
    """Wait until a virtual instant."""

    at_s: float
    inside: bool = False
    """In the place: a drill interrupts the wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """Try to get through a door; the answer is whether one did."""

    door: VirtualDoor
    side: Side
    card: str | None = None
    """The card's UID; None: the handle, or ``digits`` alone."""
    digits: str | None = None
    """A PIN to type after the card, or without one a code."""
    follows: Follows | None = None
    """Goes through behind another, if there is one."""
    helped: bool = False
    """Someone inside opens."""
    wedges_s: float = 0.0
    """Real seconds for which the door is kept open behind."""


Steps = Generator[Until | Pass, bool, None]
Answer = Generator[Until | Pass, bool, bool]


class Walker:
    """Runs the steps of a person's day, in the scheduler's thread."""

    def __init__(self, scheduler: Scheduler, steps: Steps) -> None:
        self.over = False
        self._scheduler = scheduler
        self._steps = steps
        self._waiting = 0
        """Number of the wait that counts; those interrupted don't."""
        self._inside = False
        self._drill: DrillError | None = None

    def start(self) -> None:
        """Take the first step."""
        self._go_on(None)

    def alarm(self, drill: DrillError) -> None:
        """Sound a drill: it interrupts a wait inside at once, and a passage when it is over."""
        self._drill = drill
        if self._inside:
            self._go_on(True)

    def _go_on(self, answer: bool | None) -> None:
        self._waiting += 1
        was_inside, self._inside = self._inside, False
        drill, self._drill = self._drill, None
        try:
            if drill is not None and was_inside:
                step = self._steps.throw(drill)
            else:
                step = next(self._steps) if answer is None else self._steps.send(answer)
                if drill is not None and drill.ends_s > self._scheduler.clock.now():
                    self._drill = drill
        except StopIteration:
            self.over = True
            return
        self._take(step)

    def _take(self, step: Until | Pass) -> None:
        number = self._waiting
        if isinstance(step, Until):
            self._inside = step.inside
            at_s = step.at_s if self._drill is None or not step.inside else self._scheduler.clock.now()
            self._scheduler.at(at_s, lambda: self._answer(number, passed=True))
            return

        def through(passed: bool) -> None:
            # Not at once: the door isn't done with its own affairs yet.
            self._scheduler.after(0, lambda: self._answer(number, passed=passed))

        step.door.request(
            Passage(
                side=step.side,
                card=step.card,
                digits=step.digits,
                follows=step.follows,
                helped=step.helped,
                wedges_s=step.wedges_s,
                done=through,
            )
        )

    def _answer(self, number: int, *, passed: bool) -> None:
        if number == self._waiting:
            self._go_on(passed)
