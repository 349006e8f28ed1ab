"""What a place's list holds instead of card numbers, codes and PINs: tokens and hashes under the place's key.

Numbers come sealed from the API and are opened once; then they lie in the database under a key that only the rights
process derives. A code's token takes a memory-hard hash, which is made beside the lists (``rights.codes``).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from access.tokens import card_token, listed_pin
from gateway.contract.sealed import SealError, unseal
from rights.card_secret import NUMBER, box_key, lookup_key, opening_key, place_key

_NONCE: Final = 12


class NumberBox:
    """Opens what the API sealed, and keeps numbers for the rights process alone."""

    def __init__(self, secret: bytes) -> None:
        """``secret``: the network's card secret."""
        self._opening = opening_key(secret)
        self._lookup = lookup_key(secret)
        self._cipher = ChaCha20Poly1305(box_key(secret))

    def lookup(self, number: str) -> bytes:
        """Return what the API finds the card with this number by."""
        return bytes.fromhex(card_token(self._lookup, number))

    def unsealed(self, lookup: bytes, sealed: bytes) -> str | None:
        """Return the number that was sealed; None: it wasn't for us, or isn't the number of ``lookup``."""
        try:
            number = unseal(self._opening, sealed, NUMBER).decode("ascii")
        except (SealError, UnicodeDecodeError):
            return None
        return number if self.lookup(number) == lookup else None

    def boxed(self, lookup: bytes, number: str) -> bytes:
        """Return ``number`` as the database keeps it."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher.encrypt(nonce, number.encode("ascii"), lookup)

    def opened(self, lookup: bytes, boxed: bytes) -> str | None:
        """Return the number in ``boxed``; None: it was kept under another secret, or changed."""
        try:
            return self._cipher.decrypt(boxed[:_NONCE], boxed[_NONCE:], lookup).decode("ascii")
        except (InvalidTag, ValueError):
            return None


class PlaceTokens:
    """The tokens of some members' cards at any place. Made for one turn: it holds numbers in clear."""

    def __init__(self, secret: bytes, box: NumberBox, keys: dict[str, bytes]) -> None:
        """``keys``: places' keys by code, as far as they are known; it is added to."""
        self._secret = secret
        self._box = box
        self._keys = keys
        self._numbers: dict[bytes, str] = {}
        self._codes: Mapping[tuple[int, bytes], str] = {}
        self.opened: list[tuple[bytes, bytes]] = []
        """Numbers that were sealed: lookup, and as they are to be kept from now on."""
        self.unreadable: list[bytes] = []
        """Lookups of numbers that can't be opened."""
        self.lookups: dict[str, bytes] = {}
        """Whose each token is."""
        self.missing: dict[tuple[int, bytes], tuple[str, str]] = {}
        """Codes without a token yet, by place and lookup: the place's code, the digits."""

    def take(self, numbers: Iterable[tuple[bytes, bytes | None, bytes | None]], codes: Iterable[Any]) -> None:
        """Take rows of ``rights.store.numbers`` and ``code_tokens``."""
        self._codes = {(place, lookup): token for place, lookup, token in codes}
        for lookup, sealed, boxed in numbers:
            if boxed is not None:
                number = self._box.opened(lookup, boxed)
            else:
                number = self._box.unsealed(lookup, sealed or b"")
                if number is not None:
                    self.opened.append((lookup, self._box.boxed(lookup, number)))
            if number is None:
                self.unreadable.append(lookup)
            else:
                self._numbers[lookup] = number

    def token(self, place: int, code: str, lookup: bytes) -> str | None:
        """Return the token of the card with this lookup at a place; None: its number isn't known, or not hashed yet."""
        number = self._numbers.get(lookup)
        if number is None:
            return None
        if number[0] == "K":
            token = self._codes.get((place, lookup))
            if token is None:
                self.missing[place, lookup] = code, number[1:]
                return None
        else:
            token = card_token(self._key(code), number)
        self.lookups[token] = lookup
        return token

    def pin(self, code: str, hard: str) -> str:
        """Return what the list of the place with this code holds of a PIN."""
        return listed_pin(self._key(code), hard)

    def _key(self, code: str) -> bytes:
        key = self._keys.get(code)
        if key is None:
            key = self._keys[code] = place_key(self._secret, code)
        return key
