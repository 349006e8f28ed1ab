"""Instants on the wire: whole microseconds since 1970, UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(at: int) -> datetime:
    """Return ``at`` as an aware time; beyond the calendar, the calendar's first or last instant."""
    try:
        return _EPOCH + timedelta(microseconds=at)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) if at > 0 else datetime.min.replace(tzinfo=UTC)


def micros_of(moment: datetime) -> int:
    """Return an aware time in µs since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1)
