"""People living their day in a virtual place: plans meet doors."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime
from typing import Final

from simulator.acts import Acts
from simulator.days import DAY_S, Errand, Follows, Visit, plan_day
from simulator.incidents import incidents_of
from simulator.place import VirtualPlace
from simulator.reports import FrontDesk
from simulator.sample.entitlements import entitlements, house_rules, opens, pin_of, visitors
from simulator.sample.people import Member, members
from simulator.stay import SentHomeError, Stay
from simulator.steps import Answer, DrillError, Steps, Until, Walker
from simulator.truth import ROOT
from simulator.unbadged import Unbadged

LATE_START_S: Final = 900.0
"""Members due before the run began come within this many virtual seconds after it."""
DRILL_S: Final = 900.0
"""A drill, from the alarm until all may come back, virtual seconds."""
_TRIES_ANYWAY: Final = 0.02
"""Chance that a member comes although the pass doesn't open now."""
_COMES_ANYWAY: Final = 0.03
"""Chance that a member comes on a closed day: a resident with a key card and work to finish."""
_DISCOURAGED: Final = 0.9
"""Chance, a day, of staying away after having been refused for good."""


class Life:
    """The people of one place."""

    def __init__(
        self,
        place: VirtualPlace,
        *,
        seed: int,
        acts: Counter[str],
        wall: Callable[[], datetime] | None = None,
        front_desk: FrontDesk | None = None,
        closed: Callable[[date], bool] = lambda _day: False,
    ) -> None:
        """Let the members at home in ``place`` live.

        Args:
            place: theirs.
            seed: what they, their plans and their passes are made from.
            acts: counts what they did and what doors did about it.
            wall: the time by which gateways decide (aware), so that they come when their pass opens; None: they come
                when they like.
            front_desk: whom lost cards are reported to; None: nobody.
            closed: days on which hardly a member comes.
        """
        self.place = place
        self.people: tuple[Member, ...] = members(seed, place.code, len(place.desks))
        self.refused = 0
        """How often a member was refused and went home."""
        self._seed = seed
        self._acts = acts
        self._wall = wall
        self._house = house_rules(seed, place.code)
        self._entitlements = entitlements(seed, place.code, self.people, workshop=bool(place.labs))
        self._entitlement = {one.ref: its for one, its in zip(self.people, self._entitlements, strict=True)}
        host = next(one.ref for one in self.people if self._entitlement[one.ref].kind == "host")
        self.visitors = visitors(seed, place.code, host, len(place.desks))
        self._others = Acts(place, acts, seed=seed, front_desk=front_desk, drill=self.drill)
        self._closed = closed
        desks = sorted(place.desks)
        self._usual_desk = {
            one.ref: random.Random(f"{seed}/{one.ref}/desk").choice(desks)
            for one in self.people
            if one.habit == "resident" and desks
        }
        self._unbadged = Unbadged(place.rates, random.Random(f"{seed}/{place.code}/unbadged"))
        self._walkers: list[Walker] = []
        self._busy: set[str] = set()
        """Members who are on their day; one who works into the night doesn't come twice."""
        self._discouraged: set[str] = set()

    def start(self) -> None:
        """Begin with the day of the start."""
        self._plan(0)

    def drill(self) -> int:
        """Sound the alarm: everybody leaves by the handle, and comes back later; return how many were inside."""
        inside = len(self.place.inside)
        self._acts["drill.held"] += 1
        drill = DrillError(self.place.scheduler.clock.now() + DRILL_S)
        for walker in self._walkers:
            walker.alarm(drill)
        return inside

    def _plan(self, number: int) -> None:
        """Begin day ``number`` of the run, and see to the next."""
        scheduler, clock = self.place.scheduler, self.place.scheduler.clock
        midnight, day, now = number * DAY_S, clock.day(number), clock.now()
        self._walkers = [one for one in self._walkers if not one.over]
        visits, strangers = plan_day(
            self._seed,
            self.place.code,
            day,
            self.people,
            rooms=self.place.meeting_rooms,
            labs=tuple(sorted(self.place.labs)),
        )
        comes = _COMES_ANYWAY if self._closed(day) else 1.0
        coming = [
            one
            for one in visits
            if midnight + one.leave_s > now + LATE_START_S
            and (comes == 1.0 or self.place.dice.random() < comes)
            and self._comes(one.member)
        ]
        arranged = self._unbadged.arrange(coming)
        for visit in arranged:
            self._busy.add(visit.member.ref)
            self._walk(self._live(visit, midnight, now))
        if comes == 1.0:
            for steps in self._others.uninvited(day, midnight, arranged):
                self._walk(steps)
        for stranger in strangers:
            if midnight + stranger.at_s > now:
                self._walk(self._others.try_card(midnight + stranger.at_s, stranger.card, "stranger_card"))
        for incident in incidents_of(
            self._seed,
            self.place.code,
            day,
            people=self.people,
            entitlements=self._entitlements,
            visitors=self.visitors,
            house=self._house,
        ):
            if midnight + incident.at_s > now:
                self._walk(self._others.perform(incident, midnight))
        scheduler.at(midnight + DAY_S + 1800, lambda: self._plan(number + 1))

    def _walk(self, steps: Steps) -> None:
        walker = Walker(self.place.scheduler, steps)
        self._walkers.append(walker)
        walker.start()

    def _comes(self, member: Member) -> bool:
        """Return whether a member comes today: not twice, and seldom where he or she was refused."""
        if member.ref in self._busy:
            return False
        return member.ref not in self._discouraged or self.place.dice.random() >= _DISCOURAGED

    def _live(self, visit: Visit, midnight: float, now: float) -> Steps:
        place, clock, member = self.place, self.place.scheduler.clock, visit.member
        arrive = midnight + visit.arrive_s
        yield Until(arrive if arrive > now else now + place.dice.uniform(0, LATE_START_S))
        pin = pin_of(self._seed, member.ref) if self._entitlement[member.ref].trained else None
        stay = Stay(place, self._acts, ref=member.ref, card=member.card, pin=pin)
        if self._may_come(member) and (yield from self._come_in(stay, follows=visit.follows)):
            try:
                yield from stay.stay(clock.now() + place.dice.uniform(20, 120))
                stay.sit_down(self._usual_desk.get(member.ref))
                yield from self._work(stay, visit, midnight)
            except SentHomeError:
                self.refused += 1
            stay.stand_up(for_good=True)
            if stay.where is not None:
                yield from stay.go_out(forgets=visit.forgets_out)
        self._busy.discard(member.ref)

    def _may_come(self, member: Member) -> bool:
        """Return whether the pass opens now, as far as its holder knows; a few come anyway."""
        if self._wall is None or opens(self._entitlement[member.ref], self._house, self._wall(), self.place.time_zone):
            return True
        self._acts["out_of_hours"] += 1
        if self.place.dice.random() < _TRIES_ANYWAY:
            self._acts["out_of_hours.came_anyway"] += 1
            return True
        return False

    def _come_in(self, stay: Stay, *, follows: Follows | None = None) -> Answer:
        if (yield from stay.come_in(follows=follows)):
            self._discouraged.discard(stay.ref)
            return True
        self.refused += 1
        self._discouraged.add(stay.ref)
        return False

    def _work(self, stay: Stay, visit: Visit, midnight: float) -> Steps:
        """Spend the day, errand by errand; who isn't let in after one is outside in the end."""
        for errand in visit.errands:
            if midnight + errand.start_s < self.place.scheduler.clock.now():
                continue
            yield from stay.stay(midnight + errand.start_s)
            stay.stand_up(for_good=False)
            yield from self._away(stay, errand, midnight + errand.end_s)
            if stay.where is None:
                return
            stay.sit_again()
        yield from stay.stay(midnight + visit.leave_s)

    def _away(self, stay: Stay, errand: Errand, back: float) -> Steps:
        """Do an errand."""
        match errand.kind:
            case "lunch":
                yield from stay.go_out(forgets=errand.forgets_out)
                yield Until(back)
                yield from self._come_in(stay, follows=errand.follows)
            case "lab":
                assert errand.space is not None
                door = self.place.labs[errand.space]
                trained = self._entitlement[stay.ref].trained or self.place.dice.random() < 0.1
                if trained and (yield from stay.enter_lab(door, errand.space)):
                    yield from stay.stay(back)
                    if stay.where == errand.space:  # not where a drill has led elsewhere
                        yield from stay.leave_lab(door, stay.seat)
            case "meeting" | "pause":
                stay.move(errand.space or ROOT)
                yield from stay.stay(back)
