"""The quarter hours of a space as JSON, quickly: a month of them in few milliseconds. Pure.

Made of the same values as the other formats (``periods.row_of``, ``formats.values_of``): what follows the time is
remembered by its numbers, since most quarter hours are like others, and the times of a day by its offset.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any, Final

from api.history.formats import NAMES, values_of
from api.history.periods import QUARTER, Cell, row_of

_ANY: Final = datetime(2000, 1, 1, tzinfo=UTC)


def quarter_rows(
    days: Iterable[Mapping[str, Any]], zone: tzinfo, start: datetime, end: datetime, *, public: bool
) -> bytes:
    """Return the rows from ``start`` to before ``end`` as a JSON array; ``days``: rows of ``history_day``."""
    parts: list[str] = []
    tail: Callable[[Any], str] = _public_tail if public else _tail
    for day in days:
        begin, minutes, persons = day["starts"], day["minutes"], day["persons"]
        step = timedelta(minutes=minutes)
        low = 0 if minutes != 15 else max(0, -((begin - start) // step))
        high = len(persons) if minutes != 15 else min(len(persons), -((begin - end) // step))
        columns = [day[name][low:high] for name in ("persons", "known", "capacity")]
        columns += [[minutes] * (high - low)]
        if not public:
            columns += [day[name][low:high] for name in ("peak", "degraded")]
        times = _times(begin, step, len(persons), zone)[low:high]
        parts += [at + rest for at, rest in zip(times, map(tail, zip(*columns, strict=True)), strict=True)]
    return ("[" + ",".join(parts) + "]").encode()


def _times(begin: datetime, step: timedelta, count: int, zone: tzinfo) -> list[str]:
    """The beginning of each row, up to its time."""
    first, last = begin.astimezone(zone), (begin + count * step).astimezone(zone)
    if step == QUARTER and first.utcoffset() == last.utcoffset() and not (first.hour or first.minute):
        date = first.date().isoformat()
        return ['{"at":"' + date + clock for clock in _clocks(first.isoformat()[19:])[:count]]
    return [f'{{"at":"{(begin + index * step).astimezone(zone).isoformat()}"' for index in range(count)]


@lru_cache(maxsize=64)
def _clocks(offset: str) -> list[str]:
    return [f'T{index // 4:02d}:{index % 4 * 15:02d}:00{offset}"' for index in range(100)]


@lru_cache(maxsize=100_000)
def _tail(numbers: tuple[int, int, int | None, int, int | None, int]) -> str:
    persons, known, capacity, minutes, peak, degraded = numbers
    return _rest(persons, known, capacity, minutes, peak=peak, degraded=degraded, public=False)


@lru_cache(maxsize=100_000)
def _public_tail(numbers: tuple[int, int, int | None, int]) -> str:
    persons, known, capacity, minutes = numbers
    mean = persons / known if known else None
    return _rest(persons, known, capacity, minutes, peak=mean, degraded=0, public=True)


def _rest(
    persons: int, known: int, capacity: int | None, minutes: int, *, peak: float | None, degraded: int, public: bool
) -> str:
    """What follows the time of a row."""
    cell = Cell(
        at=_ANY,
        minutes=minutes,
        people=None,
        peak=peak,
        person_s=persons,
        seat_s=(capacity or 0) * known,
        known_s=known,
        degraded_s=degraded,
        seconds=minutes * 60,
        capacity=capacity,
    )
    values = values_of(row_of(cell, UTC, public=public, group=False))
    return "," + json.dumps(dict(zip(NAMES[1:], values[1:], strict=True)), separators=(",", ":"))[1:]
