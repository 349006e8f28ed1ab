"""The network's key for card tokens and PINs, as this process was given it."""

from __future__ import annotations

from fastapi import Request

from access.tokens import token_key
from api.http.errors import Unavailable
from api.http.state import parts_of


def card_key(request: Request) -> bytes:
    """The key, 32 bytes.

    Raises:
        Unavailable: this server was given none.
    """
    given = parts_of(request).settings.card_key
    if given is None:
        raise Unavailable("This server can't take in cards, codes or PINs: it was started without MAILLAGE_CARD_KEY.")
    return token_key(given.get_secret_value())
