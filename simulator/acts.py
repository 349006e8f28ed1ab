"""What others than the members do at a place: visitors, finders of cards, strangers at the keypad, and worse."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from simulator.incidents import CODES_TRIED, Incident
from simulator.place import VirtualPlace
from simulator.reports import FrontDesk
from simulator.sample.entitlements import Visitor
from simulator.sample.people import stranger_card
from simulator.stay import SentHomeError, Stay
from simulator.steps import Pass, Steps, Until
from simulator.truth import ROOT

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
