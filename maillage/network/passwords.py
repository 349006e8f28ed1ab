"""The password with which a gateway signs in to the central broker, and the key of a place's evacuation list."""

from __future__ import annotations

import base64
import hmac
from hashlib import sha256


def gateway_password(secret: str, code: str) -> str:
    """Return the broker password of gateway ``code``: 64 hexadecimal digits.

    It is derived from the network's ``MAILLAGE_MQTT_SECRET``, so that the broker's password file and the gateways'
    file agree without a table of passwords; a gateway that learns its own learns no other's.

    Raises:
        ValueError: ``secret`` has fewer than 16 characters.
    """
    if len(secret) < 16:
        raise ValueError("MAILLAGE_MQTT_SECRET must have at least 16 characters")
    return hmac.new(secret.encode(), b"maillage/mqtt/" + code.encode(), sha256).hexdigest()


def muster_key(secret: str, place: str) -> str:
    """Return the key of a place's evacuation list, short enough to type on a telephone: ``abcd-efgh-ijkl``, 60 bits.

    Derived like the passwords, so no table holds it; it is printed on the place's evacuation plan.

    Raises:
        ValueError: ``secret`` has fewer than 16 characters.
    """
    if len(secret) < 16:
        raise ValueError("MAILLAGE_MQTT_SECRET must have at least 16 characters")
    digest = hmac.new(secret.encode(), b"maillage/muster/" + place.encode(), sha256).digest()
    letters = base64.b32encode(digest).decode("ascii").lower()
    return "-".join(letters[at : at + 4] for at in (0, 4, 8))
