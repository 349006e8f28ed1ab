"""An API key as text: how it is made, and the digest that is stored in its place."""

from __future__ import annotations

import secrets
from hashlib import sha256
from typing import Final

PREFIX: Final = "mk_"
_RANDOM_BYTES: Final = 32


def random_key() -> str:
    """Return a new key with 256 random bits."""
    return PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def digest_of(key: str) -> bytes:
    """SHA-256 of a key: it has 256 random bits, so that a slow hash would add nothing."""
    return sha256(key.encode()).digest()
