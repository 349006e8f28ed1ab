"""Which messages of a device were processed already, and which are late: by the identity that its server gives each.

A message may be delivered again, much later and in another order; its identity is kept together with its events. Times
in µs since 1970 by the gateway's clock, except for the network server's.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from gateway.drivers import Identity

log = logging.getLogger(__name__)

PREFIX: Final = "seen:"
NEWEST: Final = "newest:"
REMEMBERED: Final = 128
"""Messages of a device: two hours of one that reports every minute."""
_LATE_US: Final = 3_600_000_000
"""A newer message from longer ago doesn't make a message late: clocks are set back, counters start again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Newest:
    session: str
    count: int
    sent_at: datetime
    at: int


@dataclass(slots=True)
class _Device:
    seen: dict[str, None] = field(default_factory=dict)
    """Keys, the oldest first."""
    number: int = 0
    """Of the next key; its name in the spool follows from it."""
    newest: _Newest | None = None


class Identities:
    """The devices of one gateway whose messages carry an identity."""

    def __init__(self, keep: Callable[[str, str], None]) -> None:
        """``keep`` takes a name and a value, to be kept together with the events of the same message."""
        self._keep = keep
        self._of: dict[str, _Device] = {}

    def restore(self, kept: Mapping[str, str]) -> None:
        """Restore what was kept before a restart; what cannot be read is forgotten."""
        found: dict[str, list[tuple[int, str]]] = {}
        for name, text in kept.items():
            try:
                if name.startswith(PREFIX) and text:
                    number, _, key = text.partition(" ")
                    found.setdefault(name.removeprefix(PREFIX).rpartition(":")[0], []).append((int(number), key))
                elif name.startswith(NEWEST) and text:
                    session, count, sent_at, at = json.loads(text)
                    self._device(name.removeprefix(NEWEST)).newest = _Newest(
                        session=str(session), count=int(count), sent_at=datetime.fromisoformat(sent_at), at=int(at)
                    )
            except (ValueError, TypeError) as error:
                log.error("identity_unreadable", extra={"reason": type(error).__name__})
        for code, rows in found.items():
            device = self._device(code)
            rows.sort()
            device.seen = dict.fromkeys(key for _, key in rows)
            device.number = rows[-1][0] + 1

    def is_news(self, identity: Identity) -> bool:
        """Return whether a message is new, and remember it."""
        device = self._device(identity.device)
        if identity.key in device.seen:
            return False
        if identity.begins:
            device.newest = None
        device.seen[identity.key] = None
        if len(device.seen) > REMEMBERED:
            del device.seen[next(iter(device.seen))]
        self._keep(f"{PREFIX}{identity.device}:{device.number % REMEMBERED}", f"{device.number} {identity.key}")
        device.number += 1
        return True

    def is_late(self, identity: Identity, at: int) -> bool:
        """Return whether a newer message of the same session was processed already.

        By the frame counter and the network server's time together: counters start again at times, and clocks are set
        back.
        """
        if identity.count is None or identity.sent_at is None:
            return False
        device = self._device(identity.device)
        newest = device.newest
        if (
            newest is not None
            and newest.session == identity.session
            and identity.count < newest.count
            and identity.sent_at < newest.sent_at
            and 0 <= at - newest.at < _LATE_US
        ):
            return True
        device.newest = _Newest(session=identity.session, count=identity.count, sent_at=identity.sent_at, at=at)
        text = json.dumps([identity.session, identity.count, identity.sent_at.isoformat(), at])
        self._keep(NEWEST + identity.device, text)
        return False

    def _device(self, code: str) -> _Device:
        found = self._of.get(code)
        if found is None:
            found = self._of[code] = _Device()
        return found
