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

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from occupancy.asking import Asked
from occupancy.counts import Counts
from occupancy.estimate import (
    MINUTE,
    due_again,
    pass_time,
    together,
)
from occupancy.grants import ANSWER, Grant
from occupancy.hours import HOUR
from occupancy.lasting import STAY
from occupancy.space import NEVER, Change, SpaceFold
from occupancy.topology import Device, Topology

Event = Mapping[str, Any]
"""An event as a gateway sends it (``gateway.contract.wire.Event``); ``apply`` reads the kinds in ``TELLING``."""

SECOND: Final = 1_000_000
TTL_S: Final = 120
"""Seconds for which an estimate may be believed without any message from the gateway."""
LATE: Final = 300 * SECOND
"""An event this much older than its source's last report doesn't change the present."""
_PATIENT: Final = ANSWER // 2
"""No report expires within this time."""
TELLING: Final = frozenset(
    {"access", "access_taken", "access_not_taken", "door", "desk", "count", "device", "head_count"}
)
"""Kinds of events that matter for occupancy."""


class PlaceFold(Asked):
    """The spaces of one place.

    ``apply`` takes its events in order, ``settle`` makes the estimates, ``look`` lets time pass without any event.

    ``clock`` is the place's own: the newest instant of an event, or up to which time was let pass. Nothing in a fold
    is due at or before it, after each event, so that it doesn't matter where transactions end.
    """

    __slots__ = ("_due", "_last", "changes", "clock", "dirty", "touched")

    def __init__(self, place: int, topology: Topology, spaces: dict[int, SpaceFold] | None = None) -> None:
        super().__init__(place, topology, {} if spaces is None else spaces)
        for space in topology.places.get(place, ()):
            self.spaces.setdefault(space, SpaceFold())
        self.clock = max((fold.at for fold in self.spaces.values()), default=0)
        self.dirty: set[int] = set()
        self.touched: set[int] = set()
        """Spaces whose state must be stored; the ingest empties it once a transaction."""
        self.changes: list[Change] = []
        """Changes not yet stored; the ingest empties it once a transaction."""
        self._due = NEVER
        self._last: tuple[Event | None, Device | None, int] = (None, None, 0)
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
        last = self._last
        if at == last[2] and device is last[1] and event == last[0]:
            return
        self._last = event, device, at
        kind = event["kind"]
        if kind == "head_count":
            self._head_count(event["space"], event["present"], at)
            return
        if device is None or device.retired or kind not in TELLING:
            return
        if self.dirty and at // MINUTE > self.clock // MINUTE:
            self.settle()
        if at >= self._due:
            self._pass_until(at)
        if kind == "desk":
            self._sensed(event["occupied"], device, at)
        elif kind == "access":
            if event["decision"] == "granted":
                self._granted(event, device, at)
        elif kind in ("access_taken", "access_not_taken"):
            self._told(event["access_at"], device, at, taken=kind == "access_taken")
        elif kind == "door":
            if event["state"] in ("open", "closed"):
                self._contact(device, at, tells=True)
        elif kind == "count":
            self._counted(event, device, at)
        elif kind == "device" and event["what"] == "link":
            self._link(device, at, heard=bool(event.get("value", 1)))
        if at < self.clock - _PATIENT and self.dirty:
            self.settle()  # what came so late may be over already

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

    def _touch(self, space: int, at: int) -> SpaceFold:
        """An event of ``at`` is about ``space``: store it and estimate it again."""
        fold = self.spaces[space]
        fold.expires = 0
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
        row = self._topology.spaces[space]
        until = minute * MINUTE
        if gathered:
            blind = fold.flow.blind(row.lasts, fold.silent, until)
            if entered or left:
                fold.flow.step(fold.habits, self._calendar, (gathered + 1) * MINUTE, entered, left, blind=blind)
            if fold.flow.at:
                fold.flow.step(fold.habits, self._calendar, until, 0, 0, blind=blind)
            if fold.desks and gathered * MINUTE // HOUR != until // HOUR:
                watched = [one for one in fold.desks if one in row.desks and one not in fold.silent]
                fold.seats.note_usual(self._calendar.piece(gathered * MINUTE)[2], watched)
        fold.stays.step(fold.habits, self._calendar, until, out=row.badges_out)
        fold.bucket = (minute, 0, 0)
        return fold

    def _sensed(self, occupied: bool | None, device: Device, at: int) -> None:
        space = device.space
        if space is None:
            return
        fold = self.spaces[space]
        known = fold.desks if device.at_desk else fold.rooms
        last = known.get(device.id)
        if last is not None and at < last[1] - LATE:
            return
        if last is not None and last[0] == occupied and device.id not in fold.silent:
            known[device.id] = (occupied, max(at, last[1]))
            self.touched.add(space)
            fold.at = max(fold.at, at)
            self.clock = max(self.clock, at)
            return
        if at // MINUTE > fold.bucket[0]:
            self._step(space, at)
        known[device.id] = (occupied, at)
        if device.at_desk:
            fold.seats.said(device.id, at, self._risk(fold, at) if occupied else 0.0, occupied=occupied)
        else:
            fold.room.said(device.id, at, occupied=occupied)
        self._touch(space, at).silent.pop(device.id, None)

    def _head_count(self, space: int, present: int, at: int) -> None:
        """People were counted by hand: evidence, and what counters and badges learn from.

        One that is older than what the space's devices said since is no evidence of the present.
        """
        if space not in self.spaces:
            return
        if self.dirty and at // MINUTE > self.clock // MINUTE:
            self.settle()
        if at >= self._due:
            self._pass_until(at)
        fold = self.spaces[space]
        if at < max(fold.bucket[0] * MINUTE, 0 if fold.head_count is None else fold.head_count[1]) - LATE:
            return
        self._step(space, at)
        minute, entered, left = fold.bucket
        if entered or left:  # who passed in this minute before the head count is in it
            fold.flow.step(fold.habits, self._calendar, max(fold.flow.at, at), entered, left)
            fold.bucket = (minute, 0, 0)
        fold.head_count = (present, at)
        fold.flow.told(present)
        if fold.stays.anyone:
            fold.stays.told(present, self._risk(fold, at), out=self._topology.spaces[space].badges_out)
        self._touch(space, at)

    def _granted(self, event: Event, device: Device, at: int) -> None:
        if device.door_to is None:
            return
        entered, left = (
            (device.door_to, device.door_from) if device.side == "in" else (device.door_from, device.door_to)
        )
        grant = Grant(
            device=device.id, access_at=event["at"], at=at, member=event.get("member"), entered=entered, left=left,
            awaits=event.get("awaits"),
        )  # fmt: skip
        if self._touch(device.door_to, at).grants.granted(grant, device.door):
            self._passed(grant, at)

    def _told(self, access_at: int, device: Device, at: int, *, taken: bool) -> None:
        self._contact(device, at, tells=True)
        if device.door_to is None:
            return
        grants = self.spaces[device.door_to].grants
        if (device.id, access_at) in grants.waiting:
            self._touch(device.door_to, at)
        grant = grants.told(device.id, access_at, taken=taken)
        if grant is not None:
            self._passed(grant, at)

    def _contact(self, device: Device, at: int, *, tells: bool) -> None:
        """A door's contact spoke, or fell silent."""
        if device.door is None or device.door_to is None:
            return
        known = self.spaces[device.door_to].grants.tells
        if tells != (device.door in known):
            self._touch(device.door_to, at)
            (known.add if tells else known.discard)(device.door)

    def _passed(self, grant: Grant, at: int) -> None:
        """A person who was let through a door went through it, as was known at ``at``."""
        member, entered, left = grant.member, grant.entered, grant.left
        if member is not None:
            for fold in self.spaces.values():
                if fold.grants.waiting:
                    fold.grants.passed_since(member, grant.at)
        for space in (left, entered):
            if space is None or space not in self.spaces:
                continue
            self._step(space, at)
            fold = self._touch(space, at)
            fold.stays.anyone = max(fold.stays.anyone, grant.at)
            known = None if member is None else fold.stays.inside.get(member)
            if known is not None and grant.at < known[0] - LATE:
                continue
            if space == entered:
                self._seen_in(member, space, grant.at, anew=left is None or not self._topology.within(left, space))
            elif entered is None or not self._topology.within(entered, space):
                self._left(fold, member, grant.at)
        if entered is None and member is not None:  # out of the house is out of all its spaces
            for space, fold in self.spaces.items():
                if space != left and member in fold.stays.inside:
                    self._step(space, at)
                    self._left(fold, member, grant.at)
                    self._touch(space, at)

    def _left(self, fold: SpaceFold, member: str | None, at: int) -> None:
        since = fold.stays.exited(member)
        if since is not None and at - since < STAY:
            fold.habits.stayed(self._calendar, since, at)

    def _risk(self, fold: SpaceFold, at: int) -> float:
        return fold.stays.risk_at(fold.habits, self._calendar, at)

    def _seen_in(self, member: str | None, space: int, at: int, *, anew: bool) -> None:
        """A person went into ``space``: the last sign of the stay in what holds it, too."""
        row, fold = self._topology.spaces[space], self.spaces[space]
        risk = self._risk(fold, at)
        if anew:
            fold.stays.entered(member, at, risk)
        elif member is not None:
            fold.stays.seen(member, at, risk)
        parent = row.parent
        while member is not None and parent is not None:
            fold = self.spaces[parent]
            self._step(parent, at)
            if fold.stays.seen(member, at, self._risk(fold, at)):
                self.dirty.add(parent)
            parent = self._topology.spaces[parent].parent

    def _counted(self, event: Event, device: Device, at: int) -> None:
        space = device.counts_into
        if space is None:
            return
        fold = self.spaces[space]
        if event.get("entered") is not None or event.get("left") is not None:
            fold = self._step(space, at)
            row = self._topology.spaces[space]
            silent = device.id in fold.flow.blind(row.lasts, fold.silent, at)
            if silent and not fold.flow.doors[device.id].heals(event.get("entered_total"), event.get("left_total")):
                fold.flow.guess(fold.habits, self._calendar, at, (device.id,))
            came, went = fold.flow.reported(device.id, at, event, fold.habits, capacity=row.capacity, silent=silent)
            minute, before_in, before_out = fold.bucket
            fold.bucket = (minute, before_in + came, before_out + went)
        else:
            last = fold.counts.get(device.id)
            if last is not None and at < last[1] - LATE:
                return
            fold.counts[device.id] = (event.get("present"), at)
        self._touch(space, at).silent.pop(device.id, None)

    def _link(self, device: Device, at: int, *, heard: bool) -> None:
        """A device fell silent, or is back. Being back says nothing of what it senses; its next report will."""
        if heard:
            return
        self._contact(device, at, tells=False)
        space = device.space if device.space is not None else device.counts_into
        if space is None or device.kind in ("reader", "keypad", "contact", "lock"):
            return
        self._touch(space, at).silent.setdefault(device.id, at)

    def settle(self) -> None:
        """Make the estimates of what changed, children before parents, and note the changes."""
        for fold in self.spaces.values():
            if fold.grants.waiting:
                for grant in fold.grants.unanswered(self.clock):
                    self._passed(grant, grant.at + ANSWER)
        if self.clock >= self._due:
            self.dirty.update(
                space for space, fold in self.spaces.items() if fold.due is not None and fold.due <= self.clock
            )
        if not self.dirty:
            return
        known: dict[int, Counts | None] = {}
        for space in self._topology.rising(self.dirty):
            fold = self.spaces[space]
            row = self._topology.spaces[space]
            pass_time(row, fold, self.clock)
            for child in row.children:
                fold.at = max(fold.at, self.spaces[child].at)
            found = self._witnesses(space, self.clock, known)
            fold.testimony = found
            counts = known[space] = together(found)
            due_again(fold, counts, self._calendar, self.clock)
            new = self._estimated(space, found, counts, self.clock)
            fold.at = max(fold.at, self.clock)
            if new != fold.estimate:
                self.changes.append(Change(at=fold.at, space=space, estimate=new))
            fold.estimate = new
            self.touched.add(space)
        self.dirty.clear()
        self._note_due()

    def _note_due(self) -> None:
        self._due = min((fold.due for fold in self.spaces.values() if fold.due is not None), default=NEVER)


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
