"""Times as the API writes and reads them: whole microseconds inside, RFC 3339 in UTC outside. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
TIME_PATTERN: Final = (
    "[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?([Zz]|[+ -][0-9]{2}:?[0-9]{2})"
)
"""A time in a query. A space before the offset is a ``+`` that was not encoded in the URL."""


def to_us(at: datetime) -> int:
    """Return the microseconds since the Unix epoch of an aware time.

    Raises:
        ValueError: ``at`` is naive.
    """
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    return (at - _EPOCH) // _MICROSECOND


def to_datetime(us: int) -> datetime:
    """Return the aware UTC time of ``us`` microseconds since the Unix epoch."""
    return _EPOCH + timedelta(microseconds=us)


def rfc3339(us: int | None) -> str | None:
    """Return ``2026-11-21T20:37:53.123Z``: milliseconds, truncated, so that it is never in the future."""
    if us is None:
        return None
    return to_datetime(us).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def rfc3339_of(at: datetime) -> str:
    """Return the same of an aware time.

    Raises:
        ValueError: ``at`` is naive.
    """
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_rfc3339(text: str) -> int:
    """Return the microseconds of an RFC 3339 time; a space counts as a ``+`` that was not encoded in the URL.

    Raises:
        ValueError: it isn't a time with its zone.
    """
    cleaned = text.strip()
    if re.fullmatch(TIME_PATTERN, cleaned) is None:
        raise ValueError("expected a time with its zone (RFC 3339), for example 2026-11-23T08:00:00+01:00")
    if len(cleaned) > 19 and " " in cleaned[19:]:
        cleaned = cleaned[:19] + cleaned[19:].replace(" ", "+")
    return to_us(datetime.fromisoformat(cleaned.upper()))
