"""Card numbers: one normalised form, and the token that stands for it everywhere else."""

from __future__ import annotations

import hmac
from typing import Final

from access.errors import CardError

LONGEST_UID: Final = 32
KEY_BYTES: Final = 32
PIN_BYTES: Final = 16


def normalise(uid: bytes) -> str:
    """Return a card's number as every list and token knows it: its bytes in upper-case hexadecimal.

    The bytes are in the card's own order: what a reader reversed is put right by its driver. Leading zeros count.

    Raises:
        CardError: no byte, or more than 32.
    """
    if not 1 <= len(uid) <= LONGEST_UID:
        raise CardError(f"a card number has 1 to {LONGEST_UID} bytes, not {len(uid)}")
    return uid.hex().upper()


def token_key(text: str) -> bytes:
    """Read the network's key for card tokens from its 64 hexadecimal digits.

    Raises:
        CardError: it isn't 32 bytes in hexadecimal.
    """
    try:
        key = bytes.fromhex(text)
    except ValueError:
        raise CardError("the card key isn't hexadecimal") from None  # the cause would quote the key
    if len(key) != KEY_BYTES:
        raise CardError(f"the card key has {len(key)} bytes, not {KEY_BYTES}")
    return key


def card_token(key: bytes, number: str) -> str:
    """Return the token of a normalised number: HMAC-SHA-256 under the network's key, 64 hexadecimal digits."""
    return hmac.digest(key, number.encode("ascii"), "sha256").hex()


def pin_hash(key: bytes, member: str, pin: str) -> str:
    """Return what a list holds of a member's PIN: half an HMAC-SHA-256 under the network's key, 32 hexadecimal digits.

    A PIN has too few digits for any hash without a key to hide it; the key stands between a stolen list and the PINs.

    Raises:
        CardError: the PIN isn't 4 to 12 digits.
    """
    if not (4 <= len(pin) <= 12 and pin.isascii() and pin.isdigit()):
        raise CardError("a PIN has 4 to 12 digits")
    return hmac.digest(key, f"pin\0{member}\0{pin}".encode(), "sha256")[:PIN_BYTES].hex()
