"""Tells a device's current state from an old one that its hub sends again. Pure.

A message that has just arrived may have old content: after a restart a Zigbee hub sends its cache, and a LoRaWAN
network server delivers its queue. Where a message has the device's own time, that time decides. A state from long ago,
or from before the hub or the device fell silent, is not current: presence and the number of people become unknown until
the device reports again, and doors and measures are dropped. Counts of people in and out are kept, since they add up.

Times are µs since 1970: the device's by its hub's clock, all others by the gateway's. A hub's clock that is an hour or
more behind makes its devices' states unknown; a time that lies ahead is ignored.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from gateway.contract.wire import Event
from gateway.drivers import Decoded

OLD_US: Final = 3_600_000_000
"""An "absent" after a time-out has the time of the last movement, minutes before (Zigbee2MQTT #3510)."""
AHEAD_US: Final = 300_000_000
CACHE_US: Final = 10_000_000
"""A hub sends its cache at once when it starts; without the device's time it looks like current states."""
_STATES: Final = frozenset({"desk", "count", "door"})
"""Kinds of events after which a device's state is known again; a battery's level leaves it open."""


class Freshness:
    """When the devices of one gateway last reported their state, and since when each is silent."""

    def __init__(self) -> None:
        self._reported: dict[str, int] = {}
        self._lost: dict[str, int] = {}
        self._back: dict[str, int] = {}

    def gone(self, device: str, at: int) -> None:
        """A device fell silent, or its hub did."""
        self._lost.setdefault(device, at)
        self._back.pop(device, None)

    def forget(self, device: str) -> None:
        """Another device has this code from now on, or none."""
        for known in (self._reported, self._lost, self._back):
            known.pop(device, None)

    def clock_stepped(self, by_us: int) -> None:
        """The gateway's clock jumped."""
        self._reported.clear()
        self._lost = {device: at + by_us for device, at in self._lost.items()}
        self._back = {device: at + by_us for device, at in self._back.items()}

    def sift(self, decoded: Decoded, at: int) -> Decoded:
        """Return what is current in a message that arrived at ``at``."""
        for device in decoded.back:
            if device in self._lost:
                self._back[device] = at
        if not decoded.events:
            return decoded
        device = decoded.events[0]["device"]
        spoke_at = decoded.said_at
        if spoke_at is not None and spoke_at > at + AHEAD_US:
            spoke_at = None
        if self._is_new(device, spoke_at, at):
            if any(event["kind"] in _STATES for event in decoded.events):
                self._reported[device] = max(self._reported.get(device, 0), at if spoke_at is None else spoke_at)
                self._lost.pop(device, None)
                self._back.pop(device, None)
            return decoded
        repeated = spoke_at is not None and spoke_at <= self._reported.get(device, spoke_at - 1)
        return replace(decoded, events=tuple(_kept(decoded.events, repeated=repeated)), heard=())

    def _is_new(self, device: str, spoke_at: int | None, at: int) -> bool:
        lost = self._lost.get(device)
        if spoke_at is None:
            back = self._back.get(device)
            return back is None or not 0 <= at - back < CACHE_US
        return at - spoke_at <= OLD_US and (lost is None or spoke_at >= lost)


def _kept(events: Iterable[Event], *, repeated: bool) -> Iterable[Event]:
    """Yield what an old message still says; ``repeated``: a newer state is known, so that its states are dropped."""
    for event in events:
        if event["kind"] == "desk":
            if not repeated:
                yield {**event, "occupied": None}
        elif event["kind"] == "count" and "entered" not in event and "left" not in event:
            if not repeated:
                yield {**event, "present": None}
        elif event["kind"] not in ("door", "measure"):
            yield event
