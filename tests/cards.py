"""The card secret of the tests' networks, and what follows from it."""

from __future__ import annotations

from typing import Any, Final

import psycopg

from access import card_token
from rights.card_secret import CardKeys, place_key
from rights.place_tokens import NumberBox

CARD_SECRET: Final = "5e" * 32
SECRET: Final = bytes.fromhex(CARD_SECRET)
KEYS: Final = CardKeys.of(SECRET)
API_KEYS: Final = {
    "MAILLAGE_CARD_SEALING_KEY": KEYS.sealing_text,
    "MAILLAGE_CARD_LOOKUP_KEY": KEYS.lookup.hex(),
}
"""The API's environment."""


def token_at(place: str, number: str) -> str:
    """A card's token in the list of a place."""
    return card_token(place_key(SECRET, place), number)


def keep_number(connection: psycopg.Connection[Any], number: str) -> bytes:
    """Store a number as the rights process keeps it; return the lookup that its card has."""
    box = NumberBox(SECRET)
    lookup = box.lookup(number)
    values = (lookup, box.boxed(lookup, number))
    connection.execute("INSERT INTO card_number (lookup, boxed) VALUES (%s, %s) ON CONFLICT DO NOTHING", values)
    return lookup
