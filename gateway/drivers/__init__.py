"""What every driver is: bytes of a maker in, our events out.

A driver is built for one gateway from that gateway's devices, holds no state that a restart may lose and does no I/O.
The runtime subscribes, routes, times, decides, drops repeats and stores; a driver only reads and writes dialects.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from gateway.contract.wire import Event
from gateway.drivers.introductions import Introduced
from gateway.errors import GatewayError


class DriverError(GatewayError):
    """A device said what its driver cannot read; ``reason`` is short, stable and without personal data."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class CardRead:
    """One card, as a reader of ours read it."""

    device: str
    """The reader's code within its gateway."""
    door: str
    side: Literal["in", "out"]
    uid: bytes = field(repr=False)
    """The card's own byte order: the reader's ``uid_reversed`` is applied already. Never logged."""
    bits: str = field(repr=False)
    """As the card sends them, first received first, for ``access.formats.read_bits``: a UID's, or Wiegand's with the
    parity that the reader has taken off. Never logged."""
    format: str
    """How the maker wrote it, for example ``uid``, ``wiegand24``."""
    device_at: str | None = None
    again_s: float | None = None
    """After so long the reader reads a card again that stays; None: it reads a card only as it arrives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What somebody typed at a reader with keys: a PIN or a code."""

    device: str
    door: str
    side: Literal["in", "out"]
    digits: str = field(repr=False)
    """Never logged, never stored."""
    device_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """What a QR reader of ours scanned: a guest's QR, or anything."""

    device: str
    door: str
    side: Literal["in", "out"]
    text: str = field(repr=False)
    """Never logged, never stored."""
    device_at: str | None = None
    again_s: float | None = None
    """As of ``CardRead``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A board reports that it opened its lock."""

    device: str
    by: Literal["command", "list", "button"]
    """``list``: by its own list of cards; ``button``: the exit button that it reads; ``command``: anything else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What tells one message of a device from all others, however often it is delivered, and its place among them."""

    device: str
    key: str
    """Of this message alone."""
    session: str = ""
    """``count`` rises within one."""
    count: int | None = None
    sent_at: datetime | None = None
    """By the network server's clock (aware)."""
    begins: bool = False
    """A session begins with this message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """How well a radio message was heard, where best."""

    rssi: float
    """dBm."""
    snr: float
    """dB."""
    margin: float
    """dB above what its spreading factor needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """All that one message of a device said."""

    events: tuple[Event, ...] = ()
    """Complete but for access decisions, which the runtime takes from ``reads``, ``typed`` and ``scans``."""
    reads: tuple[CardRead, ...] = ()
    typed: tuple[Typed, ...] = ()
    scans: tuple[Scanned, ...] = ()
    opened: tuple[Opened, ...] = ()
    heard: tuple[str, ...] = ()
    """Codes of the devices that are alive by this message (also a heartbeat without news)."""
    gone: tuple[str, ...] = ()
    """Codes of the devices that their hub declares offline."""
    identity: Identity | None = None
    """None: nothing tells whether the message was delivered before."""
    back: tuple[str, ...] = ()
    """Codes of the devices whose hub answers again; of themselves that says nothing."""
    link: Link | None = None
    introduced: tuple[Introduced, ...] = ()
    """Devices that aren't configured and speak on a configured one's topic."""
    said_at: int | None = None
    """When the device itself said ``events`` (µs, by its hub's clock), where the message tells."""


NOTHING = Decoded()
"""A message that is well-formed and says nothing to us (another maker's device, an answer to a command)."""


class Driver(Protocol):
    """One family of hardware, for the devices of one gateway."""

    def subscriptions(self) -> tuple[str, ...]:
        """Return the topic filters to subscribe to on the field broker."""
        ...

    def live_subscriptions(self) -> tuple[str, ...]:
        """Return those of ``subscriptions`` on which cards and codes come: worth nothing when they come late.

        The broker keeps nothing of these while the gateway is away, and everything of the others.
        """
        ...

    def decode(self, topic: str, payload: bytes, at: int) -> Decoded:
        """Read one message that arrived at ``at`` (µs, the gateway's clock); never an empty one, which says nothing.

        A device that isn't ours is ``NOTHING``.

        Raises:
            DriverError: one of ours said what cannot be read.
        """
        ...

    def unlock(self, device: str, seconds: float) -> tuple[str, bytes]:
        """Return topic and payload (never retained) that open lock ``device`` for ``seconds``.

        Raises:
            DriverError: the device is unknown here or has no lock.
        """
        ...

    def hold_open(self, device: str, seconds: float) -> tuple[str, bytes]:
        """Return what keeps lock ``device`` open for ``seconds`` more; it is sent again before they are over.

        Raises:
            DriverError: the device is unknown here or has no lock.
        """
        ...
