"""How an API proves that it belongs to a stack, before anybody sends it a key: a challenge and its answer.

Both sides hold a secret of the run. The port is part of the answer: a program that passes the challenge on to the real
API gets an answer for the real API's port, not for its own.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

PATH: Final = "/instance"
LONGEST_CHALLENGE: Final = 128


def proof(key: str, *, port: int, challenge: str) -> str:
    """Return the answer to ``challenge`` of the API that listens on ``port``, as hexadecimal digits."""
    text = f"maillage instance|{port}|{challenge}"
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
