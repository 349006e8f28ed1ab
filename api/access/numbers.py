"""Card numbers as people send them: read into one normalised number, made a token, and forgotten. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from access.errors import CardError
from access.formats import Format, read_code
from access.tokens import card_token

_DIGITS: Final = re.compile(r"[0-9A-F]{2,64}")
_BYTES: Final[Mapping[str, int]] = {
    "H10301": 3,
    "H10306": 4,
    "H10302": 5,
    "H10304": 5,
    "EM4100": 5,
    "MIFARE4": 4,
    "MIFARE7": 7,
    "MIFARE10": 10,
}
_LEAST_SHOWN: Final = 6
"""A number with fewer digits than these isn't shown at all: its last four would be most of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What is kept of a card's number or a keypad code."""

    token: bytes
    last4: str | None
    kind: str
    """``card`` or ``code``."""
    format: str | None


def read_number(key: bytes, number: str, format_: str | None = None) -> Credential:
    """Read a card's number: its bytes in hexadecimal, in the card's order; ``:``, ``-`` and blanks are skipped.

    Args:
        key: the network's key for tokens.
        number: for example ``04:A2:24:5A:C1:6D:80``.
        format_: one of ``access.formats.Format`` but ``code``; None: 4, 7 and 10 bytes are MIFARE's, others unknown.

    Raises:
        CardError: it is none, or not of that format; the text never quotes it.
    """
    digits = number.upper().translate({ord(one): None for one in ":- "})
    if _DIGITS.fullmatch(digits) is None or len(digits) % 2:
        raise CardError("expected whole bytes in hexadecimal, 1 to 32 of them, for example 04A2245AC16D80")
    if format_ is None:
        mifare: dict[int, Format] = {8: "MIFARE4", 14: "MIFARE7", 20: "MIFARE10"}
        format_ = mifare.get(len(digits))
    elif _BYTES.get(format_) != len(digits) // 2:
        raise CardError(f"a card of format {format_} has {_BYTES.get(format_)} bytes, not {len(digits) // 2}")
    token = bytes.fromhex(card_token(key, digits))
    return Credential(
        token=token, last4=digits[-4:] if len(digits) >= _LEAST_SHOWN else None, kind="card", format=format_
    )


def read_keypad_code(key: bytes, digits: str) -> Credential:
    """Read a keypad code, 4 to 12 digits; none of them is kept for display.

    Raises:
        CardError: it is none.
    """
    number = read_code(digits).number
    return Credential(token=bytes.fromhex(card_token(key, number)), last4=None, kind="code", format="code")
