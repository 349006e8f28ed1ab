"""What a gateway's state says of devices: those that are unwell, and those that it hears and nobody has assigned."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

MOST_UNWELL: Final = 1000
"""Devices in a state; further ones are dropped, so that the rest of the state is still read."""
MOST_UNASSIGNED: Final = 16
"""Unassigned devices in one state: a gateway that hears more sends them by turns."""
MOST_REPORTED: Final = 16
"""Configured devices in one state, likewise."""
LONGEST_ADDRESS: Final = 200

_Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f]*$")]
_Address = Annotated[str, Field(min_length=1, max_length=LONGEST_ADDRESS, pattern=r"^[^\x00-\x1f]*$")]
_Number = Annotated[float, Field(allow_inf_nan=False)]
_Micros = Annotated[int, Field(ge=-(2**62), le=2**62)]


class _Report(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class DeviceHealth(_Report):
    """A device that is silent or faulty, as far as the gateway knows."""

    device: Annotated[str, Field(min_length=1, max_length=64)]
    silent_since: _Micros | None = None
    fault: Annotated[str, Field(max_length=2000)] | None = None
    """What is wrong with it, as a sentence."""
    troubles: Annotated[tuple[_Name, ...], Field(max_length=16)] = ()
    """The same as words (``DeviceReport.troubles``)."""


class DeviceReport(_Report):
    """A configured device: when it was heard, and how it is."""

    device: Annotated[str, Field(min_length=1, max_length=64)]
    heard_at: _Micros | None = None
    """None: not since the gateway's start."""
    expect_every_s: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    """Silent for longer, it counts as silent; None: nothing tells how often it speaks."""
    silent_since: _Micros | None = None
    battery: _Number | None = None
    """Percent."""
    rssi: _Number | None = None
    """dBm."""
    snr: _Number | None = None
    """dB."""
    linkquality: _Number | None = None
    """Zigbee's, 0 to 255."""
    troubles: Annotated[tuple[_Name, ...], Field(max_length=16)] = ()
    """``low_battery``, ``bad_link``, ``stuck``; later versions may know more."""


class UnassignedDevice(_Report):
    """A device that the gateway hears and that isn't in its configuration."""

    driver: _Name
    model: _Name | None = None
    """As its messages name it; None: they don't."""
    kind: _Name | None = None
    """What it seems to be, by what it said (``device.kind`` in the database)."""
    lacks: _Name | None = None
    """What its driver must be given to read it: ``model``."""
    address: _Address
    """As a configured device's address is written."""
    key: _Address
    """The part of the address by which it is the same device, however the address is written."""
    first_at: _Micros
    last_at: _Micros
    times: Annotated[int, Field(ge=1, le=2**31 - 1)]
    """Messages heard since the gateway's start."""
    said: Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f]*$")]
    """What it last said; never a card's number nor a code."""


def _first(most: int) -> BeforeValidator:
    """Drop what a list has beyond ``most``: the rest is still read."""
    return BeforeValidator(lambda given: given[:most] if isinstance(given, list | tuple) else given)


Unwell = Annotated[tuple[DeviceHealth, ...], _first(MOST_UNWELL), Field(max_length=MOST_UNWELL)]
Reports = Annotated[tuple[DeviceReport, ...], _first(MOST_REPORTED), Field(max_length=MOST_REPORTED)]
Unassigned = Annotated[tuple[UnassignedDevice, ...], _first(MOST_UNASSIGNED), Field(max_length=MOST_UNASSIGNED)]
