"""What a gateway must know of its place, as the centre sends it: doors, devices, keys; versioned and signed."""

from __future__ import annotations

import hashlib
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.contract.wire import SHARDS, Address, Code, DeviceCode, Signature, Small

LONGEST: Final = 700_000
"""Characters of a configuration: some five thousand devices. A broker's limit is 1 MiB."""
SEALED_FOR: Final = b"configuration"
"""The purpose that ``Configuration.sealed`` is sealed for (``gateway.contract.sealed``)."""
PublicKey = Annotated[str, Field(min_length=44, max_length=44)]
"""Ed25519, 32 bytes in base64."""


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Device(_Config):
    """One reader, sensor, counter or lock."""

    code: DeviceCode
    driver: str = Field(min_length=1, max_length=64)
    """The name of an installed driver (``gateway.drivers.registry``), which is checked when the place is built."""
    kind: str | None = None
    """What it is (``device.kind`` in the database): a ``keypad`` reads codes, a ``reader`` cards."""
    model: str | None = None
    """The maker's model if the driver must know it, for example ``VS341``: docs/devices.md lists them."""
    address: str
    """In the form that its driver describes (``DriverDescription.address_form``)."""
    door: str | None = None
    """The door that a reader, lock or contact belongs to."""
    side: Literal["in", "out"] = "in"
    """Of a reader: ``in`` for people who enter the door's ``to`` space, ``out`` for those who leave it."""
    uid_reversed: bool = False
    """Of a reader: it writes card bytes in reverse order."""
    bits: int | None = Field(default=None, ge=24, le=64)
    """Of a Wiegand reader that writes numbers: how many bits its cards have, parity included. Only this gives back the
    zeros in front of a number; None: 3 bytes where the number fits, else as many as it needs."""
    inverted: bool = False
    """Of a contact: it reports open where the door is closed."""
    expect_every_s: int | None = Field(default=None, ge=1)
    """Silent for longer than this, it counts as silent."""
    space: Code | None = None
    """The space of a sensor; for the simulator. The centre knows it by the device's code."""
    desk: Code | None = None
    """The seat that a sensor watches, likewise."""


class Door(_Config):
    """A door and the device that opens its lock."""

    code: Code
    lock: DeviceCode | None = None
    """The device that gets the unlock command."""
    unlock_s: float = Field(default=5.0, gt=0, le=60)
    held_after_s: float = Field(default=30.0, gt=0, le=3600)
    from_space: Code | None = None
    """The space that the door leads from; None: from outside. For the simulator, as ``Device.space``."""
    to_space: Code | None = None
    """The space that the door leads into; None: the whole place."""


class Configuration(_Config):
    """One version of a gateway's configuration."""

    version: Small = Field(ge=1)
    shard: int = Field(ge=0, lt=SHARDS)
    place: Code
    gateway: Code
    time_zone: str = Field(max_length=64)
    doors: tuple[Door, ...] = ()
    """Where ``lock`` isn't named, the gateway finds it: it knows its drivers (``gateway.drivers.registry``)."""
    devices: tuple[Device, ...] = ()
    list_keys: tuple[PublicKey, ...] = Field(min_length=1, max_length=2)
    """The public keys that lists, orders and configurations are believed by; two during a change."""
    sealed: str | None = Field(default=None, max_length=4096)
    """Base64: the JSON of ``Secrets``, sealed for this gateway alone."""

    @property
    def address(self) -> Address:
        """Where the gateway lives in the topic tree."""
        return Address(shard=self.shard, place=self.place, gateway=self.gateway)


class Secrets(_Config):
    """What a gateway must know and nobody else."""

    card_key: str = ""
    """The place's key for card tokens (hexadecimal)."""
    muster_key: str | None = None
    """The key to the evacuation list; None: it isn't served."""


class SignedConfiguration(_Config):
    """A configuration as it travels and as it is kept."""

    body: str = Field(max_length=LONGEST)
    """JSON of a ``Configuration``."""
    signature: Signature
    """Over ``body``, purpose ``config`` (``gateway.contract.signing``)."""


def fingerprint(body: str) -> str:
    """Return the fingerprint of a configuration: with the version, its acknowledgement."""
    return hashlib.sha256(body.encode()).hexdigest()
