"""Drops what is not news: heartbeats thicker than one a minute, and counts of which nothing is new. Pure.

A sensor's unchanged reading still goes on once a minute, since it shows how fresh the state is. Whatever changes goes
on at once. What adds up (counts) is dropped only where the device's own time shows that it is the same report.
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
    """What was last passed on, for one gateway."""

    def __init__(self) -> None:
        self.dropped = 0
        """Events and reads that were not news."""
        self._events: dict[tuple[str, str, Any], tuple[tuple[Any, ...], int]] = {}

    def is_news(self, event: Event, *, identified: bool = False) -> bool:
        """Return whether ``event`` is to be passed on, and remember it if so.

        Args:
            identified: its message is known to be another one than all before.
        """
        row: dict[str, Any] = dict(event)
        fields = _STATES.get(event["kind"])
        if event["kind"] == "count" and ("entered" in row or "left" in row):
            # Without an identity or the device's own time nobody can tell a repeat from as many people again.
            fields = _ADDS_UP if "device_at" in row and not identified else None
        if fields is None:
            return True
        # What a door's sensor says of itself comes between what it says of the door.
        of_itself = "tamper" if row.get("state") == "tamper" else None
        key = (event["device"], event["kind"], row.get("name") or row.get("what") or of_itself)
        value = tuple(row.get(name) for name in fields)
        before = self._events.get(key)
        if before is not None and before[0] == value and 0 <= event["at"] - before[1] < HEARTBEAT_US:
            self.dropped += 1
            return False
        self._events[key] = (value, event["at"])
        return True


def is_state(event: Event) -> bool:
    """Return whether ``event`` says how things are, so that a newer one has taken its place; else it happened once."""
    if event["kind"] == "door":
        return event["state"] in ("open", "closed")
    if event["kind"] == "count":
        return "present" in event
    return event["kind"] in ("desk", "measure") or (event["kind"] == "device" and event["what"] != "fault")
