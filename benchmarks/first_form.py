"""The estimator's first form (releases up to 0.9), kept as a baseline: bounds from sensors, sums from doors.

The day's sums begin at four in the morning, a badge holds for 14 hours, a sensor's report for four times its rhythm.
One silent sensor makes a space ``degraded``. Times are microseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from benchmarks.scores import Answer
from benchmarks.worlds import MINUTE, Event, World
from occupancy.topology import Device, Space

_STAY: Final = 14 * 60 * MINUTE
_LATE: Final = 5 * MINUTE
_QUIET: Final = 120 * MINUTE
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNKNOWN: Final = Answer(present=None, low=None, high=None, quality="unknown")


class _Seen(NamedTuple):
    low: int = 0
    high: int = 0
    known: bool = False
    unsure: bool = False


class _Sums:
    """A space's counters: in minus out by day, and when each counter and each day was last counted."""

    def __init__(self) -> None:
        self.net: dict[int, tuple[int, int]] = {}
        self.heard: dict[int, int] = {}
        self.present: dict[int, int | None] = {}


class FirstForm:
    """Bounds from sensors; who came in by counters or, without any, by badges; inner spaces count for the outer one."""

    def __init__(self, world: World) -> None:
        self._zone = ZoneInfo(world.zone)
        self._spaces = {one.id: one for one in world.spaces}
        self._children: defaultdict[int | None, list[Space]] = defaultdict(list)
        for space in world.spaces:
            self._children[space.parent].append(space)
        self._devices: defaultdict[tuple[int, str], list[Device]] = defaultdict(list)
        for one in world.devices:
            where = one.space if one.kind in ("desk_sensor", "presence_sensor") else one.counts_into
            if where is not None:
                self._devices[where, "reader" if one.kind == "keypad" else one.kind].append(one)
        self._said: dict[int, tuple[bool | None, int]] = {}
        self._sums: defaultdict[int, _Sums] = defaultdict(_Sums)
        self._inside: defaultdict[int, dict[str, int]] = defaultdict(dict)
        self._badged: set[int] = set()
        self._waiting: dict[tuple[int, int], Event] = {}
        self._silent: set[int] = set()

    def apply(self, event: Event, device: Device | None, at: int) -> None:
        """Take the next stored event."""
        if device is None:
            return
        if event["kind"] == "desk" and device.space is not None:
            if at >= self._said.get(device.id, (None, at))[1] - _LATE:
                self._said[device.id] = event["occupied"], at
                self._silent.discard(device.id)
        elif event["kind"] == "access" and event["decision"] == "granted":
            if event.get("awaits"):
                self._waiting[device.id, event["at"]] = event
            else:
                self._pass(event, device, at)
        elif event["kind"] in ("access_taken", "access_not_taken"):
            grant = self._waiting.pop((device.id, event["access_at"]), None)
            if grant is not None and event["kind"] == "access_taken":
                self._pass(grant, device, grant["at"])
        elif event["kind"] == "count" and device.counts_into is not None:
            self._count(event, device, device.counts_into, at)
        elif event["kind"] == "device" and event["what"] == "link" and not event.get("value", 1):
            self._silent.add(device.id)

    def answers(self, now: int) -> dict[int, Answer]:
        """Estimate each space, inner ones first."""
        found: dict[int, Answer] = {}
        for root in self._children[None]:
            self._estimate(root, now, found)
        return found

    def _pass(self, grant: Event, device: Device, at: int) -> None:
        entered, left = device.door_to, device.door_from
        if device.side != "in":
            entered, left = left, entered
        member = grant.get("member")
        self._badged |= {one for one in (entered, left) if one is not None}
        if member is None:
            return
        if left is not None and not self._lies_in(entered, left):
            self._inside[left].pop(member, None)
        if entered is None:
            for inside in self._inside.values():
                inside.pop(member, None)
        space = entered
        while space is not None:
            self._inside[space][member] = max(self._inside[space].get(member, at), at)
            space = self._spaces[space].parent

    def _lies_in(self, space: int | None, other: int) -> bool:
        while space is not None:
            space = self._spaces[space].parent
            if space == other:
                return True
        return False

    def _count(self, event: Event, device: Device, space: int, at: int) -> None:
        sums = self._sums[space]
        self._silent.discard(device.id)
        sums.heard[device.id] = max(sums.heard.get(device.id, at), at)
        if "present" in event:
            sums.present[device.id] = event["present"]
            return
        entered, left = event.get("entered") or 0, event.get("left") or 0
        if entered or left:
            day = self._day(at)
            net, last = sums.net.get(day, (0, 0))
            sums.net[day] = net + entered - left, max(last, at)

    def _day(self, at: int) -> int:
        local = (_EPOCH + timedelta(microseconds=at)).astimezone(self._zone)
        date = local.date() if local.hour >= 4 else local.date() - timedelta(days=1)
        return (datetime.combine(date, time(4), self._zone) - _EPOCH) // timedelta(microseconds=1)

    def _is_silent(self, device: Device, at: int | None, now: int) -> bool:
        rhythm = device.expect_every
        lasts = _STAY if rhythm is None else max(4 * rhythm, 10 * MINUTE)
        return at is None or device.id in self._silent or now > at + lasts

    def _estimate(self, space: Space, now: int, found: dict[int, Answer]) -> bool:
        """Estimate ``space`` and what lies in it; return whether any device speaks of them."""
        sensed = [child for child in self._children[space.id] if self._estimate(child, now, found)]
        desks, room = self._desks(space, now), self._room(space, now)
        heads, unsure = self._by_door(space, now)
        known = desks.known or room.known or heads is not None
        unsure = unsure or desks.unsure or room.unsure
        low, high, spread = max(desks.low, room.low), max(desks.high, room.high), 0
        for child in sensed:
            inner = found[child.id]
            unsure = unsure or inner.quality != "live"
            if inner.low is None or inner.high is None:
                spread += child.capacity or 0
                continue
            known = True
            low += inner.low
            if heads is None or not self._devices[child.id, "presence_sensor"]:
                spread += inner.high - inner.low
        if known:
            present = max(heads or 0, low)
            quality = "degraded" if unsure else "live"
            found[space.id] = Answer(present=present, low=low, high=max(high, low + spread, present), quality=quality)
        else:
            found[space.id] = _UNKNOWN
        kinds = ("desk_sensor", "presence_sensor", "counter", "reader")
        return bool(sensed) or any(self._devices[space.id, kind] for kind in kinds)

    def _words(self, space: Space, kind: str, now: int) -> list[bool | None]:
        said = [(one, *self._said.get(one.id, (None, None))) for one in self._devices[space.id, kind]]
        return [None if self._is_silent(one, at, now) else word for one, word, at in said]

    def _desks(self, space: Space, now: int) -> _Seen:
        words = self._words(space, "desk_sensor", now)
        taken, doubt = sum(word is True for word in words), words.count(None)
        return _Seen(taken, taken + doubt, doubt < len(words), doubt > 0)

    def _room(self, space: Space, now: int) -> _Seen:
        words = self._words(space, "presence_sensor", now)
        high = max(space.capacity or 1, 1) if any(words) else 0
        return _Seen(int(any(words)), high, any(word is not None for word in words), None in words)

    def _by_door(self, space: Space, now: int) -> tuple[int | None, bool]:
        """How many are in by the counters or, without any, by the badges; None: not known. And whether it is unsure."""
        counters = self._devices[space.id, "counter"]
        if not counters:
            if space.id not in self._badged or not self._devices[space.id, "reader"]:
                return None, False
            inside = self._inside[space.id]
            for member in [one for one, at in inside.items() if now > at + _STAY]:
                del inside[member]
            return len(inside), False
        sums = self._sums[space.id]
        silent = [self._is_silent(one, sums.heard.get(one.id), now) for one in counters]
        seen = [
            sums.present[one.id]
            for one, off in zip(counters, silent, strict=True)
            if one.id in sums.present and not off
        ]
        heads = sum(value or 0 for value in seen) if any(value is not None for value in seen) else None
        if sums.net or len(sums.present) < len(sums.heard):
            day = self._day(now)
            quiet = all(start >= day or last <= day - _QUIET for start, (_, last) in sums.net.items())
            if all(silent) or not quiet:
                return None, True
            heads = sums.net.get(day, (0, 0))[0] + (heads or 0)
        if heads is None:
            return None, True
        return max(heads, 0), heads < 0 or None in seen or any(silent)
