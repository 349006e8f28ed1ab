"""Card numbers as people send them: read into one normalised number, made a token, and forgotten."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace

from access.errors import CardError
from access.formats import read_code
from access.tokens import card_token
from api.cards import notation


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What is kept of a card's number or a keypad code."""

    token: bytes
    last4: str | None
    kind: str
    """``card`` or ``code``."""
    format: str | None
    shown: str | None = field(default=None, repr=False)
    """A code that the server has chosen, for the one answer that shows it."""


def read_number(key: bytes, number: str, format_: str | None = None) -> Credential:
    """Read a card's number, in hexadecimal or as ``format_`` says (``api.cards.notation``).

    Args:
        key: the network's key for tokens.
        number: for example ``04:A2:24:5A:C1:6D:80``.
        format_: for example ``EM4100-0A-decimal``.

    Raises:
        NeedsFormat: decimal digits only, and no format says of which base.
        CardError: it is none, or not of that format; the text never quotes it.
    """
    card = notation.read_number(number, format_ or "")
    if card.format == "code":
        raise CardError("a keypad code is sent as `code`")
    token = bytes.fromhex(card_token(key, card.number))
    return Credential(token=token, last4=card.number[-4:], kind="card", format=card.format)


def read_keypad_code(key: bytes, digits: str) -> Credential:
    """Read a keypad code, 4 to 12 digits; none of them is kept for display.

    Raises:
        CardError: it is none.
    """
    number = read_code(digits).number
    return Credential(token=bytes.fromhex(card_token(key, number)), last4=None, kind="code", format="code")


def new_code(key: bytes, digits: int) -> Credential:
    """Choose a keypad code of so many digits."""
    chosen = "".join(secrets.choice("0123456789") for _ in range(digits))
    return replace(read_keypad_code(key, chosen), shown=chosen)
