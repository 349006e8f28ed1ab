"""How a device that isn't configured introduces itself: by which address, and what it said, in a few words.

Nothing of a card or a code is in it: of a reader's message it says that a card was read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from gateway.contract.wire import Event

LONGEST_WORDS: Final = 160
_UNITS: Final = {"temperature": "°C", "humidity": "%", "co2": "ppm", "illuminance": "lx"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Introduced:
    """A device, as one of its messages (or its hub) shows it."""

    address: str
    """In the form of ``DriverDescription.address``."""
    said: str
    model: str | None = None
    kind: str | None = None
    """What it seems to be (``Device.kind``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Introduction:
    """What one message tells of devices."""

    devices: tuple[Introduced, ...] = ()
    listen: str | None = None
    """A topic filter under which more devices speak, which only this message tells."""


NOBODY: Final = Introduction()


def words(events: Iterable[Event]) -> str:
    """Return what ``events`` say, for people, for example ``occupied, battery 98 %``."""
    return ", ".join(word for event in events if (word := _word(event)))[:LONGEST_WORDS]


def kind_of(events: Iterable[Event]) -> str | None:
    """Return what a device seems to be that says ``events``; None: they don't tell."""
    said = {event["kind"] for event in events if event["kind"] != "measure" or event["name"] != "linkquality"}
    for event, kind in (("count", "counter"), ("desk", "desk_sensor"), ("door", "contact"), ("measure", "climate")):
        if event in said:
            return kind
    return None


def _word(event: Event) -> str:
    if event["kind"] == "desk":
        return {True: "occupied", False: "free", None: "occupancy unknown"}[event["occupied"]]
    if event["kind"] == "door":
        return event["state"]
    if event["kind"] == "count":
        if "present" in event:
            return "present unknown" if event["present"] is None else f"{event['present']} present"
        return f"{event.get('entered', 0)} in, {event.get('left', 0)} out"
    if event["kind"] == "measure":
        return f"{event['name']} {event['value']:g} {_UNITS.get(event['name'], '')}".rstrip()
    if event["kind"] == "device" and event["what"] == "battery":
        return f"battery {event.get('value', 0):g} %"
    return ""
