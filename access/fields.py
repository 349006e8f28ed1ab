"""Fields of a list's JSON, read strictly: what isn't of its type is a ``ListError``. Times: whole microseconds, UTC."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from access.errors import ListError

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
T = TypeVar("T")


class Shared:
    """Values of which a list has a handful and names them a hundred thousand times: made once, then the same object."""

    def __init__(self) -> None:
        self._doors: dict[tuple[Any, ...], frozenset[str]] = {}
        self._instants: dict[int, datetime] = {}

    def doors(self, value: Any) -> frozenset[str] | None:
        """Read the codes of doors; None: every one."""
        if value is None:
            return None
        if isinstance(value, list):
            try:
                known = self._doors.get(key := tuple(value))
            except TypeError as error:
                raise ListError("a right's doors aren't codes") from error
            if known is not None:
                return known
            if all(isinstance(door, str) for door in value):
                return self._doors.setdefault(key, frozenset(value))
        raise ListError("a right's doors aren't a list of codes")

    def instant(self, value: Any) -> datetime | None:
        """Read a time, or nothing."""
        if value is None:
            return None
        known = self._instants.get(value) if type(value) is int else None
        if known is not None:
            return known
        found = instant(value)
        return None if found is None else self._instants.setdefault(value, found)


def rows(body: Mapping[str, Any], name: str, width: int) -> list[list[Any]]:
    """Read a list of rows; what a later version adds to a row is cut off."""
    found = body.get(name)
    if not isinstance(found, list) or not all(isinstance(row, list) and len(row) >= width for row in found):
        raise ListError(f"{name} isn't a list of rows of {width}")
    return [row if len(row) == width else row[:width] for row in found]


def mapping(value: Any, what: str) -> Mapping[str, Any]:
    """Read an object."""
    if not isinstance(value, dict):
        raise ListError(f"{what} isn't an object")
    return value


def sequence(value: Any, what: str) -> list[Any]:
    """Read an array."""
    if not isinstance(value, list):
        raise ListError(f"{what} isn't an array")
    return value


def nothing_else(body: Mapping[str, Any], known: frozenset[str] | set[str], what: str) -> None:
    """Refuse what this version doesn't know: it may be a restriction."""
    unknown = body.keys() - known
    if unknown:
        raise ListError(f"unknown in {what}: {min(unknown)!r}")


def slots(value: Any) -> tuple[int, ...]:
    """Read the used slots of a pass; nothing: none."""
    if value is None:
        return ()
    if not isinstance(value, list) or set(map(type, value)) != {int}:
        raise ListError("the used slots of a pass aren't whole numbers")
    return tuple(value)


def text(value: Any, what: str) -> str:
    """Read a text that isn't empty."""
    if not isinstance(value, str) or not value:
        raise ListError(f"{what} isn't a text")
    return value


def text_or_none(value: Any, what: str) -> str | None:
    """Read a text, or nothing."""
    return None if value is None else text(value, what)


def truth(value: Any, what: str) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise ListError(f"{what} isn't true or false")
    return value


def count(value: Any, what: str) -> int:
    """Read a whole number from 0 on."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ListError(f"{what} isn't a whole number from 0 on")
    return value


def one_of(value: Any, known: Mapping[str, T], what: str) -> T:
    """Read a word of a closed set."""
    if not isinstance(value, str) or value not in known:
        raise ListError(f"unknown {what}: {value!r}")
    return known[value]


def at_number(table: list[T], value: Any, what: str) -> T:
    """Read a place in a table."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < len(table):
        raise ListError(f"{what} isn't in the table")
    return table[value]


def instant(value: Any) -> datetime | None:
    """Read a time, or nothing."""
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise ListError("a time isn't a whole number of microseconds")
    try:
        return _EPOCH + timedelta(microseconds=value)
    except OverflowError as error:
        raise ListError("a time lies beyond the calendar") from error


def instant_given(value: Any, what: str) -> datetime:
    """Read a time that must be there."""
    found = instant(value)
    if found is None:
        raise ListError(f"{what} is missing")
    return found


def micros(value: datetime | None) -> int | None:
    """Write a time.

    Raises:
        ListError: it has no zone.
    """
    if value is None:
        return None
    if value.tzinfo is None:
        raise ListError("a time without a zone")
    return (value - _EPOCH) // _MICROSECOND
