"""What a place has beside its devices: seats without a sensor, air, how its boards are wired; plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Building:
    """A place as it stands, as far as its gateways' file doesn't tell it."""

    seats: Mapping[str, str] = field(default_factory=dict)
    """Every seat, with or without a sensor, and the space that it stands in; empty: only those with one."""
    contacts: bool = True
    """A contact is wired to the boards of the doors."""
    heartbeat_s: Mapping[str, float] = field(default_factory=dict)
    """Seconds between two signs of life, by driver; else a third of the time within which a device is expected."""
    always_on: int = 4
    """Stations of the Wi-Fi that are there without anybody: printers, screens, the neighbour."""
    m3_a_seat: float = 30.0
    """Volume of a space with a CO2 sensor, for each seat in it (12 m² of 2.5 m)."""


PLAIN = Building()
"""What the gateways' file says, and nothing else."""
