"""Occupancy, first form: the pure fold of a place's ordered events into how many people are in each of its spaces.

What a space knows is kept by source (desk sensors, room sensors, counters, badges); the estimate is made from it only
when somebody looks: at the end of a transaction, or when the events' own clock moves into another second, so that a
gateway that was offline for a day still leaves a day's curve. A place's occupancy is that of its root space.

Times are microseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from gateway.wire import Event
from ingest.topology import Device, Space, Topology

SECOND: Final = 1_000_000
TTL_S: Final = 120
"""For how long an estimate may be believed without any word from the gateway."""
LATE: Final = 300 * SECOND
"""An event this much older than what the same source last said is history, not news."""
FORGOTTEN: Final = 14 * 3600 * SECOND
"""A member who badged in this long ago and never out forgot to badge out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """How many people are in a space: ``0 <= low <= present <= high``, or all None when it isn't known."""

    present: int | None
    low: int | None
    high: int | None
    quality: str
    """``live``, ``degraded`` (some sources are silent) or ``unknown``; ``stale`` is for the reader's clock to say."""


UNKNOWN: Final = Estimate(present=None, low=None, high=None, quality="unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """From ``at`` on, this was the estimate for ``space``."""

    at: int
    space: int
    estimate: Estimate


class SpaceFold:
    """What the events so far say about one space."""

    __slots__ = (
        "at",
        "badges",
        "counts",
        "desks",
        "estimate",
        "inside",
        "net",
        "net_at",
        "revision",
        "rooms",
        "silent",
    )

    def __init__(self) -> None:
        self.at = 0
        self.desks: dict[int, tuple[bool | None, int]] = {}
        self.rooms: dict[int, tuple[bool | None, int]] = {}
        self.counts: dict[int, tuple[int | None, int]] = {}
        self.inside: dict[str, int] = {}
        self.badges = 0
        """When a reader of this space last granted; 0: never."""
        self.net = 0
        self.net_at = 0
        self.silent: set[int] = set()
        self.estimate = UNKNOWN
        self.revision = 0

    def to_json(self) -> str:
        """Everything that the next event needs, as JSON; see ``from_json``."""
        return json.dumps(
            {
                "at": self.at,
                "desks": self.desks,
                "rooms": self.rooms,
                "counts": self.counts,
                "inside": self.inside,
                "badges": self.badges,
                "net": self.net,
                "net_at": self.net_at,
                "silent": sorted(self.silent),
            },
            separators=(",", ":"),
            sort_keys=True,
        )

    @classmethod
    def from_json(cls, value: dict[str, Any], estimate: Estimate, revision: int) -> SpaceFold:
        """The fold as stored: ``value`` is the parsed text of ``to_json``."""
        fold = cls()
        fold.at = value["at"]
        fold.desks = {int(key): (pair[0], pair[1]) for key, pair in value["desks"].items()}
        fold.rooms = {int(key): (pair[0], pair[1]) for key, pair in value["rooms"].items()}
        fold.counts = {int(key): (pair[0], pair[1]) for key, pair in value["counts"].items()}
        fold.inside = dict(value["inside"])
        fold.badges = value["badges"]
        fold.net = value["net"]
        fold.net_at = value["net_at"]
        fold.silent = set(value["silent"])
        fold.estimate = estimate
        fold.revision = revision
        return fold


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
            if device.id in fold.silent:
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
        if space is None or (device.kind == "reader"):
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
            new = self._estimate(self._topology.spaces[space], fold)
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

    def _estimate(self, space: Space, fold: SpaceFold) -> Estimate:
        silent = fold.silent
        taken = uncertain = 0
        known = badly = False
        for sensors, heard in ((space.desks, fold.desks), (space.rooms, fold.rooms)):
            for device in sensors:
                value = heard.get(device)
                if value is None or value[0] is None or device in silent:
                    badly = True
                    if sensors is space.desks:
                        uncertain += 1
                else:
                    known = True
        for device in space.desks:
            value = fold.desks.get(device)
            if value is not None and value[0] and device not in silent:
                taken += 1
        low, high = taken, taken + uncertain
        if any(fold.rooms.get(device, (None, 0))[0] and device not in silent for device in space.rooms):
            low = max(low, 1)
            high = max(high, space.capacity or low)
        best = low
        if space.counters:
            spoken = [fold.counts[device][0] for device in space.counters if device in fold.counts]
            heads = sum(value for value in spoken if value is not None)
            badly = badly or None in spoken or bool(space.counters & silent)
            if fold.net_at or any(value is not None for value in spoken):
                known = True
                best = max(best, heads + fold.net)
            else:
                badly = True
        elif space.badged and fold.badges:
            known = True
            for member in [member for member, at in fold.inside.items() if at < fold.at - FORGOTTEN]:
                del fold.inside[member]
            best = max(best, len(fold.inside))
        nested = [self.spaces[child].estimate for child in space.children if self._senses(child)]
        if nested:
            heard_of = [estimate for estimate in nested if estimate.low is not None]
            known = known or bool(heard_of)
            badly = badly or any(estimate.quality != "live" for estimate in nested)
            low = max(low, sum(estimate.low or 0 for estimate in heard_of))
            best = max(best, low)
        if not known:
            return UNKNOWN
        present = max(best, low)
        return Estimate(present=present, low=low, high=max(high, present), quality="degraded" if badly else "live")

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
