"""What the gateways of one place must know and nobody else, derived from the network's secrets."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable

from access.tokens import token_key
from gateway.contract.configuration import Secrets
from rights.card_secret import place_key
from rights.settings import RightsSettings


def muster_key(card_secret: bytes, place: str) -> str:
    """Return the key of a place's evacuation list, short enough to type on a telephone: ``abcd-efgh-ijkl``, 60 bits.

    Derived from the network's card secret, so no table holds it; it is printed on the place's evacuation plan.
    """
    digest = hmac.digest(card_secret, b"maillage/muster/" + place.encode(), "sha256")
    letters = base64.b32encode(digest).decode("ascii").lower()
    return "-".join(letters[at : at + 4] for at in (0, 4, 8))


def secrets_of(settings: RightsSettings) -> Callable[[str], Secrets]:
    """Return what gives a place's secrets by its code."""
    card_secret = token_key(settings.card_secret.get_secret_value())

    def of(place: str) -> Secrets:
        return Secrets(card_key=place_key(card_secret, place).hex(), muster_key=muster_key(card_secret, place))

    return of
