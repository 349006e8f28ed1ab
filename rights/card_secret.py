"""The keys that are derived from the network's card secret, which only the rights process and owner's commands hold.

A place's key makes the tokens of its list; the opening key opens card numbers that others sealed with its public half;
the look-up key makes what the API finds cards by. The API holds the public half and the look-up key: it can seal and
look up, never open. A gateway holds its place's key.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass, field
from typing import Final, Self

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from access.errors import CardError
from access.tokens import card_token, token_key
from gateway.contract.sealed import seal

NUMBER: Final = b"card number"
"""The purpose of a sealed card number."""


def place_key(secret: bytes, place: str) -> bytes:
    """Return the key of the place with this code, 32 bytes."""
    return _derive(secret, b"place\0" + place.encode())


def opening_key(secret: bytes) -> bytes:
    """Return the X25519 private key that opens sealed card numbers, 32 bytes."""
    return _derive(secret, b"opening")


def sealing_key(secret: bytes) -> bytes:
    """Return the public half of ``opening_key``, 32 bytes."""
    return X25519PrivateKey.from_private_bytes(opening_key(secret)).public_key().public_bytes_raw()


def lookup_key(secret: bytes) -> bytes:
    """Return the key that the API finds cards with, 32 bytes."""
    return _derive(secret, b"lookup")


def box_key(secret: bytes) -> bytes:
    """Return the key that the rights process keeps numbers under, 32 bytes."""
    return _derive(secret, b"box")


@dataclass(frozen=True, slots=True, kw_only=True)
class CardKeys:
    """What it takes to store a card: to seal its number, and to find it again."""

    sealing: bytes = field(repr=False)
    lookup: bytes = field(repr=False)

    @property
    def sealing_text(self) -> str:
        """The public key in base64, as ``read`` takes it."""
        return base64.b64encode(self.sealing).decode()

    @classmethod
    def of(cls, secret: bytes) -> Self:
        """Return the keys that belong to the network's card secret."""
        return cls(sealing=sealing_key(secret), lookup=lookup_key(secret))

    @classmethod
    def read(cls, sealing: str, lookup: str) -> Self:
        """Read both from text: the public key in base64, the look-up key in hexadecimal.

        Raises:
            CardError: one of them isn't 32 bytes.
        """
        try:
            public = base64.b64decode(sealing, validate=True)
        except (binascii.Error, ValueError):
            raise CardError("the sealing key isn't base64") from None
        if len(public) != 32:
            raise CardError(f"the sealing key has {len(public)} bytes, not 32")
        return cls(sealing=public, lookup=token_key(lookup))

    def found_by(self, number: str) -> bytes:
        """Return what a card with this number is found by, 32 bytes."""
        return bytes.fromhex(card_token(self.lookup, number))

    def seal(self, number: str) -> bytes:
        """Seal a number for the rights process."""
        return seal(self.sealing, number.encode("ascii"), NUMBER)


def _derive(secret: bytes, purpose: bytes) -> bytes:
    return hmac.digest(secret, b"maillage card " + purpose, "sha256")
