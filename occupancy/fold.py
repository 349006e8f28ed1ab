"""Folds a place's events, in order, into the occupancy of each of its spaces. Pure.

The fold keeps what each source reported of a space and what was learned of it (``occupancy.space``). What is counted is
gathered by the minute of the events' own clock, and the distributions move once a minute that has an event, so that it
doesn't matter how often it is asked or where transactions end. ``estimates`` tells what holds at an instant and changes
nothing. The fold estimates by itself at the end of a transaction, and whenever the events' clock moves into another
minute: a gateway that was offline for a day still leaves a day's curve. A place's occupancy is that of its root space.

Time alone changes an estimate too: people leave unseen, a report expires. ``SpaceFold.due`` is the next such instant; a
later event or the ingest (``ingest.due``) applies it.

Times are microseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from occupancy.due import MINUTE, due_again, pass_time
from occupancy.estimate import bounded
from occupancy.grants import ANSWER
from occupancy.moving import Event
from occupancy.reports import Reports
from occupancy.space import NEVER, Change, Estimate, SpaceFold
from occupancy.topology import Device, Topology

_NOTHING: Final[tuple[Event, Device | None, int]] = ({}, None, 0)
TTL_S: Final = 120
"""Seconds for which an estimate may be believed without any message from the gateway."""
_PATIENT: Final = ANSWER // 2
"""No report expires within this time."""
TELLING: Final = frozenset(
    {
        "access",
        "access_taken",
        "access_not_taken",
        "door",
        "desk",
        "count",
        "device",
        "head_count",
        "measure",
        "booking",
    }
)
"""Kinds of events that matter for occupancy."""


class PlaceFold(Reports):
    """The spaces of one place.

    ``apply`` takes its events in order, ``settle`` makes the estimates, ``look`` lets time pass without any event.

    Nothing in a fold is due at or before its ``clock``, after each event, so that it doesn't matter where transactions
    end.
    """

    __slots__ = ("_above", "_due", "_last", "changes")

    def __init__(self, place: int, topology: Topology, spaces: dict[int, SpaceFold] | None = None) -> None:
        super().__init__(place, topology, {} if spaces is None else spaces)
        self.changes: list[Change] = []
        """Changes not yet stored; the ingest empties it once a transaction."""
        self._due = NEVER
        self._last = _NOTHING
        self._above: Final = {space: topology.rising([space]) for space in self._order}
        for space, fold in self.spaces.items():
            if fold.at or fold.old:
                self._take_up(space, fold)
        self._note_due()

    def _take_up(self, space: int, fold: SpaceFold) -> None:
        """Go on with a stored fold; what another topology made of it is estimated anew."""
        before = fold.at, len(fold.silent)
        pass_time(self._topology.spaces[space], fold, self.clock)
        if fold.old or before != (fold.at, len(fold.silent)):
            self.dirty.add(space)
            fold.old = False

    def apply(self, event: Event, device: Device | None, at: int) -> None:
        """Take one event of ``device`` (None: the gateway itself) that happened at ``at``.

        The same event twice in a row changes nothing; the ingest sees to it that each is stored once.
        """
        kind = event["kind"]
        if kind == "desk" and device is not None:  # most events
            self._last = _NOTHING  # a state that is said twice is the same
            space = device.space
            if space is not None and at < self._due and not self.dirty and not device.retired:
                fold, number = self.spaces[space], device.id
                known = fold.desks if device.at_desk else fold.rooms
                last = known.get(number)
                if last is not None and last[0] == event["occupied"] and last[1] <= at and number not in fold.silent:
                    known[number] = (event["occupied"], at)  # the same again, as most say; a call would cost a tenth
                    if at > fold.at:
                        fold.at = at
                        if at > self.clock:  # noqa: PLR1730
                            self.clock = at
                    if at > fold.newest and device.at_desk:
                        fold.newest = at
                    self.touched.add(space)
                    return
            if not device.retired:
                if at >= self._due or (self.dirty and at // MINUTE > self.clock // MINUTE):
                    self._let_pass(at)
                self._sensed(event["occupied"], device, at)
        elif (event, device, at) == self._last:
            return
        else:
            self._last = event, device, at
            if kind in ("head_count", "booking"):
                if event["space"] in self.spaces:
                    self._let_pass(at)
                    if kind == "booking":
                        self._booked(event, at)
                    else:
                        self._head_count(event["space"], event["present"], at)
                return
            if device is None or device.retired or kind not in TELLING:
                return
            self._let_pass(at)
            self._take(kind, event, device, at)
        if self.dirty and at < self.clock - _PATIENT:
            self.settle()  # what came so late may be over already

    def _let_pass(self, at: int) -> None:
        """What was due before ``at``, and the minute before, are over."""
        if self.dirty and at // MINUTE > self.clock // MINUTE:
            self.settle()
        if at >= self._due:
            self._pass_until(at)

    def look(self, until: int) -> None:
        """Let time pass up to ``until``, before which no event is missing; what was to be looked at is stored again.

        An estimate that differs though no event says so is a change of the place itself: it holds from ``until`` on.
        """
        if self.dirty:
            self.settle()
        self._pass_until(until)
        looked = {space for space, fold in self.spaces.items() if fold.look is not None and fold.look <= until}
        self.touched |= looked
        before = len(self.changes)
        self.dirty |= looked
        self.settle()
        for index, change in enumerate(self.changes[before:], before):
            fold = self.spaces[change.space]
            fold.at = max(fold.at, until)
            self.changes[index] = replace(change, at=fold.at)

    def _pass_until(self, until: int) -> None:
        while self._due <= until:
            self.clock = max(self.clock, self._due)
            self.settle()

    def settle(self) -> None:
        """Make the estimates of what changed, children before parents; note the changes."""
        if not self.dirty and self.clock < self._due:
            return
        for fold in self.spaces.values():
            if fold.grants.waiting:
                for grant in fold.grants.unanswered(self.clock):
                    self._passed(grant, grant.at + ANSWER)
        if self.clock >= self._due:
            self.dirty.update(
                space for space, fold in self.spaces.items() if fold.due is not None and fold.due <= self.clock
            )
        made = self._rising()
        for space in made:
            self._make(space)
        self._note_changes(made)
        self.dirty.clear()
        self._note_due()

    def _make(self, space: int) -> None:
        """Make the estimate of a space from what its own sources and the spaces within say."""
        fold = self.spaces[space]
        row = self._topology.spaces[space]
        pass_time(row, fold, self.clock)
        for child in row.children:
            fold.at = max(fold.at, self.spaces[child].at)
        answer = self._answer(space, self.clock)
        fold.testimony = answer.found
        due_again(fold, answer.counts, self._calendar, self.clock)
        fold.made = self._estimate(space, answer, self.clock)
        fold.at = max(fold.at, self.clock)
        self.touched.add(space)

    def _note_changes(self, made: Sequence[int]) -> None:
        """Bound each space by what it lies in, parents before children; note what differs.

        A space whose bound moved is made again: time may have moved its own estimate, too.
        """
        moved: set[int | None] = set()
        for space, above in self._downwards:
            fold = self.spaces[space]
            if space not in made and above not in moved and fold.made is not None:
                continue
            new = self._bounded(fold, space, above)
            if space not in made and (new != fold.estimate or (fold.made is None and above in made)):
                self._make(space)
                new = self._bounded(fold, space, above)
            if new is not fold.estimate:
                if new != fold.estimate:
                    fold.at = max(fold.at, self.clock)
                    self.changes.append(Change(at=fold.at, space=space, estimate=new))
                    self.touched.add(space)
                    moved.add(space)
                fold.estimate = new

    def _bounded(self, fold: SpaceFold, space: int, above: int | None) -> Estimate:
        one = fold.made or fold.estimate
        if above is None:
            return one
        return bounded(one, self.spaces[above].estimate, self._topology.spaces[space].capacity)

    def _rising(self) -> Sequence[int]:
        """The spaces to be estimated again and all that they lie in, the deepest first."""
        if len(self.dirty) != 1:
            return self._topology.rising(self.dirty)
        (space,) = self.dirty
        return self._above[space]

    def _note_due(self) -> None:
        self._due = min([fold.due for fold in self.spaces.values() if fold.due is not None], default=NEVER)


def fold(
    place: int, topology: Topology, events: Iterable[tuple[Event, Device | None, int]], *, until: int = 0
) -> PlaceFold:
    """Fold a place's events, in the order in which they were stored, from nothing, and let time pass up to ``until``.

    The database must say the same, with the newest instant of its own states as ``until``.
    """
    folded = PlaceFold(place, topology)
    for event, device, at in events:
        folded.apply(event, device, at)
    folded.settle()
    folded.look(until)
    return folded
