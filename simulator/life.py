"""People living their day in a virtual place: plans meet doors."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Final

from simulator.days import DAY_S, Errand, Visit, plan_day
from simulator.door import Passage, Side, VirtualDoor
from simulator.people import Member, members
from simulator.place import VirtualPlace
from simulator.truth import ROOT

TRIES: Final = 3
TRY_AGAIN_S: Final = 240.0
LATE_START_S: Final = 900.0
"""Who should have come before the run began comes within so many virtual seconds after it."""


@dataclass(frozen=True, slots=True)
class Until:
    """Wait until a virtual instant."""

    at_s: float


@dataclass(frozen=True, slots=True)
class Pass:
    """Try to get through a door; the answer is whether one did."""

    door: VirtualDoor
    side: Side
    card: str | None
    follows: bool


Steps = Generator[Until | Pass, bool, None]


class Life:
    """The people of one place."""

    def __init__(self, place: VirtualPlace, *, seed: int) -> None:
        """Let the members at home in ``place`` live."""
        self.place = place
        self.people: tuple[Member, ...] = members(seed, place.code, len(place.desks))
        self.refused = 0
        """How often somebody stayed outside for good."""
        self._seed = seed
        self._busy: set[str] = set()
        """Members who are about; somebody who works into the night doesn't come twice."""

    def start(self) -> None:
        """Begin with the day of the start."""
        self._plan(0)

    def _plan(self, number: int) -> None:
        """Begin day ``number`` of the run, and see to the next."""
        scheduler, clock = self.place.scheduler, self.place.scheduler.clock
        midnight = number * DAY_S
        visits, strangers = plan_day(
            self._seed,
            self.place.code,
            clock.day(number),
            self.people,
            rooms=self.place.meeting_rooms,
            labs=tuple(sorted(self.place.labs)),
        )
        now = clock.now()
        for visit in visits:
            if midnight + visit.leave_s > now + LATE_START_S and visit.member.ref not in self._busy:
                self._busy.add(visit.member.ref)
                self._advance(self._live(visit, midnight, now), None)
        for stranger in strangers:
            if midnight + stranger.at_s > now:
                self._advance(self._try_card(midnight + stranger.at_s, stranger.card), None)
        scheduler.at(midnight + DAY_S + 1800, lambda: self._plan(number + 1))

    def _advance(self, steps: Steps, answer: bool | None) -> None:
        """Go on with somebody's day up to the next wait."""
        try:
            step = next(steps) if answer is None else steps.send(answer)
        except StopIteration:
            return
        if isinstance(step, Until):
            self.place.scheduler.at(step.at_s, lambda: self._advance(steps, True))
            return

        def through(passed: bool) -> None:
            # Not at once: the door isn't done with its own affairs yet.
            self.place.scheduler.after(0, lambda: self._advance(steps, passed))

        step.door.request(Passage(side=step.side, card=step.card, follows=step.follows, done=through))

    def _try_card(self, at_s: float, card: str) -> Steps:
        """Hold an unknown card to the door. If the door opens all the same, the truth says so."""
        yield Until(at_s)
        if self.place.entry is not None and (yield Pass(self.place.entry, "in", card, follows=False)):
            self.place.move(None, ROOT)
            yield Until(self.place.scheduler.clock.now() + 120)
            yield Pass(self.place.entry, "out", None, follows=False)
            self.place.move(ROOT, None)

    def _live(self, visit: Visit, midnight: float, now: float) -> Steps:
        place, clock = self.place, self.place.scheduler.clock
        arrive = midnight + visit.arrive_s
        yield Until(arrive if arrive > now else now + place.dice.uniform(0, LATE_START_S))
        if (yield from self._come_in(visit, follows=visit.tailgates)):
            yield Until(clock.now() + place.dice.uniform(20, 120))
            desk = place.take_desk()
            seat = ROOT if desk is None else place.desks[desk]
            place.move(ROOT, seat)
            inside = True
            for errand in visit.errands:
                if midnight + errand.start_s < clock.now():
                    continue
                yield Until(midnight + errand.start_s)
                if desk is not None:
                    place.rise(desk, for_good=False)
                inside = yield from self._away(visit, errand, seat, midnight)
                if not inside:
                    break
                if desk is not None:
                    place.resume_desk(desk)
            if inside:
                yield Until(midnight + visit.leave_s)
                place.move(seat, ROOT)
            if desk is not None:
                place.rise(desk, for_good=True)
            if inside:
                yield from self._go_out(visit, forgets=visit.forgets_out)
        self._busy.discard(visit.member.ref)

    def _come_in(self, visit: Visit, *, follows: bool) -> Generator[Until | Pass, bool, bool]:
        """Get in by the entry, in a few tries; return whether it worked."""
        place = self.place
        if place.entry is None:
            place.move(None, ROOT)
            return True
        for _ in range(TRIES):
            if (yield Pass(place.entry, "in", visit.member.card, follows=follows)):
                place.move(None, ROOT)
                return True
            yield Until(place.scheduler.clock.now() + TRY_AGAIN_S)
        self.refused += 1
        return False

    def _go_out(self, visit: Visit, *, forgets: bool) -> Steps:
        """Leave, with the card, or behind somebody, or by the handle. Nobody can be kept in."""
        place = self.place
        if place.entry is not None:
            follows = forgets and place.dice.random() < 0.5
            yield Pass(place.entry, "out", None if forgets else visit.member.card, follows=follows)
        place.move(ROOT, None)

    def _away(self, visit: Visit, errand: Errand, seat: str, midnight: float) -> Generator[Until | Pass, bool, bool]:
        """Do an errand and come back; return whether one is inside again."""
        place, back = self.place, midnight + errand.end_s
        match errand.kind:
            case "lunch":
                place.move(seat, ROOT)
                yield from self._go_out(visit, forgets=visit.forgets_out and place.dice.random() < 0.3)
                yield Until(back)
                if not (yield from self._come_in(visit, follows=False)):
                    return False
                place.move(ROOT, seat)
            case "lab":
                assert errand.space is not None
                door = place.labs[errand.space]
                if (yield Pass(door, "in", visit.member.card, follows=False)):
                    place.move(seat, errand.space)
                    yield Until(back)
                    yield Pass(door, "out", visit.member.card, follows=False)
                    place.move(errand.space, seat)
            case "meeting" | "pause":
                goal = errand.space or ROOT
                place.move(seat, goal)
                yield Until(back)
                place.move(goal, seat)
        return True
