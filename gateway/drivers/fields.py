"""Reading a maker's JSON with suspicion: nothing here raises anything but DriverError, whatever the bytes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NoReturn

from gateway.drivers import DriverError

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_MS: Final = 100_000_000_000
"""A greater number counts milliseconds: in seconds it would be the year 5138."""
_LATEST_MS: Final = 10_000_000_000_000
MAX_DEVICE_AT = 64
"""Characters of a device's own time that the wire contract takes."""


def read_object(payload: bytes) -> dict[str, Any]:
    """Return the JSON object that ``payload`` holds.

    Raises:
        DriverError: ``invalid_json`` (also NaN, Infinity, comments, trailing commas, too deep), ``not_an_object``.
    """
    try:
        value = _DECODER.decode(payload.decode())
    except (ValueError, RecursionError) as error:
        raise DriverError("invalid_json") from error
    if not isinstance(value, dict):
        raise DriverError("not_an_object")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant)
"""Made once: ``json.loads`` with an argument makes one each time, which takes longer than a short message."""


def number(value: object) -> float | None:
    """Return a finite number (or its text, as some makers write it), else None. A truth value is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        result = float(value)
    except (ValueError, OverflowError):
        return None
    return result if math.isfinite(result) else None


def text(value: object, *, limit: int) -> str | None:
    """Return printable text of at most ``limit`` characters, else None.

    Control characters and lone surrogates go: neither can be stored in a text column of PostgreSQL.
    """
    if not isinstance(value, str):
        return None
    clean = value.strip() if value.isprintable() else "".join(char for char in value if char.isprintable()).strip()
    return clean[:limit] or None


def device_at(value: object) -> str | None:
    """Return a device's own time as it wrote it (text or epoch number), else None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value) if abs(value) < 10**18 else None
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else None
    return text(value, limit=MAX_DEVICE_AT)


def instant_of(value: object) -> int | None:
    """Return a hub's time in µs since 1970: RFC 3339, or a number of seconds or milliseconds; else None.

    A time without a zone is nobody's.
    """
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
            return None if moment.tzinfo is None else (moment - _EPOCH) // timedelta(microseconds=1)
        except (ValueError, OverflowError):
            return None
    count = number(value)
    if count is None or not 0 < count < _LATEST_MS:
        return None
    return round(count * (1_000 if count >= _FIRST_MS else 1_000_000))


def nested(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return the object under ``key``, empty where there is none."""
    inner = value.get(key)
    return inner if isinstance(inner, dict) else {}
