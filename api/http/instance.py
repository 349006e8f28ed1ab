"""How an API proves that it belongs to a stack before a client sends it a key: a challenge and its response.

Both sides hold a secret of the run. The port is part of the response: a program that relays the challenge to the real
API gets a response for the real API's port, not for its own.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

PATH: Final = "/instance"
LONGEST_CHALLENGE: Final = 128


def proof(key: str, *, port: int, challenge: str) -> str:
    """Return the response to ``challenge`` of the API that listens on ``port``, as hexadecimal digits."""
    text = f"maillage instance|{port}|{challenge}"
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
