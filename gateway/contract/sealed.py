"""Texts that only the holder of one private key can open: HPKE (RFC 9180), X25519, HKDF-SHA-256, ChaCha20-Poly1305.

Anyone with the public half can seal; a sealed text says nothing of who sealed it, so that what must be the centre's is
signed as well (``gateway.contract.signing``). The purpose is bound in: what was sealed for one is opened for no other.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from gateway.errors import GatewayError

ENROLLED = b"enrolled card "
"""The purpose of a card's bits that a gateway seals for the centre; the order's identifier follows."""
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


class SealError(GatewayError):
    """A key that isn't one, or a sealed text that this key doesn't open for this purpose."""


def new_pair() -> tuple[bytes, bytes]:
    """Return a new private key and its public half, 32 bytes each."""
    private = X25519PrivateKey.generate()
    return private.private_bytes_raw(), private.public_key().public_bytes_raw()


def public_half(private: bytes) -> bytes:
    """Return the public key (32 bytes) that belongs to ``private``.

    Raises:
        SealError: the key doesn't have 32 bytes.
    """
    return _private(private).public_key().public_bytes_raw()


def seal(public: bytes, text: bytes, purpose: bytes) -> bytes:
    """Return ``text`` sealed for ``purpose``; only the private half of ``public`` opens it. Never twice the same.

    Raises:
        SealError: the key isn't a public key of X25519.
    """
    try:
        return _SUITE.encrypt(text, X25519PublicKey.from_public_bytes(public), _info(purpose))
    except ValueError as error:  # of another length, or a point of small order
        raise SealError("the public key isn't one of X25519") from error


def unseal(private: bytes, sealed: bytes, purpose: bytes) -> bytes:
    """Return the text that was sealed for ``purpose``.

    Raises:
        SealError: it was sealed for another key or purpose, or was changed or cut.
    """
    key = _private(private)
    try:
        return _SUITE.decrypt(sealed, key, _info(purpose))
    except (InvalidTag, ValueError) as error:
        raise SealError("the sealed text can't be opened with this key for this purpose") from error


def _info(purpose: bytes) -> bytes:
    return b"maillage/v1/" + purpose


def _private(private: bytes) -> X25519PrivateKey:
    try:
        return X25519PrivateKey.from_private_bytes(private)
    except ValueError as error:
        raise SealError(f"the private key has {len(private)} bytes, not 32") from error
