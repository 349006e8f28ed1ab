"""Ed25519 over what the centre sends to the edge (lists, orders, configurations), guests' QRs, and audit receipts.

Both ends use this file. Keys and signatures travel as base64 (standard alphabet): seed 32 bytes, public key 32 bytes,
signature 64 bytes. A signature covers the purpose as well as the text, so that a list can never pass for an order.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.errors import GatewayError

Purpose = Literal["list", "delta", "command", "config", "audit", "certificate", "guest"]


class SignatureError(GatewayError):
    """A text that isn't signed with the centre's key, or an invalid key."""


def new_seed() -> str:
    """Return a new private key (base64 of its 32-byte seed)."""
    return base64.b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode()


def public_key(seed: str) -> str:
    """Return the public key (base64) that belongs to ``seed``.

    Raises:
        SignatureError: the seed isn't 32 bytes in base64.
    """
    return base64.b64encode(_private(seed).public_key().public_bytes_raw()).decode()


def sign(seed: str, purpose: Purpose, body: str) -> str:
    """Return the signature (base64) over ``body`` for ``purpose``.

    Raises:
        SignatureError: the seed isn't 32 bytes in base64.
    """
    return base64.b64encode(_private(seed).sign(_covered(purpose, body))).decode()


def verify(keys: str | Sequence[str] | None, purpose: Purpose, body: str, signature: str) -> str:
    """Return the key whose private half made ``signature`` over ``body`` for ``purpose``.

    Args:
        keys: the public keys that are believed: one, or two while the signing key changes.

    Raises:
        SignatureError: none of them, or there is no key to check it with.
    """
    believed = (keys,) if isinstance(keys, str) else keys
    if not believed:
        raise SignatureError("no key to check a signature with")
    raw, covered = _bytes(signature, 64, "signature"), _covered(purpose, body)
    for key in believed:
        try:
            Ed25519PublicKey.from_public_bytes(_bytes(key, 32, "key")).verify(raw, covered)
        except InvalidSignature:
            continue
        return key
    raise SignatureError("the signature doesn't match")


def _covered(purpose: Purpose, body: str) -> bytes:
    return b"maillage/v1/" + purpose.encode() + b"\n" + body.encode()


@lru_cache(maxsize=4)
def _private(seed: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(_bytes(seed, 32, "seed"))


def _bytes(text: str, length: int, what: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SignatureError(f"the {what} isn't base64") from error
    if len(raw) != length:
        raise SignatureError(f"the {what} has {len(raw)} bytes, not {length}")
    return raw
