"""What number a reader's bits may mean, by each way that a reader can be set. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from access.errors import CardError
from access.formats import Card, read_bits
from access.tokens import card_token


def number_of(key: bytes, token: str, bits: str) -> str | None:
    """Return the card number with this token among the readings of ``bits``; None: there is none."""
    return next((one for one in readings(bits) if card_token(key, one) == token), None)


def readings(bits: str) -> Iterator[str]:
    """Yield the number that each reader configuration makes of ``bits``, the usual one first."""
    for inverted in (False, True):
        for backwards in (False, True):
            try:
                card = read_bits(bits, inverted=inverted, reversed_bytes=backwards)
            except CardError:
                return
            if isinstance(card, Card):
                yield card.number
