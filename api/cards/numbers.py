"""What is stored of a card number or a keypad code: what it is found by, and its number, sealed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from access.errors import CardError
from access.formats import Card, read_code
from api.cards import notation
from rights.card_secret import CardKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What is stored of a card number or a keypad code."""

    lookup: bytes
    """What it is found by."""
    last4: str | None
    kind: Literal["card", "code"]
    format: str | None
    sealed: bytes | None = field(default=None, repr=False)
    """Its number, for the rights process; None: that has it already."""
    shown: str | None = field(default=None, repr=False)
    """A code that the server chose, for the answer that shows it once."""


def credential(keys: CardKeys, card: Card) -> Credential:
    """Return what to store of ``card``; of a keypad code no digits, since it may have only four.

    Args:
        keys: what cards are stored with.
        card: as a reader sends it.
    """
    code = card.format == "code"
    return Credential(
        lookup=keys.found_by(card.number),
        sealed=keys.seal(card.number),
        last4=None if code else card.number[-4:],
        kind="code" if code else "card",
        format=card.format,
    )


def read_number(keys: CardKeys, number: str, format_: str | None = None) -> Credential:
    """Read a card's number, in hexadecimal or as ``format_`` says (``api.cards.notation``).

    Args:
        keys: what cards are stored with.
        number: for example ``04:A2:24:5A:C1:6D:80``.
        format_: for example ``EM4100-0A-decimal``.

    Raises:
        NeedsFormat: decimal digits only, and no format with a base.
        CardError: it isn't a number of that format; the text never quotes it.
    """
    card = notation.read_number(number, format_ or "")
    if card.format == "code":
        raise CardError("a keypad code is sent as `code`")
    return credential(keys, card)


def read_keypad_code(keys: CardKeys, digits: str) -> Credential:
    """Read a keypad code of 4 to 12 digits.

    Raises:
        CardError: it isn't one.
    """
    return credential(keys, read_code(digits))
