"""Moves what is known of a place's spaces: its clock, and the minute that is being gathered. Pure.

Times are microseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from occupancy.asking import Asked
from occupancy.counts import agreed
from occupancy.due import MINUTE
from occupancy.estimate import DOUBT
from occupancy.hours import HOUR
from occupancy.reserved import AFTER, Booking
from occupancy.rooms import LIKELY
from occupancy.space import NOTHING, SpaceFold
from occupancy.topology import Topology
from occupancy.witnesses import WITNESSES

Event = Mapping[str, Any]
"""An event as a gateway sends it (``gateway.contract.wire.Event``)."""

LATE: Final = 300_000_000
"""An event this much older than its source's last report doesn't change the present."""
BESIDE: Final = frozenset({"counters", "seen", "desks", "spaces"})
"""Witnesses that say how many are in, by whom people without a badge are known. What the air says is learned from
badges itself, and presence says hardly how many."""

_SENSES: Final = BESIDE | {"presence", "badges"}
"""Witnesses that say whether anybody is in."""


class Moving(Asked):
    """The spaces of one place, moved by the events that are about them.

    ``clock`` is the place's own: the newest instant of an event, or up to which time was let pass.
    """

    __slots__ = ("clock", "dirty", "touched")

    def __init__(self, place: int, topology: Topology, spaces: dict[int, SpaceFold]) -> None:
        super().__init__(place, topology, spaces)
        for space in topology.places.get(place, ()):
            spaces.setdefault(space, SpaceFold())
        for fold in spaces.values():  # made under another topology, maybe
            fold.expires, fold.answer, fold.live = 0, None, None
            fold.moved()
        if self._root is not None and not self._calendar.known and spaces[self._root].use.last:
            self._calendar.learned(spaces[self._root].use.unused)
        self.clock = max((fold.at for fold in spaces.values()), default=0)
        self.dirty: set[int] = set()
        """Spaces to be estimated again."""
        self.touched: set[int] = set()
        """Spaces whose state must be stored; the ingest empties it once a transaction."""

    def _touch(self, space: int, at: int, but: frozenset[str] = NOTHING) -> SpaceFold:
        """An event of ``at`` is about ``space``, for all ``but`` these witnesses: store it and estimate it again."""
        fold = self.spaces[space]
        fold.moved(but)
        if at > fold.at:  # noqa: PLR1730  (two calls for each event cost a tenth of it)
            fold.at = at
        if at > self.clock:  # noqa: PLR1730
            self.clock = at
        self.dirty.add(space)
        return fold

    def _step(self, space: int, at: int) -> SpaceFold:
        """Let the distributions of ``space`` move up to the minute of ``at``, if it is a new one."""
        fold = self.spaces[space]
        minute = at // MINUTE
        gathered, entered, left = fold.bucket
        if minute <= gathered:
            return fold
        if fold.reserved.bookings:
            self._look_at_bookings(space, minute * MINUTE)
            fold.moved()
        if not (fold.flow.at or fold.stays.anyone or fold.desks):  # nothing that time moves here
            fold.bucket, fold.stays.at = (minute, 0, 0), minute * MINUTE
            fold.text = None
            return fold
        row = self._topology.spaces[space]
        until = minute * MINUTE
        if row.badged and fold.stays.anyone and gathered * MINUTE // HOUR != until // HOUR:
            self._compare(space, until)
        foreseen = fold.gathered
        fold.moved()
        if gathered:
            blind = fold.flow.blind(row.lasts, fold.silent, until)
            if entered or left:
                end = (gathered + 1) * MINUTE
                made = foreseen[2] if foreseen is not None and foreseen[:2] == (end, 0.0) else None
                fold.flow.step(fold.habits, self._calendar, end, entered, left, blind=blind, foreseen=made)
            if fold.flow.at:
                fold.flow.step(fold.habits, self._calendar, until, 0, 0, blind=blind)
            if fold.desks and gathered * MINUTE // HOUR != until // HOUR:
                watched = [one for one in fold.desks if one in row.desks and one not in fold.silent]
                fold.seats.note_usual(self._calendar.piece(gathered * MINUTE)[2], watched)
        fold.stays.step(fold.habits, self._calendar, until, out=row.badges_out)
        fold.bucket = (minute, 0, 0)
        return fold

    def _compare(self, space: int, at: int) -> None:
        """An hour is over: learn of what other sources say beside badges."""
        fold = self.spaces[space]
        if fold.stays.unbadged.exposure and not self._calendar.closed(at):
            seen = self._beside(space, at, BESIDE)
            if seen is not None:
                out = self._topology.spaces[space].badges_out
                fold.stays.compared(at, seen, self._risk(fold, at), out=out)

    def _booked(self, event: Event, at: int) -> None:
        """A booking of a space was made, changed or taken back."""
        space = event["space"]
        fold = self._step(space, at)
        reserved = fold.reserved
        self._look_at_bookings(space, at)
        if not reserved.known:
            for other in self.spaces.values():
                if other.reserved.came[1]:
                    reserved.follow(other.reserved)
        number, came = event["booking"], event.get("came")
        before = reserved.bookings.get(number)
        if came is None and before is not None:
            came = before.taken
        if not event["held"] and came is not None and (before is not None or not came) and event["starts"] <= at:
            self._learn_of_booking(space, taken=came, stayed=False)  # nobody came, or all left early
        booking = Booking(starts=event["starts"], ends=event["ends"], party=event["party"], taken=came)
        reserved.told(number, booking, held=event["held"], at=at)
        self._touch(space, at, frozenset(WITNESSES) - {"bookings"})

    def _look_at_bookings(self, space: int, at: int) -> None:
        """Ask other sources whether a party came that booked ``space``; learn of the bookings that are over."""
        reserved = self.spaces[space].reserved
        for one in reserved.bookings.values():
            until = min(at, one.ends - 1)
            if one.party and not one.taken and max(one.starts, one.asked) < until:
                one.asked = until
                some = self._somebody(space, until)
                one.taken = one.taken if some is None else some
        for one in reserved.over(at):
            if one.taken is not None:
                stayed = one.taken and bool(self._somebody(space, one.ends + AFTER))
                self._learn_of_booking(space, taken=one.taken, stayed=stayed)

    def _learn_of_booking(self, space: int, *, taken: bool, stayed: bool) -> None:
        """All spaces of the place that can be booked learn of a booking of one."""
        for number, fold in self.spaces.items():
            if fold.reserved.known or number == space:
                fold.reserved.learn(taken=taken, stayed=stayed)
                fold.moved()
                self.touched.add(number)

    def _somebody(self, space: int, at: int) -> bool | None:
        """Whether anybody is in ``space`` at ``at`` by sensors; None: they don't say, or aren't sure."""
        found = [one.counts for one in self._answer(space, at).found if one.kind in _SENSES]
        some = 1.0 - agreed(found, DOUBT).chance(0) if found else 0.5
        return None if LIKELY[0] <= some <= LIKELY[1] else some > LIKELY[1]

    def _beside(self, space: int, at: int, kinds: frozenset[str]) -> tuple[float, float] | None:
        """The mean and the variance of how many are in at ``at`` by witnesses of these kinds; None: there is none."""
        found = [one.counts for one in self._answer(space, at).found if one.kind in kinds]
        if not found:
            return None
        counts = agreed(found, DOUBT)
        return counts.mean, counts.variance

    def _seen(self, at: int, *, came: int = 0, left: int = 0, holds: int = 0, since: int = 0) -> None:
        """Somebody was seen in the place, or at its doors, who maybe came or left."""
        if self._root is None or at <= self.spaces[self._root].use.last:
            return
        root = self.spaces[self._root]
        self.touched.add(self._root)
        holds = 0 if left or self._topology.spaces[self._root].badges_out else holds
        until = root.use.until
        root.use.sign(self._calendar.zone, at, came=came, left=left, holds=holds, since=since)
        if root.use.until == until:
            return
        for fold in self.spaces.values():  # desks look at the hours of use
            fold.moved()
        if not self._calendar.known and self._calendar.learned(root.use.unused):
            self.dirty.update(space for space, fold in self.spaces.items() if fold.at)

    def _risk(self, fold: SpaceFold, at: int) -> float:
        return fold.stays.risk_at(fold.habits, self._calendar, at)
