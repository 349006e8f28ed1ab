"""Chooses English or French by ``Accept-Language``. Pure."""

from __future__ import annotations

import re
from typing import Final, Literal

Language = Literal["en", "fr"]
_ONE: Final = re.compile(r"\s*([A-Za-z]{1,8}|\*)(?:-[A-Za-z0-9-]{1,40})?\s*(?:;\s*q=([01](?:\.[0-9]{1,3})?)\s*)?")


def language_of(accepted: str | None) -> Language:
    """Return French if ``Accept-Language`` (RFC 9110, 12.5.4) prefers it to English, else English."""
    weight = {"en": 0.0, "fr": 0.0}
    for part in (accepted or "")[:400].split(","):
        match = _ONE.fullmatch(part)
        if match is not None and match[1].lower() in weight:
            name = match[1].lower()
            weight[name] = max(weight[name], float(match[2] or 1))
    return "fr" if weight["fr"] > weight["en"] else "en"
