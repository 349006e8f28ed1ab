"""Messages that no driver could read: how many are reported, and which bytes may be shown."""

from __future__ import annotations

import base64
import json
import re
from functools import cache
from typing import Any, Final

from gateway.contract.wire import GatewayEvent
from gateway.drivers.registry import secrets_of

SHOWN_BYTES: Final = 8192
_BURST: Final = 100.0
"""Faults reported at once; then ten a second. A faulty device must not fill the disk."""
_A_SECOND: Final = 10.0


def shown(payload: bytes, driver: str | None, *, keypad: bool) -> bytes:
    """Return what may be shown of ``payload``: at most 8 KiB, without card numbers and typed digits.

    What is no JSON ends where such a field begins; of a keypad's bytes that are none only the length is shown.
    Of a keypad, and where no ``driver`` is known, the secret fields of every driver are removed.
    """
    names = secrets_of(driver)
    if names is None:
        return f"({len(payload)} bytes)".encode()
    if keypad:
        names = secrets_of(None) or frozenset()
    if not names:
        return payload[:SHOWN_BYTES]
    named = _named(names).search(payload)
    if named is not None or keypad:
        try:
            message = json.loads(payload)
            if isinstance(message, dict):
                struck = _struck(message, names)
                return (payload if struck == message else json.dumps(struck).encode())[:SHOWN_BYTES]
        except (ValueError, RecursionError):
            pass
    if keypad:
        return f"({len(payload)} bytes of a keypad)".encode()
    if named is not None:
        payload = payload[: named.end()] + b"*"
    return payload[:SHOWN_BYTES]


def fault_event(
    topic: str, payload: bytes, reason: str, *, at: int, driver: str | None, keypad: bool, unreported: int
) -> GatewayEvent:
    """Return the event of a message that ``driver`` couldn't read; ``unreported``: how many before it got none."""
    event = GatewayEvent(
        kind="gateway",
        what="driver_fault",
        at=at,
        device="gateway",
        text=reason[:500],
        topic=topic[:512],
        payload=base64.b64encode(shown(payload, driver, keypad=keypad)).decode(),
    )
    if unreported:
        event["value"] = float(unreported)
    return event


@cache
def _named(names: frozenset[str]) -> re.Pattern[bytes]:
    """Return what finds the beginning of a secret field."""
    return re.compile(rb'"(?:' + "|".join(map(re.escape, sorted(names))).encode() + rb')"\s*:', re.IGNORECASE)


def _struck(value: Any, names: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {key: "*" if key.casefold() in names else _struck(inner, names) for key, inner in value.items()}
    return [_struck(inner, names) for inner in value] if isinstance(value, list) else value


class FaultBudget:
    """A token bucket. ``now``: seconds of a monotonic clock."""

    def __init__(self, now: float) -> None:
        self._left = _BURST
        self._seen = now
        self._unreported = 0

    def take(self, now: float) -> int | None:
        """Return how many before this one were not reported; None: nor is this one."""
        self._left = min(_BURST, self._left + (now - self._seen) * _A_SECOND)
        self._seen = now
        if self._left < 1:
            self._unreported += 1
            return None
        self._left -= 1
        unreported, self._unreported = self._unreported, 0
        return unreported
