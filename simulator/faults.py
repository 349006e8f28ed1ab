"""What goes wrong on purpose between a device and the gateway."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from simulator.errors import FaultError


class Faults(BaseModel):
    """The faults in force. Devices are named ``PLACE/DEVICE``, gateways by their codes; ``*`` stands for every one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    duplicate_rate: float = Field(default=0.0, ge=0, le=1)
    """Share of messages that come twice, up to a second apart."""
    reorder_rate: float = Field(default=0.0, ge=0, le=1)
    """Share of messages that are held back for up to two seconds, so that later ones overtake them."""
    loss_rate: float = Field(default=0.0, ge=0, le=1)
    """Share of messages that never arrive."""
    dead: tuple[str, ...] = ()
    """Devices that do nothing any more."""
    unheard: tuple[str, ...] = ()
    """Devices that work, and whose messages no antenna hears: a counter goes on counting."""
    frozen: tuple[str, ...] = ()
    """Sensors that go on reporting their last value; a counter counts nobody any more."""
    swapped: tuple[str, ...] = ()
    """Counters that are mounted the wrong way round: who goes in counts as leaving."""
    garbage: tuple[str, ...] = ()
    """Devices whose every message is cut in half."""
    clocks: Mapping[str, float] = Field(default_factory=dict)
    """Seconds that a device's own clock is wrong by."""

    offline: tuple[str, ...] = ()
    """Gateways (their codes) whose line to the centre is cut, where the simulator holds the line."""

    def is_dead(self, device: str) -> bool:
        """Return whether ``device`` does nothing any more."""
        return device in self.dead or "*" in self.dead

    def is_silent(self, device: str) -> bool:
        """Return whether nothing of ``device`` arrives, dead or unheard."""
        return self.is_dead(device) or device in self.unheard or "*" in self.unheard

    def is_frozen(self, device: str) -> bool:
        """Return whether ``device`` reports its last value only."""
        return device in self.frozen or "*" in self.frozen

    def is_swapped(self, device: str) -> bool:
        """Return whether ``device`` counts the wrong way round."""
        return device in self.swapped or "*" in self.swapped

    def is_garbled(self, device: str) -> bool:
        """Return whether ``device`` sends garbage."""
        return device in self.garbage or "*" in self.garbage

    def clock_offset_s(self, device: str) -> float:
        """Return how far ``device``'s clock is ahead, seconds."""
        return self.clocks.get(device, self.clocks.get("*", 0.0))


def changed(faults: Faults, change: Mapping[str, Any]) -> Faults:
    """Return ``faults`` with some of them replaced.

    Raises:
        FaultError: a fault that doesn't exist, or an invalid value; the text names it.
    """
    try:
        return Faults.model_validate(faults.model_dump() | dict(change))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise FaultError(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from error


def given_faults(
    faults: Faults,
    *,
    text: str | None = None,
    duplicates: float | None = None,
    reordered: float | None = None,
    dead: Sequence[str] | None = None,
    frozen: Sequence[str] | None = None,
    swapped: Sequence[str] | None = None,
    garbage: Sequence[str] | None = None,
    clocks: Sequence[str] | None = None,
) -> Faults:
    """Return ``faults`` with those that a command line names.

    Args:
        faults: those in force without it.
        text: a JSON object of any of them; the others below count more.
        duplicates: a rate.
        reordered: a rate.
        dead: devices, ``PLACE/DEVICE``.
        frozen: sensors.
        swapped: counters.
        garbage: devices.
        clocks: written ``PLACE/DEVICE=SECONDS``.

    Raises:
        FaultError: a fault that makes no sense.
    """
    if text is not None:
        faults = changed(faults, _object(text))
    change: dict[str, Any] = {
        "duplicate_rate": duplicates,
        "reorder_rate": reordered,
        "dead": dead,
        "frozen": frozen,
        "swapped": swapped,
        "garbage": garbage,
    }
    if clocks:
        offsets = dict(one.rpartition("=")[::2] for one in clocks)
        if "" in offsets:
            raise FaultError("a wrong clock is written PLACE/DEVICE=SECONDS")
        change["clocks"] = offsets
    return changed(faults, {name: value for name, value in change.items() if value is not None})


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise FaultError("the faults are not JSON") from error
    if not isinstance(value, dict):
        raise FaultError('the faults are no JSON object like {"duplicate_rate": 0.1}')
    return value
