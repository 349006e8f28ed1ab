"""What no driver could read: how much of it is told, and what of it may be shown."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

SHOWN_BYTES: Final = 8192
_BURST: Final = 100.0
"""Faults told at once; then ten a second. A device gone mad must not fill the disk."""
_A_SECOND: Final = 10.0
_STRUCK: Final[Mapping[str, re.Pattern[bytes]]] = {
    driver: re.compile(rb'("(?:' + names + rb')"\s*:\s*)("(?:[^"\\]|\\.)*"?|[^,}\]\s]+)', re.IGNORECASE)
    for driver, names in {"esp_rfid": rb"uid|data|pincode", "zigbee2mqtt": rb"action_code"}.items()
}
"""By driver: fields that hold a card's number or what was typed, with their value, also where it is cut off."""


def shown(payload: bytes, driver: str | None, *, keypad: bool) -> bytes:
    """Return what may be shown of ``payload``: at most 8 KiB, without numbers of cards and what was typed.

    A keypad's bytes that aren't a JSON object may hold a code anywhere: of them only the length is shown.
    """
    if keypad and not _is_object(payload):
        return f"({len(payload)} bytes of a keypad)".encode()
    pattern = _STRUCK.get("zigbee2mqtt" if keypad else driver or "")
    if pattern is not None:
        payload = pattern.sub(rb'\1"*"', payload)
    return payload[:SHOWN_BYTES]


def _is_object(payload: bytes) -> bool:
    try:
        return isinstance(json.loads(payload), dict)
    except (ValueError, RecursionError):
        return False


class FaultBudget:
    """A token bucket. ``now``: seconds of a monotonic clock."""

    def __init__(self, now: float) -> None:
        self._left = _BURST
        self._seen = now
        self._untold = 0

    def take(self, now: float) -> int | None:
        """Return how many went untold before this one; None: this one too."""
        self._left = min(_BURST, self._left + (now - self._seen) * _A_SECOND)
        self._seen = now
        if self._left < 1:
            self._untold += 1
            return None
        self._left -= 1
        untold, self._untold = self._untold, 0
        return untold
