"""Messages that no driver could read: how many are reported, and which bytes may be shown."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

SHOWN_BYTES: Final = 8192
_BURST: Final = 100.0
"""Faults reported at once; then ten a second. A faulty device must not fill the disk."""
_A_SECOND: Final = 10.0
_SECRET: Final[Mapping[str, frozenset[str]]] = {
    "esp_rfid": frozenset({"uid", "data", "pincode"}),
    "zigbee2mqtt": frozenset({"action_code"}),
}
"""By driver: fields that hold a card's number or what was typed."""
_NAMED: Final[Mapping[str, re.Pattern[bytes]]] = {
    driver: re.compile(rb'"(?:' + "|".join(sorted(names)).encode() + rb')"\s*:', re.IGNORECASE)
    for driver, names in _SECRET.items()
}


def shown(payload: bytes, driver: str | None, *, keypad: bool) -> bytes:
    """Return what may be shown of ``payload``: at most 8 KiB, without card numbers and typed digits.

    What is no JSON ends where such a field begins; of a keypad's bytes that are none only the length is shown.
    """
    names = _SECRET.get("zigbee2mqtt" if keypad else driver or "")
    if names is None:
        return payload[:SHOWN_BYTES]
    named = _NAMED["zigbee2mqtt" if keypad else driver or ""].search(payload)
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
