"""Takes what desk and room sensors, counters and people who count say of a place's spaces. Pure.

Times are microseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

from typing import Final

from occupancy.air import Sensor, holds
from occupancy.beside_air import counted, known_beside
from occupancy.due import MINUTE
from occupancy.lasting import ends
from occupancy.moving import BESIDE, LATE, Event
from occupancy.passages import Passages
from occupancy.seats import AWAY
from occupancy.space import NOTHING
from occupancy.topology import Device
from occupancy.witnesses import STANDING, WITNESSES

_OPENING: Final = 0.5
"""People who pass a door that opens, at least. Assumed: a badge before it is one of them."""
_LEAVES: Final = {
    name: frozenset(WITNESSES) - moved
    for name, moved in {
        "desk": {"desks", "counters"}, "room": {"presence"}, "passage": {"counters", "air"}, "heads": {"seen"},
        "air": {"air"}, "stations": {"stations"},
    }.items()
}  # fmt: skip
"""The witnesses that say the same after a report of a source that is believed."""
_DESK_LEAVES: Final = _LEAVES["desk"]
_ROOM_LEAVES: Final = _LEAVES["room"]


class Reports(Passages):
    """The sensors of one place."""

    __slots__ = ()

    def _take(self, kind: str, event: Event, device: Device, at: int) -> None:
        """Take an event of ``device`` that isn't of a desk's or a room's sensor."""
        if kind == "access":
            if event["decision"] == "granted":
                self._granted(event, device, at)
        elif kind in ("access_taken", "access_not_taken"):
            self._told(event["access_at"], device, at, taken=kind == "access_taken")
        elif kind == "door":
            if event["state"] in ("open", "closed"):
                self._contact(device, at, tells=True)
                self._opening(device, at, is_open=event["state"] == "open")
                if event["state"] == "open":
                    self._shown(device, _OPENING, at)
        elif kind == "count":
            self._counted(event, device, at)
        elif kind == "measure":
            if event["name"] == "co2" and device.space is not None:
                self._breathed(device.id, device.space, event["value"], at)
            elif event["name"] == "wifi_stations" and device.space is not None and device.kind == "access_point":
                self._stations(device.id, device.space, event["value"], at)
        elif kind == "device" and event["what"] == "link":
            self._link(device, at, heard=bool(event.get("value", 1)))

    def _sensed(self, occupied: bool | None, device: Device, at: int) -> None:
        space = device.space
        if space is None:
            return
        fold = self.spaces[space]
        known = fold.desks if device.at_desk else fold.rooms
        number = device.id
        last = known.get(number)
        if last is not None:
            before, heard = last
            if at < heard - LATE:
                return
            if before == occupied and number not in fold.silent:  # as most say: the same again
                if at > heard:  # each call would cost a tenth of it
                    known[number] = (occupied, at)
                    if at > fold.at:  # noqa: PLR1730
                        fold.at = at
                    if at > self.clock:  # noqa: PLR1730
                        self.clock = at
                    if at > fold.newest and known is fold.desks:
                        fold.newest = at
                self.touched.add(space)
                return
        if at // MINUTE > fold.bucket[0]:
            self._step(space, at)
        known[number] = (occupied, at)
        silent = number in fold.silent
        if last is None or last[0] is None or occupied is None:
            fold.live = None
        elif not silent:
            since = 0 if occupied else fold.seats.since.get(number, (0, 0.0))[0]
            self._seen(at, came=int(occupied), left=int(not occupied), since=since)
        self._expires(space, number, at)
        if device.at_desk:
            if at > fold.newest:  # noqa: PLR1730
                fold.newest = at
            fold.seats.said(number, at, self._risk(fold, at) if occupied else 0.0, occupied=occupied)
        else:
            room, watched = fold.room, self._topology.spaces[space].rooms
            gone = [one for one in (*room.on, *room.off) if one in fold.silent or one not in watched]
            room.said(number, at, self._calendar.piece(at)[2], occupied=occupied, gone=gone)
        self._touch(space, at, NOTHING if silent else _DESK_LEAVES if device.at_desk else _ROOM_LEAVES)
        if silent:
            del fold.silent[number]

    def _expires(self, space: int, device: int, at: int) -> None:
        """A sensor reported: see when that expires."""
        span = self._topology.spaces[space].lasts.get(device)
        if span is not None:
            fold = self.spaces[space]
            if at + span < fold.expires:
                fold.expires = min(fold.expires, ends(at, span))

    def _counted(self, event: Event, device: Device, at: int) -> None:
        space = device.counts_into
        if space is None:
            return
        fold = self.spaces[space]
        leaves = NOTHING if device.id in fold.silent else _LEAVES["heads"]
        if event.get("entered") is not None or event.get("left") is not None:
            fold = self._step(space, at)
            row, habits = self._topology.spaces[space], fold.habits.rates[:]
            first = device.id not in fold.flow.doors
            silent = device.id in fold.flow.blind(row.lasts, fold.silent, at)
            if silent and not fold.flow.doors[device.id].heals(event.get("entered_total"), event.get("left_total")):
                fold.flow.guess(fold.habits, self._calendar, at, (device.id,))
            came, went = fold.flow.reported(device.id, at, event, fold.habits, capacity=row.capacity, silent=silent)
            door = fold.flow.doors[device.id]
            door.number = device.door
            if (came or went) and len(fold.flow.doors) > 1 and device.door is not None:
                fold.flow.passed_elsewhere(device.door, float(came + went), but=door)
            if came or went:
                self._seen(at, came=came, left=went)
            for sensor in fold.air.values():
                sensor.passed(came, went)
            minute, before_in, before_out = fold.bucket
            fold.bucket = (minute, before_in + came, before_out + went)
            anew = first or device.id in fold.silent or fold.habits.rates != habits
            leaves = NOTHING if anew else _LEAVES["passage"]
        else:
            last = fold.counts.get(device.id)
            if last is not None and at < last[1] - LATE:
                return
            fold.counts[device.id] = (event.get("present"), at)
            self._expires(space, device.id, at)
        self._touch(space, at, leaves).silent.pop(device.id, None)

    def _breathed(self, device: int, space: int, ppm: float, at: int) -> None:
        """A CO2 sensor was read."""
        fold, row = self.spaces[space], self._topology.spaces[space]
        sensor = fold.air.get(device)
        known = sensor is not None and device not in fold.silent
        sensor = sensor or Sensor(holds(row.capacity))
        if not sensor.takes(at, ppm):
            return
        fold.air[device] = sensor
        told = sensor.tells
        self._step(space, at)
        sensor.said(
            at, ppm, closed=self._calendar.closed(at), holds=holds(row.capacity),
            counted=counted(row, fold, fold.silent, at), known=known_beside(row, fold, self._risk(fold, at), at),
        )  # fmt: skip
        self._expires(space, device, at)
        if known and not (told or sensor.tells):  # it only learns
            fold.text = None
            fold.at, self.clock = max(fold.at, at), max(self.clock, at)
            self.touched.add(space)
        else:
            self._touch(space, at, _LEAVES["air"] if known else NOTHING).silent.pop(device, None)

    def _stations(self, device: int, space: int, number: float, at: int) -> None:
        """A radio counted its stations."""
        fold, radios = self.spaces[space], self._topology.spaces[space].radios
        stations, known = fold.stations, device not in fold.silent
        before = stations.heard.get(device)
        if number < 0 or (before is not None and at < before[1]):
            return
        background = None if before is None else stations.background
        stations.said(device, at, number, radios)
        same = before is not None and before[0] == number and stations.background == background  # as at night
        if known and same and not stations.lesson_due(at):
            fold.text = None
            fold.at, self.clock = max(fold.at, at), max(self.clock, at)
            self.touched.add(space)
            return
        if stations.lesson_due(at) and (total := stations.total(radios, fold.silent)) is not None:
            people = self._beside(space, at, BESIDE | {"badges"})
            if people is not None:
                stations.learn(at, total, people)
        self._expires(space, device, at)
        leaves = _LEAVES["stations"] if known and before is not None else NOTHING
        self._touch(space, at, leaves).silent.pop(device, None)

    def _link(self, device: Device, at: int, *, heard: bool) -> None:
        """A device fell silent, or is back. Being back says nothing of what it senses; its next report will."""
        if heard:
            return
        self._contact(device, at, tells=False)
        space = device.space if device.space is not None else device.counts_into
        if space is None or device.kind in ("reader", "keypad", "contact", "lock"):
            return
        self._touch(space, at).silent.setdefault(device.id, at)

    def _head_count(self, space: int, present: int, at: int) -> None:
        """People were counted by hand: evidence, and what counters and badges learn from.

        One that is older than what the space's devices said since is no evidence of the present.
        """
        fold = self.spaces[space]
        if at < max(fold.bucket[0] * MINUTE, 0 if fold.head_count is None else fold.head_count[1]) - LATE:
            return
        self._step(space, at)
        minute, entered, left = fold.bucket
        if entered or left:  # who passed in this minute before the head count is in it
            fold.flow.step(fold.habits, self._calendar, max(fold.flow.at, at), entered, left)
            fold.bucket = (minute, 0, 0)
        for one in self._answer(space, at).found:  # who is beside those whom sensors see
            if one.kind == "desks":
                nested = self._topology.spaces[space].parent is not None
                fold.seats.standing.learn(at, present, one.counts, AWAY[nested])
            elif one.kind == "spaces":
                fold.beside.learn(at, present, one.counts, STANDING)
        if present:
            self._seen(at, came=1)
        fold.head_count = (present, at)
        fold.flow.told(present)
        if fold.stays.anyone:
            fold.stays.told(present, at, self._risk(fold, at), out=self._topology.spaces[space].badges_out)
        self._touch(space, at)
