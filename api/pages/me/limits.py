"""A place's limits for bookings of one kind, as the pages show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any


def limits_for(rules: Sequence[Mapping[str, Any]], kind: str) -> dict[str, Any]:
    """Return the limits for one kind: its own before those for all."""
    found: dict[str, Any] = {}
    for wanted in ("all", kind):
        for one in rules:
            if one["kind"] == wanted:
                found |= {name: value for name, value in one.items() if value is not None}
    return found


def cancel_until(rules: Sequence[Mapping[str, Any]], kind: str, starts: datetime) -> datetime | None:
    """Return until when a member cancels a booking that begins at ``starts``; None: until its end."""
    minutes = limits_for(rules, kind).get("cancel_minutes")
    return None if minutes is None else starts - timedelta(minutes=minutes)
