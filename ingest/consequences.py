"""What events entail beside their rows: uses of passes, and alarms of doors and gateways. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from gateway.wire import Event
from ingest.topology import Device, Gateway

TELLING: Final = frozenset({"access", "access_taken", "door", "device", "gateway"})
"""Kinds of events that may entail something."""
AGAIN_US: Final = 600_000_000
"""What happens again within ten minutes is the same alarm, which counts up."""
_AT_DOORS: Final = {
    "forced": ("door_forced", "{} opened without being unlocked"),
    "held": ("door_held", "{} stands open"),
    "tamper": ("tamper", "somebody tampers with {}"),
}


@dataclass(slots=True, kw_only=True)
class Incident:
    """Something that an operator must look at, once or several times; instants in microseconds since the Unix epoch."""

    kind: str
    place: int
    gateway: int
    door: int | None
    text: str
    first_at: int
    last_at: int
    times: int = 1


class Consequences:
    """Gathers what a transaction's events entail."""

    def __init__(self) -> None:
        self.uses: dict[tuple[str, int], tuple[int, int]] = {}
        """(pass, slot) → the place and the instant of the use that was told first."""
        self.incidents: list[Incident] = []
        self._open: dict[tuple[Any, ...], Incident] = {}

    def take(self, event: Event, gateway: Gateway, device: Device | None, at: int) -> None:
        """Look at an event of ``TELLING``; ``at`` is its corrected instant."""
        if event["kind"] == "access" or event["kind"] == "access_taken":
            if "slots" in event and "pass_ref" in event:
                for slot in event["slots"]:
                    self.uses.setdefault((event["pass_ref"], slot), (gateway.place, at))
            if event.get("reason") == "too_many_tries":
                self._happened("too_many_tries", "too many wrong tries at {}", gateway, device, at)
        elif event["kind"] == "door":
            if event["state"] in _AT_DOORS:
                kind, text = _AT_DOORS[event["state"]]
                self._happened(kind, text, gateway, device, at)
        elif event["kind"] == "device":
            if event["what"] == "fault" and device is not None and device.door is not None:
                self._happened(
                    "device_fault", f"{device.kind} {event['device']} at {{}} has a fault", gateway, device, at
                )
        elif event["kind"] == "gateway" and event["what"] == "list" and event.get("text"):
            # With a value it tells of a list that it took; with a text, of one (or of an order) that it refused.
            what = "command" if event["text"].startswith("command") else "list"
            self._happened(f"{what}_refused", f"gateway {gateway.code}: {event['text'][:300]}", gateway, None, at)

    def _happened(self, kind: str, text: str, gateway: Gateway, device: Device | None, at: int) -> None:
        door = device.door if device is not None else None
        if device is not None:
            text = text.format(f"door {device.door_code}" if device.door_code is not None else f"a {device.kind}")
        text = text.replace("\0", "")
        key = (kind, gateway.id, door, None if door is not None else text)
        known = self._open.get(key)
        if known is not None and abs(at - known.last_at) <= AGAIN_US:
            known.first_at, known.last_at = min(known.first_at, at), max(known.last_at, at)
            known.times += 1
            return
        self._open[key] = incident = Incident(
            kind=kind, place=gateway.place, gateway=gateway.id, door=door, text=text, first_at=at, last_at=at
        )
        self.incidents.append(incident)
