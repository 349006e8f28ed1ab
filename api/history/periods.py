"""Rows of an answer, from days and their quarter hours. Pure.

Person-seconds and seconds are whole numbers, so quarter hours, hours and days add up exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final

QUARTER: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A period of a space, a department or the network. ``None``: not known."""

    at: datetime
    """Its start, with the place's offset."""
    minutes: int
    mean: float | None
    peak: float | None
    person_s: int
    seat_s: int | None
    """Seats × the seconds that are known; None: not said."""
    known: float
    quality: str | None
    capacity: int | None
    place: str | None = None
    department: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What is summed up of a quarter hour, an hour or a day."""

    at: datetime
    minutes: int
    people: float | None
    """The mean of a group: the sum of its places' means. None: not known, or of a space (then it is a quotient)."""
    peak: float | None
    person_s: int
    seat_s: int
    known_s: int
    degraded_s: int
    seconds: int
    """Of all its places."""
    capacity: int | None


def quality_of(known_s: int, degraded_s: int) -> str:
    """``live``, ``degraded`` where more than half of what is known is less sure, or ``unknown``."""
    if not known_s:
        return "unknown"
    return "degraded" if degraded_s * 2 > known_s else "live"


def quarters(
    starts: datetime,
    minutes: int,
    *,
    persons: Sequence[int],
    peak: Sequence[float | None],
    known: Sequence[int],
    degraded: Sequence[int],
    capacity: Sequence[int | None],
) -> list[Cell]:
    """Return a day's elements, of ``minutes`` each."""
    step = timedelta(minutes=minutes)
    cells = []
    for index, person_s in enumerate(persons):
        seats = capacity[index]
        cells.append(
            Cell(
                at=starts + index * step,
                minutes=minutes,
                people=None,
                peak=peak[index],
                person_s=person_s,
                seat_s=(seats or 0) * known[index],
                known_s=known[index],
                degraded_s=degraded[index],
                seconds=minutes * 60,
                capacity=seats,
            )
        )
    return cells


def by_hour(cells: Iterable[Cell], zone: tzinfo) -> Iterator[Cell]:
    """Join the quarter hours of each local hour; the hour that comes twice is two. Longer elements stay as they are."""
    of: list[Cell] = []
    hour: tuple[int, int] | None = None
    for cell in cells:
        local = cell.at.astimezone(zone)
        offset = local.utcoffset() or timedelta()
        now = (int((cell.at.timestamp() + offset.total_seconds()) // 3600), int(offset.total_seconds()))
        if of and (now != hour or cell.minutes != 15):
            yield _joined(of)
            of = []
        hour = now
        of.append(cell)
    if of:
        yield _joined(of)


def _joined(of: Sequence[Cell]) -> Cell:
    peaks = [cell.peak for cell in of if cell.peak is not None]
    people = [cell.people for cell in of if cell.people is not None]
    seats = [cell.capacity for cell in of if cell.capacity is not None]
    return Cell(
        at=of[0].at,
        minutes=sum(cell.minutes for cell in of),
        people=sum(people) / len(people) if people else None,
        peak=max(peaks, default=None),
        person_s=sum(cell.person_s for cell in of),
        seat_s=sum(cell.seat_s for cell in of),
        known_s=sum(cell.known_s for cell in of),
        degraded_s=sum(cell.degraded_s for cell in of),
        seconds=sum(cell.seconds for cell in of),
        capacity=seats[-1] if seats else None,
    )


def beside(of: Sequence[Cell]) -> Cell:
    """Return the sum of the same quarter hour of several groups."""
    if len(of) == 1:
        return of[0]
    people = [cell.people for cell in of if cell.people is not None]
    together = sum(people) if people else None
    return Cell(
        at=of[0].at,
        minutes=of[0].minutes,
        people=together,
        peak=together,
        person_s=sum(cell.person_s for cell in of),
        seat_s=sum(cell.seat_s for cell in of),
        known_s=sum(cell.known_s for cell in of),
        degraded_s=sum(cell.degraded_s for cell in of),
        seconds=sum(cell.seconds for cell in of),
        capacity=sum(cell.capacity or 0 for cell in of) if of[0].capacity is not None else None,
    )


def row_of(cell: Cell, zone: tzinfo, *, public: bool, group: bool) -> Row:
    """Return the row of a quarter hour or an hour; ``public``: for an answer without a key."""
    mean = cell.people if group else cell.person_s / cell.known_s if cell.known_s else None
    return Row(
        at=cell.at.astimezone(zone),
        minutes=cell.minutes,
        mean=mean,
        peak=cell.peak,
        person_s=cell.person_s,
        seat_s=None if public else cell.seat_s,
        known=cell.known_s / cell.seconds if cell.seconds else 0.0,
        quality=None if public else quality_of(cell.known_s, cell.degraded_s),
        capacity=cell.capacity,
    )
