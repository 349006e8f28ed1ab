"""Durations as people write them: ``20 min``, ``1 h``, ``90 s``. Pure."""

from __future__ import annotations

import re
from typing import Final

_UNITS: Final = {"s": 1, "min": 60, "h": 3600, "d": 86_400}
_WRITTEN: Final = re.compile(r"([0-9]{1,7}) ?(s|min|h|d|j)?")


def seconds_of(text: str) -> int | None:
    """Return a duration's seconds; a number alone is seconds. None: it is no duration."""
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        return None
    return int(found[1]) * _UNITS[(found[2] or "s").replace("j", "d")]


def duration(seconds: int) -> str:
    """Write ``seconds`` in the largest unit that divides them."""
    unit = next(name for name in ("d", "h", "min", "s") if seconds % _UNITS[name] == 0)
    return f"{seconds // _UNITS[unit]} {unit}"
