"""Drops repeats: an unchanged state within a minute, and counts that were reported before. Pure.

An unchanged state is still passed on once a minute, which shows how fresh it is; a change is passed on at once. Counts,
which add up, are dropped only where the device's own time shows that it is the same report.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.contract.wire import Event

HEARTBEAT_US: Final = 60_000_000
_STATES: Final[dict[str, tuple[str, ...]]] = {
    "desk": ("occupied",),
    "door": ("state",),
    "measure": ("value",),
    "device": ("value", "text"),
    "count": ("present",),
}
_ADDS_UP: Final = ("entered", "left", "device_at")


class Repeats:
    """The events of one gateway that were passed on last."""

    def __init__(self) -> None:
        self.dropped = 0
        """Events and card reads that were dropped as repeats."""
        self._events: dict[tuple[str, str, Any], tuple[tuple[Any, ...], int]] = {}

    def is_news(self, event: Event, *, identified: bool = False) -> bool:
        """Return whether ``event`` is to be passed on, and remember it if so.

        Args:
            identified: its message is known to differ from all before.
        """
        row: dict[str, Any] = dict(event)
        fields = _STATES.get(event["kind"])
        if event["kind"] == "count" and ("entered" in row or "left" in row):
            # Without an identity or the device's own time a repeat looks like as many people again.
            fields = _ADDS_UP if "device_at" in row and not identified else None
        if fields is None:
            return True
        # Tamper events of a door's sensor come in between the states of the door.
        of_itself = "tamper" if row.get("state") == "tamper" else None
        key = (event["device"], event["kind"], row.get("name") or row.get("what") or of_itself)
        value = tuple(row.get(name) for name in fields)
        before = self._events.get(key)
        if before is not None and before[0] == value and 0 <= event["at"] - before[1] < HEARTBEAT_US:
            self.dropped += 1
            return False
        self._events[key] = (value, event["at"])
        return True

    def forget(self, device: str) -> None:
        """Another device has this code from now on, or none."""
        self._events = {key: value for key, value in self._events.items() if key[0] != device}


def is_state(event: Event) -> bool:
    """Return whether ``event`` is a state, which a newer one replaces; else it happened once."""
    if event["kind"] == "door":
        return event["state"] in ("open", "closed")
    if event["kind"] == "count":
        return "present" in event
    return event["kind"] in ("desk", "measure") or (event["kind"] == "device" and event["what"] != "fault")
