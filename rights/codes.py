"""Hashes codes for the places whose lists hold them: each once, a little at a time, when nothing else waits."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Final

from access.tokens import code_token
from rights import numbers
from rights.card_secret import place_key
from rights.store import Connection

log = logging.getLogger(__name__)

_AT_ONCE_S: Final = 0.02
"""A change that must reach the doors waits no longer for a code, which takes as long itself."""
_MANY: Final = 50
"""Codes from which on progress is logged."""


class Codes:
    """The codes that have no token yet at some place."""

    def __init__(self, secret: bytes) -> None:
        """``secret``: the network's card secret."""
        self._secret = secret
        self._missing: dict[tuple[int, bytes], tuple[str, str]] = {}
        self._hashed: list[bytes] = []

    @property
    def waits(self) -> bool:
        """Whether there are codes to hash."""
        return bool(self._missing or self._hashed)

    def add(self, missing: Mapping[tuple[int, bytes], tuple[str, str]]) -> None:
        """Queue codes: by place and lookup, the place's code and the digits."""
        before = len(self._missing)
        self._missing |= missing
        if before < _MANY <= len(self._missing):
            log.info("codes_to_hash", extra={"codes": len(self._missing)})

    def hash_some(self, connection: Connection) -> list[str]:
        """Hash for a moment; return the members whose entries can be made now, once all that waited is done."""
        until = time.monotonic() + _AT_ONCE_S
        while self._missing and time.monotonic() < until:
            (place, lookup), (code, digits) = self._missing.popitem()
            numbers.keep_hash(connection, place, lookup, code_token(place_key(self._secret, code), digits))
            self._hashed.append(lookup)
            if len(self._missing) % _MANY == 0 and self._missing:
                log.info("codes_to_hash", extra={"codes": len(self._missing)})
        if self._missing and len(self._hashed) < _MANY:
            return []
        hashed, self._hashed = self._hashed, []
        return numbers.holders(connection, hashed) if hashed else []
