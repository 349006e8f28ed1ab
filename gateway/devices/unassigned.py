"""The devices that a gateway hears and that aren't in its configuration.

Anything that may publish at the place can make addresses up. So there are at most ``MOST`` of them, new ones come in
at a limited rate, and one that spoke only once goes before one that speaks again.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from threading import Lock
from typing import Final

from gateway.contract.device_reports import LONGEST_ADDRESS, MOST_UNASSIGNED, UnassignedDevice
from gateway.drivers.introductions import Introduced

MOST: Final = 200
NEW_AT_ONCE: Final = 50
NEW_EVERY_S: Final = 10.0
"""Beyond ``NEW_AT_ONCE``, one new address in so many seconds."""
Key = tuple[str, str]
"""Driver, and key of the address (``DriverDescription.key``)."""


@dataclass(slots=True, kw_only=True)
class _Heard:
    address: str
    model: str | None
    kind: str | None
    lacks: str | None = None
    said: str
    first_at: int
    last_at: int
    times: int


class Unassigned:
    """Those of one gateway. Any thread may call."""

    def __init__(self) -> None:
        self.dropped = 0
        """Messages of new addresses that came too fast."""
        self._heard: dict[Key, _Heard] = {}
        self._room = float(NEW_AT_ONCE)
        self._filled_at = 0.0
        self._turn = 0
        self._lock = Lock()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._heard)

    def hear(self, key: Key, one: Introduced, *, at: int, now: float, needs_model: bool = False) -> bool:
        """Note a message; return whether it is the first of its device.

        Args:
            key: tells the device from all others.
            one: how it introduces itself.
            at: µs since 1970.
            now: seconds of a monotonic clock.
            needs_model: whether its driver can read it only with its model.
        """
        with self._lock:
            known = self._heard.pop(key, None)
            if known is None:
                if not self._admits(now) or len(one.address) > LONGEST_ADDRESS:
                    self.dropped += 1
                    return False
                if len(self._heard) >= MOST:
                    del self._heard[min(self._heard, key=lambda each: self._heard[each].times > 1)]
                known = _Heard(address="", model=None, kind=None, said="", first_at=at, last_at=at, times=0)
            known.address = max(known.address, one.address, key=len)  # one with an IP address says more
            known.model, known.kind = one.model or known.model, one.kind or known.kind
            known.lacks = "model" if needs_model and known.model is None else None
            known.said, known.last_at, known.times = one.said, at, min(known.times + 1, 2**31 - 1)
            self._heard[key] = known  # the last: `min` above finds the one that has been silent for longest
            return known.times == 1

    def page(self, assigned: AbstractSet[Key]) -> tuple[UnassignedDevice, ...]:
        """Return the next ones for a report, and forget those that are ``assigned`` by now."""
        with self._lock:
            for key in self._heard.keys() & assigned:
                del self._heard[key]
            keys = sorted(self._heard)
            if len(keys) > MOST_UNASSIGNED:
                start = self._turn % len(keys)
                keys = (keys[start:] + keys[:start])[:MOST_UNASSIGNED]
                self._turn = start + MOST_UNASSIGNED
            return tuple(_report(key, self._heard[key]) for key in keys)

    def all(self) -> tuple[UnassignedDevice, ...]:
        """Return all of them, the latest heard first."""
        with self._lock:
            return tuple(_report(key, one) for key, one in reversed(self._heard.items()))

    def _admits(self, now: float) -> bool:
        self._room = min(NEW_AT_ONCE, self._room + (now - self._filled_at) / NEW_EVERY_S)
        self._filled_at = now
        if self._room < 1:
            return False
        self._room -= 1
        return True


def _report(key: Key, one: _Heard) -> UnassignedDevice:
    return UnassignedDevice(
        driver=key[0],
        key=key[1],
        address=one.address,
        model=one.model,
        kind=one.kind,
        lacks=one.lacks,
        first_at=one.first_at,
        last_at=one.last_at,
        times=one.times,
        said=one.said,
    )
