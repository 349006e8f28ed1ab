"""Tells a device's new word from an old one that its hub sends again. Pure.

A message is as fresh as its arrival, its content is not: after a restart a Zigbee hub sends what it remembers, and a
LoRaWAN network server delivers what lay in a queue. Where a message says when the device itself spoke, that decides.
A state from long ago, or from before the hub or the device fell silent, says nothing of now: presence and the number of
people seen become "can't tell" until the device speaks again, and doors and measures are left out. What adds up (people
in and out) is kept, since it happened.

Times are µs since 1970: the device's by its hub's clock, all others by the gateway's. A hub's clock that is an hour or
more behind makes its devices' states unknown; one that is ahead tells nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from gateway.contract.wire import Event
from gateway.drivers import Decoded

OLD_US: Final = 3_600_000_000
"""A time-out's "nobody" bears the time of the last movement, minutes before (zigbee2mqtt #3510); none is longer."""
AHEAD_US: Final = 300_000_000
CACHE_US: Final = 10_000_000
"""A hub that has started sends what it remembers at once; without a time of its own it can't be told from news."""
_STATES: Final = frozenset({"desk", "count", "door"})
"""Kinds of events after which a device's state is known again; a battery's level leaves it open."""


class Freshness:
    """When the devices of one gateway last told their state, and since when each is lost."""

    def __init__(self) -> None:
        self._said: dict[str, int] = {}
        self._lost: dict[str, int] = {}
        self._back: dict[str, int] = {}

    def gone(self, device: str, at: int) -> None:
        """A device fell silent, or its hub did."""
        self._lost.setdefault(device, at)
        self._back.pop(device, None)

    def clock_stepped(self, by_us: int) -> None:
        """The gateway's clock jumped."""
        self._said.clear()
        self._lost = {device: at + by_us for device, at in self._lost.items()}
        self._back = {device: at + by_us for device, at in self._back.items()}

    def sift(self, said: Decoded, at: int) -> Decoded:
        """Return what of a message that arrived at ``at`` is of now."""
        for device in said.back:
            if device in self._lost:
                self._back[device] = at
        if not said.events:
            return said
        device = said.events[0]["device"]
        spoke_at = said.said_at if said.said_at is not None and said.said_at <= at + AHEAD_US else None
        if self._is_new(device, spoke_at, at):
            if any(event["kind"] in _STATES for event in said.events):
                self._said[device] = max(self._said.get(device, 0), at if spoke_at is None else spoke_at)
                self._lost.pop(device, None)
                self._back.pop(device, None)
            return said
        repeated = spoke_at is not None and spoke_at <= self._said.get(device, spoke_at - 1)
        return replace(said, events=tuple(_kept(said.events, repeated=repeated)), heard=())

    def _is_new(self, device: str, spoke_at: int | None, at: int) -> bool:
        lost = self._lost.get(device)
        if spoke_at is None:
            back = self._back.get(device)
            return back is None or not 0 <= at - back < CACHE_US
        return at - spoke_at <= OLD_US and (lost is None or spoke_at >= lost)


def _kept(events: Iterable[Event], *, repeated: bool) -> Iterable[Event]:
    """What an old message still says; ``repeated``: of states nothing, a newer word is known."""
    for event in events:
        if event["kind"] == "desk":
            if not repeated:
                yield {**event, "occupied": None}
        elif event["kind"] == "count" and "entered" not in event and "left" not in event:
            if not repeated:
                yield {**event, "present": None}
        elif event["kind"] not in ("door", "measure"):
            yield event
