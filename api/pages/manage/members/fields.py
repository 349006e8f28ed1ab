"""What the forms of members share: fields as the API takes them, days of a place, who else changed something."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi import Request

from api.pages.asking import ask
from api.pages.rendering import say, text

_SAVED: Final = text("Saved by somebody else in the meantime:")
_EMPTY: Final = text("(empty)")


def member_path(ref: str) -> str:
    """Return the path of a member in the API."""
    return f"/v1/members/{quote(ref, safe='')}"


def given(fields: Mapping[str, str], name: str) -> str | None:
    """Return what was typed into a field; None: nothing."""
    return fields.get(name, "").strip() or None


def today(zone: str) -> date:
    """Return the day that it is at a place."""
    return datetime.now(ZoneInfo(zone)).date()


def start_of(day: str | None, zone: str) -> str | None:
    """Return when a local day begins, for the API; what is no day is returned as it is, so that the API refuses it."""
    return _midnight(day, zone, 0)


def end_of(day: str | None, zone: str) -> str | None:
    """Return when a local day ends, likewise."""
    return _midnight(day, zone, 1)


def _midnight(day: str | None, zone: str, later: int) -> str | None:
    if day is None:
        return None
    try:
        at = date.fromisoformat(day) + timedelta(days=later)
        return datetime(at.year, at.month, at.day, tzinfo=ZoneInfo(zone)).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        return day


def moment_of(day: str | None, hour: str | None, zone: str) -> str | None:
    """Return a local day and hour as a time for the API; as it is where it can't be read."""
    try:
        return datetime.fromisoformat(f"{day}T{hour}").replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        return f"{day or ''} {hour or ''}".strip() or None


def first_day(moment: str | None, zone: str) -> str:
    """Return the local day of a time, for a field of the type ``date``; empty: there is none."""
    return "" if moment is None else datetime.fromisoformat(moment).astimezone(ZoneInfo(zone)).date().isoformat()


def last_day(moment: str | None, zone: str) -> str:
    """Return the last local day before an end; of midnight the day before."""
    if moment is None:
        return ""
    return first_day((datetime.fromisoformat(moment) - timedelta(microseconds=1)).isoformat(), zone)


def changed_since(request: Request, typed: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """Return a sentence for each field that somebody else has saved with another value than was typed."""
    return {
        name: f"{say(request, _SAVED)} {value or say(request, _EMPTY)}"
        for name, value in now.items()
        if typed.get(name, "").strip() != value
    }


def marked(request: Request, names: frozenset[str], sentence: str) -> dict[str, str]:
    """Return the sentence of a refusal for each field of the form that it is about."""
    return dict.fromkeys((name.partition(".")[0] for name in names), sentence)


async def organisations_of(request: Request) -> list[dict[str, Any]]:
    """Return the organisations by name."""
    answer = await ask(request, "GET", "/v1/organisations")
    return list(answer.body["organisations"]) if answer.good else []
