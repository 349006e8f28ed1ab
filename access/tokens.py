"""Card numbers, codes and PINs, and what a place's access list holds instead of them.

Each place has a key of its own, so that what one gateway knows says nothing of another place's cards. A card's number
is long, and one HMAC under that key hides it. A code and a PIN have a few digits: who holds a gateway's disk holds the
key and tries them all, so that each try must cost memory and time (scrypt, RFC 7914). With six digits all tries take
about five hours of one core of a server (18 ms each); a gateway's own core takes longer for each.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

from access.errors import CardError

LONGEST_UID: Final = 32
KEY_BYTES: Final = 32
PIN_BYTES: Final = 16
DIGITS: Final = 6
"""How many digits a PIN or a code has where nothing else is asked for."""
COST: Final = 1 << 13
"""scrypt's N."""
_BLOCK: Final = 8
"""scrypt's r: one try takes 128 · N · r bytes, 8 MiB."""
_digest = hmac.digest  # called a quarter of a million times for all lists of a network
_DIGITS: Final = re.compile("[0-9]{4,12}")


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
    """Read a key of 32 bytes from its 64 hexadecimal digits.

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
    """Return the token of a card's normalised number: HMAC-SHA-256 under the place's key, 64 hexadecimal digits."""
    return _digest(key, number.encode("ascii"), "sha256").hex()


def code_token(key: bytes, digits: str) -> str:
    """Return the token of a code that is typed alone, 64 hexadecimal digits. It takes about 20 ms.

    The salt is the place's, not the member's, so that a typed code costs one hash, whosever it is.

    Raises:
        CardError: it isn't 4 to 12 digits.
    """
    if _DIGITS.fullmatch(digits) is None:
        raise CardError("a keypad code has 4 to 12 digits")
    salt = hmac.digest(key, b"maillage code salt", "sha256")
    return hmac.digest(key, b"code\0" + _hard(digits, salt), "sha256").hex()


def hard_pin(member: str, pin: str) -> str:
    """Return what the centre stores of a member's PIN, 32 hexadecimal digits. It takes about 20 ms.

    Raises:
        CardError: the PIN isn't 4 to 12 digits.
    """
    if _DIGITS.fullmatch(pin) is None:
        raise CardError("a PIN has 4 to 12 digits")
    return _hard(pin, b"maillage pin\0" + member.encode())[:PIN_BYTES].hex()


def listed_pin(key: bytes, hard: str) -> str:
    """Return what a place's list holds of a PIN (``hard_pin``): half an HMAC under the place's key."""
    return hmac.digest(key, b"pin\0" + bytes.fromhex(hard), "sha256")[:PIN_BYTES].hex()


def pin_hash(key: bytes, member: str, pin: str) -> str:
    """Return what a place's list holds of the PIN that ``member`` typed, 32 hexadecimal digits. It takes about 20 ms.

    Raises:
        CardError: the PIN isn't 4 to 12 digits.
    """
    return listed_pin(key, hard_pin(member, pin))


def _hard(digits: str, salt: bytes) -> bytes:
    return hashlib.scrypt(digits.encode("ascii"), salt=salt, n=COST, r=_BLOCK, p=1, maxmem=1 << 25, dklen=32)
