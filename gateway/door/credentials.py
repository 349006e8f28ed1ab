"""Turns what was presented at a door into the token to decide on: a card's bits, a PIN's or a code's digits, a QR."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

from access import CardError, card_token, code_token, pin_hash
from access.formats import Card, read_bits
from access.guest_qr import GuestQr, QrFault
from gateway.contract import guest_qr
from gateway.contract.configuration import Device
from gateway.drivers import CardRead
from gateway.drivers.registry import installed

NO_PIN: Final = "-"
"""Equals no PIN's hash: too short or too long a PIN is a wrong one."""
_NO_CODE: Final = "?code"
"""Stands for digits that can't be a code: its token has no entry, so that it counts as a wrong code."""


def identified(key: bytes | None, read: CardRead) -> tuple[Card | None, str | None, int | None]:
    """Return the card, the token to decide on, and the number of bits of a card whose format is unknown."""
    try:
        found = read_bits(read.bits)
    except CardError:
        return None, None, None
    if isinstance(found, Card):
        return found, card_token(key, found.number) if key is not None else None, None
    if found.why == "parity" or key is None:
        return None, None, found.bits  # a misreading is no card at all
    return None, card_token(key, f"?{found.bits}:{read.bits}"), found.bits


def typed_pin(key: bytes, member: str, digits: str) -> str:
    """Return the hash of a PIN that ``member`` typed."""
    try:
        return pin_hash(key, member, digits)
    except CardError:
        return NO_PIN


def typed_code(key: bytes, digits: str) -> str:
    """Return the token of a code."""
    try:
        return code_token(key, digits)
    except CardError:
        return no_code(key)


def no_code(key: bytes) -> str:
    """Return a token that no code has: it counts as a wrong one."""
    return card_token(key, _NO_CODE)


def scanned_qr(key: bytes, keys: Sequence[str], place: str, text: str, doors: Iterable[str]) -> GuestQr:
    """Return what a scanned text is worth at ``place``.

    Args:
        key: the place's, for tokens.
        keys: the centre's public keys that are believed.
        place: its code.
        text: as scanned; of one that isn't ours only a keyed hash is left.
        doors: that this gateway knows.
    """
    try:
        said = guest_qr.read(keys, place, text, doors)
    except (guest_qr.QrElsewhere, guest_qr.QrUnreadable) as error:
        digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
        fault: QrFault = "qr_elsewhere" if isinstance(error, guest_qr.QrElsewhere) else "qr_unsigned"
        return GuestQr(token=card_token(key, f"?qr:{digest}"), fault=fault)
    return GuestQr(
        token=card_token(key, guest_qr.number_of(said.member)),
        member=said.member,
        doors=said.doors,
        starts=said.starts,
        ends=said.ends,
        version=said.version,
    )


def outer_reader(devices: Iterable[Device], door: str) -> Device | None:
    """Return what reads cards or codes outside of ``door``, rather a reader than a keypad; None: nothing does."""
    outside = [one for one in devices if one.door == door and one.side == "in" and _reads(one)]
    return min(outside, key=lambda one: one.kind == "keypad", default=None)


def _reads(device: Device) -> bool:
    """Whether a device reads cards or codes."""
    driver = installed().get(device.driver)
    return driver is not None and (device.kind or driver.default_kind) in ("reader", "keypad")
