"""Seals a card's bits on their way from the rights process to the API: a row that no other process can read.

The API's key pair is derived from the network's card key, so that every replica opens what any of them asked for. Each
text has a key of its own: X25519 with a key made for it, HKDF-SHA-256, ChaCha20-Poly1305.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_KEY_BYTES: Final = 32
_NONCE: Final = bytes(12)
"""Each key seals one text."""


def reply_key(card_key: bytes) -> X25519PrivateKey:
    """Return the API's private key, which belongs to the network's card key (32 bytes)."""
    return X25519PrivateKey.from_private_bytes(_derive(card_key, None, b"maillage enrolment reply key"))


def public_bytes(key: X25519PrivateKey) -> bytes:
    """Return the 32 bytes that texts are sealed with."""
    return key.public_key().public_bytes_raw()


def seal(public: bytes, text: str, *, about: str) -> bytes:
    """Seal ``text`` for the holder of the private key of ``public``; ``about``: the enrolment that it belongs to.

    Raises:
        ValueError: ``public`` is no key.
    """
    once = X25519PrivateKey.generate()
    shared = once.exchange(X25519PublicKey.from_public_bytes(public))
    mine = once.public_key().public_bytes_raw()
    cipher = ChaCha20Poly1305(_derive(shared, mine + public, b"maillage enrolment"))
    return mine + cipher.encrypt(_NONCE, text.encode(), about.encode())


def unseal(key: X25519PrivateKey, sealed: bytes, *, about: str) -> str | None:
    """Return the text; None where it wasn't sealed for this key and this enrolment, or was changed."""
    theirs, text = sealed[:_KEY_BYTES], sealed[_KEY_BYTES:]
    try:
        shared = key.exchange(X25519PublicKey.from_public_bytes(theirs))
        cipher = ChaCha20Poly1305(_derive(shared, theirs + public_bytes(key), b"maillage enrolment"))
        return cipher.decrypt(_NONCE, text, about.encode()).decode()
    except (InvalidTag, ValueError):
        return None


def _derive(secret: bytes, salt: bytes | None, purpose: bytes) -> bytes:
    return HKDF(SHA256(), _KEY_BYTES, salt, purpose).derive(secret)
