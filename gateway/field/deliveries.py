"""Remembers which deliveries of the field broker are stored: a message that isn't acknowledged is delivered again.

A broker that delivers a message again uses the same packet identifier for it, as long as it keeps the session (MQTT
3.1.1, 4.4). Session, identifier and the message's digest are kept together with the message's events, so that
nothing is stored twice if the process dies between the commit and the acknowledgement.
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
"""Deliveries; more than a broker leaves unacknowledged (Mosquitto: ``max_inflight_messages``)."""


class Deliveries:
    """The deliveries of one session at the field broker."""

    def __init__(self, kept: Mapping[str, str]) -> None:
        """Restore what was kept before a restart; what cannot be read is forgotten."""
        self.session = 0
        """Increased when the broker has lost the session."""
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
        """Begin a new session; return what to keep."""
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
    """Return a digest of a message."""
    return hashlib.blake2b(topic.encode() + b"\0" + payload, digest_size=8).hexdigest()
