"""What others than the members do at a place: guests, cleaners, finders of cards, strangers and worse."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Final

from simulator.days import Visit
from simulator.incidents import CODES_TRIED, Incident
from simulator.place import VirtualPlace
from simulator.reports import FrontDesk
from simulator.sample.entitlements import Visitor
from simulator.sample.people import cleaners_card, stranger_card
from simulator.stay import SentHomeError, Stay
from simulator.steps import Pass, Steps, Until
from simulator.truth import ROOT

_SITS_AT_DESK: Final = 0.5
"""Chance that a guest, or one of an evening's public, sits on a seat to work at."""
_HOST_LATE_S: Final = 1800.0
_FOUND_AFTER_S: Final = 1800.0
_WEDGED_TOO_LONG_S: Final = 6.0
"""Real seconds beyond the time after which a door counts as held."""


class Acts:
    """The others at one place. ``acts`` counts what they did, and what the door did."""

    def __init__(
        self,
        place: VirtualPlace,
        acts: Counter[str],
        *,
        seed: int,
        front_desk: FrontDesk | None,
        drill: Callable[[], int],
    ) -> None:
        self._place = place
        self._acts = acts
        self._seed = seed
        self._front_desk = front_desk
        self._drill = drill

    def uninvited(self, day: date, midnight: float, visits: Sequence[Visit]) -> Iterator[Steps]:
        """Yield the lives of those whom no list knows: members' guests, an evening's public, and the cleaner."""
        rates, dice = self._place.rates, self._place.dice
        for number, visit in enumerate(visits):
            if dice.random() < rates.guests:
                first, last = visit.arrive_s + 1800, max(visit.arrive_s + 1801, visit.leave_s - 5400)
                at_s, length_s = dice.uniform(first, last), dice.uniform(20, 120) * 60
                yield self._guest(f"(guest {day} {number})", midnight + at_s, length_s, "guest")
        if visits and day.weekday() < 5 and dice.random() < rates.evenings:
            yield from self._evening(day, midnight, visits)
        if dice.random() < rates.cleaning_days / 7:
            at_s = dice.choice((5.5, 20.5)) * 3600 + dice.uniform(0, 1800)
            yield self._clean(midnight + at_s, dice.uniform(45, 75) * 60)

    def _evening(self, day: date, midnight: float, visits: Sequence[Visit]) -> Iterator[Steps]:
        """An event after work: its public comes without cards while the last members are there."""
        dice = self._place.dice
        self._acts["evening.held"] += 1
        begins = min(19 * 3600.0, max(one.leave_s for one in visits) - 1200)
        for number in range(max(3, round(len(self._place.desks) * dice.uniform(0.2, 0.6)))):
            at_s = begins + dice.triangular(-1200, 1200, 0)
            length_s = max(900.0, 21.5 * 3600 + dice.gauss(0, 1200) - at_s)
            yield self._guest(f"(evening {day} {number})", midnight + at_s, length_s, "evening")

    def _guest(self, ref: str, at_s: float, length_s: float, what: str) -> Steps:
        """Be let in by someone inside, stay in a room or the common parts, and leave without a card."""
        yield Until(at_s)
        place = self._place
        self._acts["guest.came"] += what == "guest"
        if not place.inside:
            return
        stay = Stay(place, self._acts, ref=ref, card=None)
        if not (yield from stay.come_in(helped=True)):
            return
        self._acts[f"{what}.let_in"] += 1
        rooms = place.meeting_rooms if what == "guest" else ()
        if place.dice.random() < _SITS_AT_DESK:
            stay.sit_down()
        else:
            stay.seat = place.dice.choice(rooms) if rooms else ROOT
            stay.move(stay.seat)
        try:
            yield from stay.stay(place.scheduler.clock.now() + length_s)
        except SentHomeError:
            stay.stand_up(for_good=True)
            return
        stay.stand_up(for_good=True)
        yield from stay.go_out(forgets=True)

    def _clean(self, at_s: float, length_s: float) -> Steps:
        """Clean room after room, with a card for the doors."""
        yield Until(at_s)
        place, clock = self._place, self._place.scheduler.clock
        stay = Stay(place, self._acts, ref="(cleaner)", card=cleaners_card(self._seed, place.code))
        if not (yield from stay.come_in()):
            return
        self._acts["cleaner.came"] += 1
        spaces = sorted({*place.rooms, *place.desks.values()} - {ROOT} - place.labs.keys()) or [ROOT]
        try:
            for space in spaces:
                stay.move(space)
                yield from stay.stay(clock.now() + length_s / len(spaces))
        except SentHomeError:
            return
        yield from stay.go_out(forgets=place.dice.random() < place.rates.forgotten_out)

    def perform(self, incident: Incident, midnight: float) -> Steps:
        """Let it happen."""
        at_s = midnight + incident.at_s
        match incident.kind:
            case "visitor":
                assert incident.visitor is not None
                yield from self._visit(at_s, incident.visitor)
            case "found_card":
                assert incident.card is not None
                yield from self.try_card(at_s, incident.card, "lost_card")
            case "lost_card":
                assert incident.member is not None
                yield from self._lose(at_s, incident.member.ref, incident.member.card)
            case "codes":
                yield from self._codes(at_s)
            case "wedge":
                yield Until(at_s)
                if self._place.entry is not None:
                    self._place.wedge_s = self._place.entry.held_after_s + _WEDGED_TOO_LONG_S
            case "forced":
                yield Until(at_s)
                if self._place.entry is not None and self._place.entry.force():
                    self._acts["door.forced"] += 1
                    yield from self._look_around("intruder")
            case "drill":
                yield Until(at_s)
                self._drill()

    def try_card(self, at_s: float, card: str, what: str) -> Steps:
        """Present a card that should open nothing. If the door opens, the truth shows it."""
        yield Until(at_s)
        if self._place.entry is None:
            return
        wedged = self._place.entry.is_wedged  # then nobody shows a card
        self._acts["walked_in_by_chance" if wedged else f"{what}.tried"] += 1
        opened = yield Pass(door=self._place.entry, side="in", card=card)
        if not wedged:
            self._acts[f"{what}.opened" if opened else f"{what}.refused"] += 1
        if opened:
            yield from self._look_around(what)

    def _look_around(self, who: str) -> Steps:
        """Be inside without a right to be, for two virtual minutes."""
        stay = Stay(self._place, self._acts, ref=f"({who})", card=None)
        stay.move(ROOT)
        try:
            yield from stay.stay(self._place.scheduler.clock.now() + 120)
        except SentHomeError:
            return
        yield from stay.go_out(forgets=True)

    def _visit(self, at_s: float, visitor: Visitor) -> Steps:
        """Come while the host is there, meet, and go."""
        yield Until(at_s)
        place, clock = self._place, self._place.scheduler.clock
        self._acts["visitor.came"] += 1
        if visitor.host not in place.inside:
            yield Until(clock.now() + _HOST_LATE_S)
        if visitor.host not in place.inside:
            self._acts["visitor.without_host"] += 1
            return
        stay = Stay(place, self._acts, ref=visitor.ref, card=visitor.card, code=visitor.code)
        if not (yield from stay.come_in(tries=2)):
            self._acts["visitor.refused"] += 1
            return
        self._acts["visitor.let_in"] += 1
        try:
            yield from stay.stay(clock.now() + place.dice.uniform(60, 180))
            rooms = place.meeting_rooms
            stay.seat = place.dice.choice(rooms) if rooms else ROOT
            stay.move(stay.seat)
            yield from stay.stay(clock.now() + place.dice.uniform(30, 90) * 60)
        except SentHomeError:
            return
        yield from stay.go_out(forgets=visitor.card is None)

    def _lose(self, at_s: float, member: str, card: str) -> Steps:
        """An absent member reports the card lost, a stranger tries it, and the member finds it again."""
        yield Until(at_s)
        if self._front_desk is None:
            return
        self._front_desk.report_lost(member)
        yield from self.try_card(self._place.scheduler.clock.now() + _FOUND_AFTER_S, card, "reported_card")
        yield Until(self._place.scheduler.clock.now() + _FOUND_AFTER_S)
        self._front_desk.report_found(member)

    def _codes(self, at_s: float) -> Steps:
        """Type one code after the other, as quickly as the door lets one, until tired of it."""
        yield Until(at_s)
        entry = self._place.entry
        if entry is None or not entry.has_keypad:
            return
        self._acts["codes.attacks"] += 1
        for number in range(CODES_TRIED):
            self._acts["codes.typed"] += 1
            code = f"{int(stranger_card(self._seed, f'{self._place.code}/{at_s}', number), 16) % 10**6:06d}"
            if (yield Pass(door=entry, side="in", digits=code)):
                self._acts["codes.opened"] += 1
                yield from self._look_around("stranger")
                return
            yield Until(self._place.scheduler.clock.now() + 5)
        self._acts["codes.refused"] += 1
