"""Folds a place's events, in order, into the occupancy of each of its spaces. Pure.

The fold keeps what each source reported of a space (``occupancy.space``). It estimates (``occupancy.estimate``)
at the end of a transaction, and whenever the events' own clock moves into another second: a gateway that was offline
for a day still leaves a day's curve. A place's occupancy is that of its root space.

Time alone changes an estimate too: a sensor's last report expires, a forgotten badge-out is dropped, the counters' day
ends. ``SpaceFold.due`` is the next such instant; a later event or the ingest (``ingest.due``) applies it.

Times are microseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from occupancy import day_sums
from occupancy.estimate import estimate, pass_time
from occupancy.grants import ANSWER, Grant
from occupancy.space import Estimate, SpaceFold
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
_NEVER: Final = 2**63
TELLING: Final = frozenset({"access", "access_taken", "access_not_taken", "door", "desk", "count", "device"})
"""Kinds of events that matter for occupancy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """From ``at`` on, this was the estimate for ``space``."""

    at: int
    space: int
    estimate: Estimate


class PlaceFold:
    """The spaces of one place.

    ``apply`` takes its events in order, ``settle`` makes the estimates, ``look`` lets time pass without any event.

    ``clock`` is the place's own: the newest instant of an event, or up to which time was let pass. Nothing in a fold
    is due at or before it, after each event, so that it doesn't matter where transactions end.
    """

    __slots__ = ("_due", "_topology", "_zone", "changes", "clock", "dirty", "id", "spaces", "touched")

    def __init__(self, place: int, topology: Topology, spaces: dict[int, SpaceFold] | None = None) -> None:
        self.id = place
        self._topology = topology
        self._zone = topology.zone(place)
        self.spaces = spaces or {}
        for space in topology.places.get(place, ()):
            self.spaces.setdefault(space, SpaceFold())
        self.clock = max((fold.at for fold in self.spaces.values()), default=0)
        self.dirty: set[int] = set()
        self.touched: set[int] = set()
        """Spaces whose state must be stored; the ingest empties it once a transaction."""
        self.changes: list[Change] = []
        """Changes not yet stored; the ingest empties it once a transaction."""
        self._due = _NEVER
        for space, fold in self.spaces.items():
            if fold.at or fold.old:
                self._take_up(space, fold)
        self._note_due()

    def _take_up(self, space: int, fold: SpaceFold) -> None:
        """Go on with a stored fold; what an older version or another topology made of it is estimated anew."""
        before = fold.at, len(fold.silent), len(fold.inside)
        pass_time(self._topology.spaces[space], fold, self._zone, self.clock)
        if fold.old or before != (fold.at, len(fold.silent), len(fold.inside)):
            self.dirty.add(space)
            fold.old = False

    def apply(self, event: Event, device: Device | None, at: int) -> None:
        """Take one event of ``device`` (None: the gateway itself) that happened at ``at``."""
        if device is None or device.retired or event["kind"] not in TELLING:
            return
        if self.dirty and at // SECOND > self.clock // SECOND:
            self.settle()
        if at >= self._due:
            self._pass_until(at)
        if event["kind"] == "desk":
            self._sensed(event["occupied"], device, at)
        elif event["kind"] == "access":
            if event["decision"] == "granted":
                self._granted(event, device, at)
        elif event["kind"] == "access_taken" or event["kind"] == "access_not_taken":
            self._told(event["access_at"], device, at, taken=event["kind"] == "access_taken")
        elif event["kind"] == "door":
            if event["state"] in ("open", "closed"):
                self._contact(device, at, tells=True)
        elif event["kind"] == "count":
            self._counted(event.get("entered"), event.get("left"), event.get("present"), device, at)
        elif event["kind"] == "device" and event["what"] == "link":
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
        fold.at = max(fold.at, at)
        self.clock = max(self.clock, at)
        self.dirty.add(space)
        return fold

    def _sensed(self, occupied: bool | None, device: Device, at: int) -> None:
        if device.space is None:
            return
        fold = self.spaces[device.space]
        known = fold.desks if device.at_desk else fold.rooms
        last = known.get(device.id)
        if last is not None and at < last[1] - LATE:
            return
        known[device.id] = (occupied, at)
        self._touch(device.space, at).silent.discard(device.id)

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
            fold = self._touch(space, at)
            fold.badges = max(fold.badges, grant.at)
            if member is None or grant.at < fold.inside.get(member, grant.at) - LATE:
                continue
            if space == entered:
                self._seen_in(member, space, grant.at)
            elif entered is None or not self._within(entered, space):
                fold.inside.pop(member, None)
        if entered is None and member is not None:  # out of the house is out of all its spaces
            for space, fold in self.spaces.items():
                if fold.inside.pop(member, None) is not None:
                    self.dirty.add(space)

    def _seen_in(self, member: str, space: int, at: int) -> None:
        """``member`` went into ``space``: the last badge of the stay in what holds it, too."""
        inside = self.spaces[space].inside
        inside[member] = max(inside.get(member, at), at)
        parent = self._topology.spaces[space].parent
        while parent is not None:
            inside = self.spaces[parent].inside
            if inside.get(member, at) < at:
                inside[member] = at
                self.dirty.add(parent)
            parent = self._topology.spaces[parent].parent

    def _within(self, space: int, other: int) -> bool:
        """Whether ``space`` lies in ``other``, at any depth: who goes into a room has not left the house."""
        parent = self._topology.spaces[space].parent
        while parent is not None:
            if parent == other:
                return True
            parent = self._topology.spaces[parent].parent
        return False

    def _counted(self, entered: int | None, left: int | None, present: int | None, device: Device, at: int) -> None:
        space = device.counts_into
        if space is None:
            return
        fold = self.spaces[space]
        if entered is not None or left is not None:
            day_sums.add(fold.sums, day_sums.day_of(at, self._zone)[0], entered or 0, left or 0, at)
            fold.moves[device.id] = max(fold.moves.get(device.id, at), at)
        else:
            last = fold.counts.get(device.id)
            if last is not None and at < last[1] - LATE:
                return
            fold.counts[device.id] = (present, at)
        self._touch(space, at).silent.discard(device.id)

    def _link(self, device: Device, at: int, *, heard: bool) -> None:
        """A device fell silent, or is back. Being back says nothing of what it senses; its next report will."""
        if heard:
            return
        self._contact(device, at, tells=False)
        space = device.space if device.space is not None else device.counts_into
        if space is None or device.kind in ("reader", "keypad", "contact", "lock"):
            return
        self._touch(space, at).silent.add(device.id)

    def settle(self) -> None:
        """Make the estimates of what changed, children before parents, and note the changes."""
        for fold in self.spaces.values():
            if fold.grants.waiting:
                for grant in fold.grants.unanswered(self.clock):
                    self._passed(grant, grant.at + ANSWER)
        self.dirty.update(
            space for space, fold in self.spaces.items() if fold.due is not None and fold.due <= self.clock
        )
        for space in self._rising():
            fold = self.spaces[space]
            row = self._topology.spaces[space]
            pass_time(row, fold, self._zone, self.clock)
            for child in row.children:
                fold.at = max(fold.at, self.spaces[child].at)
            nested = [
                (self._topology.spaces[child], self.spaces[child].estimate)
                for child in row.children
                if self._senses(child)
            ]
            new = estimate(row, fold, nested, zone=self._zone, now=self.clock)
            if new != fold.estimate:
                fold.estimate = new
                self.changes.append(Change(at=fold.at, space=space, estimate=new))
            self.touched.add(space)
        self.dirty.clear()
        self._note_due()

    def _note_due(self) -> None:
        self._due = min((fold.due for fold in self.spaces.values() if fold.due is not None), default=_NEVER)

    def _rising(self) -> Iterator[int]:
        """The dirty spaces and all they lie in, the deepest first."""
        depth: dict[int, int] = {}
        for start in self.dirty:
            path = [start]
            while (parent := self._topology.spaces[path[-1]].parent) is not None:
                path.append(parent)
            for rank, space in enumerate(reversed(path)):
                depth[space] = rank
        return iter(sorted(depth, key=lambda space: (-depth[space], space)))

    def _senses(self, space: int) -> bool:
        """Whether anything of the hardware speaks of ``space`` or of what lies in it."""
        row = self._topology.spaces[space]
        return bool(row.desks or row.rooms or row.counters or row.badged) or any(map(self._senses, row.children))


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
