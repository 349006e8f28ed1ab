"""The password with which a gateway signs in to the central broker."""

from __future__ import annotations

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
