"""What is stored of a card number or a keypad code: its token, and the last four digits of a card. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from access.errors import CardError
from access.formats import Card, read_code
from access.tokens import card_token
from api.cards import notation


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What is stored of a card number or a keypad code."""

    token: bytes
    last4: str | None
    kind: Literal["card", "code"]
    format: str | None
    shown: str | None = field(default=None, repr=False)
    """A code that the server chose, for the answer that shows it once."""


def credential(key: bytes, card: Card) -> Credential:
    """Return what to store of ``card``; of a keypad code no digits, since it may have only four.

    Args:
        key: the network's key for tokens.
        card: as a reader sends it.
    """
    token, code = bytes.fromhex(card_token(key, card.number)), card.format == "code"
    return Credential(
        token=token, last4=None if code else card.number[-4:], kind="code" if code else "card", format=card.format
    )


def read_number(key: bytes, number: str, format_: str | None = None) -> Credential:
    """Read a card's number, in hexadecimal or as ``format_`` says (``api.cards.notation``).

    Args:
        key: the network's key for tokens.
        number: for example ``04:A2:24:5A:C1:6D:80``.
        format_: for example ``EM4100-0A-decimal``.

    Raises:
        NeedsFormat: decimal digits only, and no format with a base.
        CardError: it isn't a number of that format; the text never quotes it.
    """
    card = notation.read_number(number, format_ or "")
    if card.format == "code":
        raise CardError("a keypad code is sent as `code`")
    return credential(key, card)


def read_keypad_code(key: bytes, digits: str) -> Credential:
    """Read a keypad code of 4 to 12 digits.

    Raises:
        CardError: it isn't one.
    """
    return credential(key, read_code(digits))
