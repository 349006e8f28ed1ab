"""Which deliveries of the field broker are in the spool already: a message that isn't acknowledged comes again.

A broker that delivers a message again uses the same packet identifier for it, as long as it keeps the session (MQTT
3.1.1, 4.4). Session, identifier and the message's digest together are kept with the message's events, so that a kill
between the disk's commit and the acknowledgement doubles nothing.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from typing import Final

log = logging.getLogger(__name__)

PREFIX: Final = "delivery:"
SESSION: Final = "delivery_session"
REMEMBERED: Final = 2048
"""Deliveries; more than any broker leaves without acknowledgement (Mosquitto: ``max_inflight_messages``)."""


class Deliveries:
    """Those of one session at the field broker."""

    def __init__(self, kept: Mapping[str, str]) -> None:
        """Take what was kept of an earlier life; what cannot be read is forgotten."""
        self.session = 0
        """Rises when the broker knows nothing of the session that we had."""
        self._of: dict[int, tuple[int, int, str]] = {}
        try:
            self.session = int(kept.get(SESSION, "0"))
            for name, text in kept.items():
                if name.startswith(PREFIX):
                    session, mid, digest = text.split(" ")
                    self._of[int(name.removeprefix(PREFIX))] = (int(session), int(mid), digest)
        except ValueError as error:
            log.error("deliveries_unreadable", extra={"reason": str(error)})

    def begin(self) -> tuple[str, str]:
        """A new session begins; return what to keep of that."""
        self.session += 1
        return SESSION, str(self.session)

    def is_stored(self, session: int, mid: int, digest: str) -> bool:
        """Return whether this delivery was noted before."""
        return self._of.get(mid % REMEMBERED) == (session, mid, digest)

    def note(self, session: int, mid: int, digest: str) -> tuple[str, str]:
        """Remember a delivery; return what to keep with its events."""
        self._of[mid % REMEMBERED] = (session, mid, digest)
        return f"{PREFIX}{mid % REMEMBERED}", f"{session} {mid} {digest}"


def digest_of(topic: str, payload: bytes) -> str:
    """Return what tells one message from another."""
    return hashlib.blake2b(topic.encode() + b"\0" + payload, digest_size=8).hexdigest()
