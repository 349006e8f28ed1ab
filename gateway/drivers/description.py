"""What a driver states about itself, so that no other module knows a driver by its name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from gateway.contract.configuration import Device
from gateway.drivers import Driver, DriverError
from gateway.drivers.introductions import Introduction

Capability = Literal["reads_cards", "reads_codes", "reads_qr", "unlocks", "holds_open", "counts", "senses"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSide:
    """One device at the place's broker: what its login there may do, and what is typed into it."""

    topic: str
    """What its settings call the topic."""
    says: tuple[str, ...]
    """Topic filters that it publishes to."""
    hears: tuple[str, ...] = ()
    """Topic filters that its commands come by."""
    bridge: str | None = None
    """The program that logs in for it and for others, for example ``zigbee2mqtt``; None: the device itself."""


_NEEDS: Final[Mapping[str, tuple[frozenset[Capability], str]]] = {
    "reader": (frozenset({"reads_cards", "reads_qr"}), "reads no cards"),
    "keypad": (frozenset({"reads_codes"}), "reads no codes"),
    "lock": (frozenset({"unlocks"}), "opens no lock"),
}
"""By kind of device: what its driver must be able to do, one of these; and what to say of one that cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverDescription:
    """One driver: its name, its devices' addresses, what it can do, and how to make it."""

    name: str
    """As in the configuration and in the database's ``device.driver``."""
    label: str
    """The name that people know."""
    transports: tuple[str, ...]
    """How messages come, from the device to the gateway, for example ``("lorawan", "mqtt")``."""
    capabilities: frozenset[Capability]
    address: re.Pattern[str]
    """What a device's whole address matches."""
    address_form: str
    """The same for people, for example ``TOPIC#HOSTNAME``."""
    address_example: str
    secrets: frozenset[str] | None
    """Names (lower case) of the fields of its JSON messages that hold a card's number or a code: removed from what is
    stored of a message that could not be read. None: of such a message only the length is stored."""
    models: frozenset[str] | None = None
    """The makers' models (capital letters) that it can read, of which a device must name one; None: it needs none."""
    shows_broken: bool = False
    """Whether a message on a topic of cards and codes (``Driver.live_subscriptions``) that is no JSON is stored up to
    its first secret field. Otherwise only its length is stored."""
    make: Callable[[tuple[Device, ...]], Driver]
    """Makes the driver for its devices of one gateway. Raises ``DriverError`` for a device that it cannot serve."""
    default_kind: str | None = None
    """What a device is whose configuration states no ``kind``."""
    expect_every_s: int | None = None
    """A device that is silent for longer is unwell, where its own configuration states nothing else."""
    expect_every_by_kind: Mapping[str, int] = field(default_factory=dict)
    """The same of devices of a kind that speak less often than the others."""
    battery_low: Mapping[str, float] = field(default_factory=dict)
    """Below this percentage a battery is low, by model (upper case); under ``""`` that of all others."""
    judges_doors: bool = False
    """Its devices report ``tamper`` and ``held`` by their own relay alone, and so also while a door is rightly open:
    then the report is dropped."""

    field_side: Callable[[str], FieldSide] | None = None
    """Of a device's address: its topics at the place's broker. None: its devices get no login there."""
    speaks_tls: bool = False
    """Its devices, or their bridge, can reach the broker by TLS."""
    names_command: Callable[[bytes], str | None] | None = None
    """The command in a message to a device, for people, without any card number or name in it; None: not known."""
    needs_model: bool = False
    """Whether it can read a device only if its model is configured."""
    listens: tuple[str, ...] = ()
    """Topic filters under which devices of this dialect speak that aren't configured. None: they aren't found."""
    introduce: Callable[[str, bytes], Introduction] | None = None
    """Reads a message on one of ``listens``. Raises ``DriverError`` where it can't be read."""
    key: Callable[[str], str] = str.casefold
    """Of two addresses with the same key, both are of the same device."""
    reserved: re.Pattern[str] | None = None
    """Topics of its bridge or network server. No device, whatever its driver, has its address there: a command to it
    would be a command to the bridge."""

    def expects(self, device: Device) -> int | None:
        """Return after how many seconds of silence a device is unwell; None: nothing tells.

        A contact on a battery may only speak when its door moves: without a rhythm of its own it isn't called silent,
        since its door would no longer be watched.
        """
        if device.expect_every_s is not None:
            return device.expect_every_s
        kind = device.kind or self.default_kind or ("contact" if device.door is not None else None)
        if kind == "contact":
            return None
        return self.expect_every_by_kind.get(kind or "", self.expect_every_s)

    def check(self, device: Device) -> None:
        """Check a device's address.

        Raises:
            DriverError: ``bad_address``, with the device, the form and an example.
        """
        if (fault := self._address_fault(device)) is not None:
            raise DriverError(f"bad_address: device {device.code}: {fault}")

    def unfit(self, device: Device) -> tuple[str, str] | None:
        """Return what this driver cannot do with a device that is entered anew, or None.

        Returns:
            The field (``kind``, ``address`` or ``model``), and a sentence for people.
        """
        needs, lacks = _NEEDS.get(device.kind or "", (self.capabilities, ""))
        if not needs & self.capabilities and lacks:
            return "kind", f"{self.label} {lacks}: choose another kind or another driver"
        if (fault := self._address_fault(device)) is not None:
            return "address", fault
        if self.models is not None and (device.model or "").upper() not in self.models:
            given = f"cannot read the model {device.model!r}" if device.model else "must know the model"
            return "model", f"{self.label} {given}; write one of {', '.join(sorted(self.models))}"
        return None

    def _address_fault(self, device: Device) -> str | None:
        if self.address.fullmatch(device.address):
            return None
        return (
            f"{self.label} cannot use {device.address!r}; write {self.address_form}, for example {self.address_example}"
        )
