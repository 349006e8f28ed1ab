"""Occupancy, first form: the pure fold of a place's ordered events into how many people are in each of its spaces.

What a space knows is kept by source (``ingest.space``); the estimate is made from it (``ingest.estimate``) only when
somebody looks: at the end of a transaction, or when the events' own clock moves into another second, so that a gateway
that was offline for a day still leaves a day's curve. A place's occupancy is that of its root space.

Times are microseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from gateway.wire import Event
from ingest.estimate import estimate
from ingest.space import Estimate, SpaceFold
from ingest.topology import Device, Topology

SECOND: Final = 1_000_000
TTL_S: Final = 120
"""For how long an estimate may be believed without any word from the gateway."""
LATE: Final = 300 * SECOND
"""An event this much older than what the same source last said is history, not news."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """From ``at`` on, this was the estimate for ``space``."""

    at: int
    space: int
    estimate: Estimate


class PlaceFold:
    """The spaces of one place; ``apply`` takes its events in order, ``settle`` makes the estimates."""

    __slots__ = ("_topology", "changes", "dirty", "id", "second", "spaces", "touched")

    def __init__(self, place: int, topology: Topology, spaces: dict[int, SpaceFold] | None = None) -> None:
        self.id = place
        self._topology = topology
        self.spaces = spaces or {}
        for space in topology.places.get(place, ()):
            self.spaces.setdefault(space, SpaceFold())
        self.second = 0
        self.dirty: set[int] = set()
        self.touched: set[int] = set()
        """Spaces whose state must be stored; the ingest empties it once a transaction."""
        self.changes: list[Change] = []
        """Changes not yet stored; the ingest empties it once a transaction."""

    def apply(self, event: Event, device: Device | None, at: int) -> None:
        """Take one event of ``device`` (None: the gateway itself) that happened at ``at``."""
        if device is None:
            return
        second = at // SECOND
        if second > self.second:
            if self.dirty:
                self.settle()
            self.second = second
        if event["kind"] == "desk":
            space = device.space
            if space is None:
                return
            fold = self.spaces[space]
            known = fold.desks if device.at_desk else fold.rooms
            last = known.get(device.id)
            if last is not None and at < last[1] - LATE:
                return
            known[device.id] = (event["occupied"], at)
            fold.silent.discard(device.id)
            fold.at = max(fold.at, at)
            self.dirty.add(space)
        elif event["kind"] == "access":
            if event["decision"] == "granted":
                self._passed(event.get("member"), device, at)
        elif event["kind"] == "count":
            self._counted(event.get("entered"), event.get("left"), event.get("present"), device, at)
        elif event["kind"] == "device" and event["what"] == "link":
            self._link(device, bool(event.get("value", 1)), at)

    def _passed(self, member: str | None, device: Device, at: int) -> None:
        entered, left = (
            (device.door_to, device.door_from) if device.side == "in" else (device.door_from, device.door_to)
        )
        for space in (left, entered):
            if space is None:
                continue
            fold = self.spaces[space]
            fold.badges = max(fold.badges, at)
            fold.at = max(fold.at, at)
            self.dirty.add(space)
            if member is None or at < fold.inside.get(member, at) - LATE:
                continue
            if space == entered:
                fold.inside[member] = at
            elif entered is None or not self._within(entered, space):
                fold.inside.pop(member, None)
        if device.side == "out" and entered is None and member is not None:  # out of the house is out of all its spaces
            for space, fold in self.spaces.items():
                if fold.inside.pop(member, None) is not None:
                    self.dirty.add(space)

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
            fold.net = max(0, fold.net + (entered or 0) - (left or 0))
            fold.net_at = max(fold.net_at, at)
        else:
            last = fold.counts.get(device.id)
            if last is not None and at < last[1] - LATE:
                return
            fold.counts[device.id] = (present, at)
        fold.silent.discard(device.id)
        fold.at = max(fold.at, at)
        self.dirty.add(space)

    def _link(self, device: Device, heard: bool, at: int) -> None:
        space = device.space if device.space is not None else device.counts_into
        if space is None or device.kind in ("reader", "keypad"):
            return
        fold = self.spaces[space]
        if heard:
            fold.silent.discard(device.id)
        else:
            fold.silent.add(device.id)
        fold.at = max(fold.at, at)
        self.dirty.add(space)

    def settle(self) -> None:
        """Make the estimates of what changed, children before parents, and note the changes."""
        for space in self._rising():
            fold = self.spaces[space]
            for child in self._topology.spaces[space].children:
                fold.at = max(fold.at, self.spaces[child].at)
            row = self._topology.spaces[space]
            nested = [
                (self._topology.spaces[child], self.spaces[child].estimate)
                for child in row.children
                if self._senses(child)
            ]
            new = estimate(row, fold, nested)
            if new != fold.estimate:
                fold.estimate = new
                self.changes.append(Change(at=fold.at, space=space, estimate=new))
            self.touched.add(space)
        self.dirty.clear()

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


def fold(place: int, topology: Topology, events: Iterable[tuple[Event, Device | None, int]]) -> PlaceFold:
    """Fold a place's events, in the order in which they were stored, from nothing: the database must say the same."""
    folded = PlaceFold(place, topology)
    for event, device, at in events:
        folded.apply(event, device, at)
    folded.settle()
    return folded
