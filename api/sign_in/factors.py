"""The secrets of second factors as they are stored: sealed with a key that only the API has, for one person each."""

from __future__ import annotations

import hmac
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from fastapi import Request

from api.http.errors import Unavailable
from api.http.state import card_keys

_PURPOSE: Final = b"maillage second factor"
_NONCE_BYTES: Final = 12


def seal_secret(request: Request, ref: str, secret: bytes) -> bytes:
    """Return ``secret`` sealed for the person ``ref``.

    Raises:
        Unavailable: this server has no keys.
    """
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + _cipher(request).encrypt(nonce, secret, ref.encode())


def open_secret(request: Request, ref: str, sealed: bytes) -> bytes:
    """Return the secret of the person ``ref``.

    Raises:
        Unavailable: this server has no keys, or others than those that it was sealed with.
    """
    nonce, text = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    try:
        return _cipher(request).decrypt(nonce, text, ref.encode())
    except InvalidTag:
        raise Unavailable("This second factor was sealed with another MAILLAGE_CARD_LOOKUP_KEY.") from None


def _cipher(request: Request) -> ChaCha20Poly1305:
    # derived from the key that cards are found by: no further secret to be made, kept and lost
    return ChaCha20Poly1305(hmac.digest(card_keys(request).lookup, _PURPOSE, "sha256"))
