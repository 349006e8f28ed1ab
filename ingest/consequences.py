"""What events entail beside their rows: uses of passes, and alarms of doors and gateways. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from gateway.contract.wire import Event
from occupancy.topology import Device, Gateway

TELLING: Final = frozenset({"access", "access_taken", "door", "device", "gateway"})
"""Kinds of events that may entail something."""


@dataclass(slots=True, kw_only=True)
class Incident:
    """Something that an operator must look at, once or several times; instants in microseconds since the Unix epoch."""

    kind: str
    place: int
    gateway: int
    text: str
    first_at: int
    last_at: int
    door: int | None = None
    device: str | None = None
    """Its code, where it has no door."""
    times: int = 1


class Consequences:
    """Gathers what a transaction's events entail."""

    def __init__(self) -> None:
        self.uses: dict[tuple[str, int, int], tuple[int, int]] = {}
        """(pass, slot, gateway) → its place and the instant of the use that it reported first."""
        self.incidents: list[Incident] = []
        self._open: dict[tuple[Any, ...], Incident] = {}

    def take(self, event: Event, gateway: Gateway, device: Device | None, at: int) -> None:
        """Look at an event of ``TELLING``; ``at`` is its corrected instant."""
        if (event["kind"] == "access" or event["kind"] == "access_taken") and "slots" in event and "pass_ref" in event:
            for slot in event["slots"]:
                self.uses.setdefault((event["pass_ref"], slot, gateway.id), (gateway.place, at))
        said = _said(event, gateway, device)
        if said is None:
            return
        kind, text = said
        door = device.door if device is not None else None
        code = event["device"] if device is not None and door is None else None
        known = self._open.get((kind, gateway.id, door, code))
        if known is not None:
            known.first_at, known.last_at = min(known.first_at, at), max(known.last_at, at)
            known.times += 1
            return
        self._open[kind, gateway.id, door, code] = incident = Incident(
            kind=kind,
            place=gateway.place,
            gateway=gateway.id,
            door=door,
            device=code,
            text=text.replace("\0", ""),
            first_at=at,
            last_at=at,
        )
        self.incidents.append(incident)


_REFUSED: Final = {
    "command": "command_refused",
    "config": "configuration_refused",
    "certificate": "certificate_refused",
}
"""Alarms by what a gateway refused; others are of its list."""
_COMMANDED: Final = {
    "command": "a command to its lock was seen that the gateway did not send",
    "retained": "the place's broker kept a command to its lock, which was removed",
    "opened": "its board reports that it opened without an order of the gateway",
}


def _said(event: Event, gateway: Gateway, device: Device | None) -> tuple[str, str] | None:
    """Return the kind and the text of the alarm that ``event`` is; None: it is none."""
    where = f"door {device.door_code}" if device is not None and device.door is not None else event["device"]
    if event["kind"] == "access" and (event["reason"] == "too_many_tries" or "tries" in event):
        return "too_many_tries", f"too many wrong tries at {where}"
    if event["kind"] == "door" and event["state"] == "forced" and event.get("unsure"):
        return (
            "door_unexplained",
            f"{where} opened without being unlocked: by the handle or by force, nothing tells which",
        )
    if event["kind"] == "door" and event["state"] == "forced":
        return "door_forced", f"{where} opened without being unlocked"
    if event["kind"] == "door" and event["state"] == "held":
        return "door_held", f"{where} stands open"
    if event["kind"] == "door" and event["state"] == "tamper":
        return "tamper", f"somebody tampers with {where}"
    if event["kind"] == "device" and (how := event.get("commanded")) is not None:
        return "lock_commanded_elsewhere", f"{where}: {_COMMANDED.get(how, how)}"
    if event["kind"] == "device" and "trouble" in event:
        return None  # the gateway's state says how long it lasts (ingest.device_states)
    if event["kind"] == "device" and event["what"] == "fault" and device is not None and device.door is not None:
        return "device_fault", f"{event['device']} at {where} has a fault"
    if event["kind"] == "gateway" and event["what"] == "spool":
        return "spool_fault", f"gateway {gateway.code}: {event.get('text', '')[:300]}"
    if event["kind"] == "gateway" and event["what"] == "list" and event.get("text"):
        # With a value: the list version that it accepted. With a text: why it refused what it was sent.
        kind = _REFUSED.get(event.get("refused", event["text"].partition(" ")[0]), "list_refused")
        return kind, f"gateway {gateway.code}: {event['text'][:300]}"
    return None
