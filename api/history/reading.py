"""Reads days and their quarter hours, of a space or of groups, and makes the rows of an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from psycopg.rows import DictRow
from psycopg_pool import AsyncConnectionPool

from api.history.periods import QUARTER, Cell, Row, beside, by_hour, quality_of, quarters, row_of
from api.history.questions import Window
from api.http.public_rows import public_rows

_SPACE: Final = """
-- a space by its code, also a retired one; without a code the place as a whole
SELECT s.id FROM space s
WHERE s.place = %(place)s AND (s.code = %(code)s OR %(code)s::text IS NULL AND s.parent IS NULL)
"""
_FIRST_DAYS: Final = """
-- of spaces the first day with a number, and the first day from ``first`` on that has a row
SELECT min(n.day) AS since, min(r.day) AS day
FROM unnest(%(spaces)s::integer[]) AS s (space)
LEFT JOIN LATERAL (
  SELECT d.day FROM history_day d
  WHERE d.published = %(published)s AND d.space = s.space
    AND CASE WHEN %(public)s THEN d.line_s ELSE d.known_s END > 0
  ORDER BY d.day LIMIT 1
) n ON true
LEFT JOIN LATERAL (
  SELECT d.day FROM history_day d
  WHERE d.published = %(published)s AND d.space = s.space AND d.day >= %(first)s ORDER BY d.day LIMIT 1
) r ON true
"""
_FIRST_GROUP_DAYS: Final = """
-- the same of groups
SELECT min(n.day) AS since, min(r.day) AS day
FROM unnest(%(departments)s::text[]) AS s (department)
LEFT JOIN LATERAL (
  SELECT g.day FROM history_group g
  WHERE g.published = %(published)s AND g.department = s.department
    AND CASE WHEN %(public)s THEN g.line_s ELSE g.known_s END > 0
  ORDER BY g.day LIMIT 1
) n ON true
LEFT JOIN LATERAL (
  SELECT g.day FROM history_group g
  WHERE g.published = %(published)s AND g.department = s.department AND g.day >= %(first)s ORDER BY g.day LIMIT 1
) r ON true
"""
_QUARTERS: Final = """
-- the quarter hours of a space
SELECT starts, minutes, persons, peak, known, degraded, capacity FROM history_day
WHERE published = %(published)s AND space = %(space)s AND day >= %(first)s AND day < %(last)s ORDER BY day
"""
_SHOWN_QUARTERS: Final = """
-- the quarter hours of a space, for an answer without a key
SELECT starts, minutes, shown AS persons, line AS known, capacity FROM history_day
WHERE published AND space = %(space)s AND day >= %(first)s AND day < %(last)s ORDER BY day
"""
_PERIODS: Final = """
-- days, weeks or months of spaces
SELECT d.place, date_trunc(%(by)s, d.day)::date AS period, sum(d.seconds) AS seconds, sum(d.person_s) AS person_s,
  sum(d.seat_s) AS seat_s, sum(d.known_s) AS known_s, sum(d.degraded_s) AS degraded_s, sum(d.shown_s) AS shown_s,
  sum(d.line_s) AS line_s, max(d.day_peak) AS peak, max(d.shown_peak) AS shown_peak,
  (array_agg(d.day_capacity ORDER BY d.day DESC) FILTER (WHERE d.day_capacity IS NOT NULL))[1] AS capacity
FROM history_day d
WHERE d.published = %(published)s AND d.space = ANY (%(spaces)s) AND d.day >= %(first)s AND d.day < %(last)s
GROUP BY d.place, period ORDER BY period, d.place
"""
_GROUP_QUARTERS: Final = """
-- the quarter hours of departments, or of the network
SELECT department, starts, persons, people, known, degraded, shown, shown_people, line, seats, capacity, places
FROM history_group
WHERE published = %(published)s AND day >= %(first)s::date - 1 AND day <= %(last)s
  AND department = ANY (%(departments)s)
ORDER BY department, starts
"""
_GROUP_PERIODS: Final = """
-- days, weeks or months of departments, or of the network; in several time zones at once the peaks add up
WITH day AS (
  SELECT department, day, max(cardinality(persons)) * 900 AS length, sum(seconds) AS seconds, sum(person_s) AS person_s,
    sum(seat_s) AS seat_s, sum(known_s) AS known_s, sum(degraded_s) AS degraded_s, sum(line_s) AS line_s,
    sum(shown_s) AS shown_s, sum(people_sum) AS people, max(quarters) AS quarters, sum(shown_sum) AS shown_people,
    max(shown_quarters) AS shown_quarters, sum(day_peak) AS peak, sum(shown_peak) AS shown_peak,
    sum(day_capacity) AS capacity
  FROM history_group
  WHERE published = %(published)s AND day >= %(first)s AND day < %(last)s
    AND department = ANY (%(departments)s)
  GROUP BY department, day
)
SELECT department, date_trunc(%(by)s, day)::date AS period, sum(length) AS length, sum(seconds) AS seconds,
  sum(person_s) AS person_s, sum(seat_s) AS seat_s, sum(known_s) AS known_s, sum(degraded_s) AS degraded_s,
  sum(line_s) AS line_s, sum(shown_s) AS shown_s, sum(people) / nullif(sum(quarters), 0) AS mean,
  sum(shown_people) / nullif(sum(shown_quarters), 0) AS shown_mean, max(peak) AS peak, max(shown_peak) AS shown_peak,
  (array_agg(capacity ORDER BY day DESC))[1] AS capacity
FROM day GROUP BY department, period ORDER BY period, department
"""
Pool = AsyncConnectionPool[Any]
ALL: Final = "*"
"""The network, as a department."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """A space that stands for its place, or whose history is asked for; and the place's code, None: not to be said."""

    space: int
    place: str | None


async def space_of(pool: Pool, place: int, code: str | None) -> int | None:
    """Return the id of a space of a place, None where it has none of this code."""
    rows = await public_rows(pool, _SPACE, {"place": place, "code": code})
    return rows[0]["id"] if rows else None


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstDays:
    """Where a history begins; None: nowhere."""

    since: date | None
    """The first day with a number."""
    day: date | None
    """The first day of what was asked for that has a row."""


async def first_days(
    pool: Pool,
    first: date,
    *,
    published: bool,
    public: bool,
    spaces: Sequence[int] = (),
    departments: Sequence[str] = (),
) -> FirstDays:
    """Return where the history of spaces or of departments begins, and which day from ``first`` on has a row."""
    query = _FIRST_GROUP_DAYS if departments else _FIRST_DAYS
    values = {"published": published, "public": public, "first": first}
    rows = await public_rows(pool, query, {**values, "spaces": list(spaces), "departments": list(departments)})
    return FirstDays(**rows[0])


async def days_of(pool: Pool, space: int, window: Window, *, published: bool, public: bool) -> list[DictRow]:
    """Return the days of a space with their quarter hours; ``public``: for an answer without a key."""
    values = {"space": space, "published": published, "first": window.first, "last": window.last}
    return await public_rows(pool, _SHOWN_QUARTERS if public else _QUARTERS, values)


async def of_space(pool: Pool, space: int, window: Window, *, published: bool, public: bool) -> list[Row]:
    """Return the quarter hours or hours of a space; ``public``: for an answer without a key."""
    days = await days_of(pool, space, window, published=published, public=public)
    cells = [
        cell
        for day in days
        for cell in quarters(
            day["starts"],
            day["minutes"],
            persons=day["persons"],
            peak=_means(day["persons"], day["known"]) if public else day["peak"],
            known=day["known"],
            degraded=[0] * len(day["known"]) if public else day["degraded"],
            capacity=day["capacity"],
        )
        if cell.at < window.end and (cell.at >= window.start or cell.minutes > 15)
    ]
    joined = by_hour(cells, window.zone) if window.by == "hour" else cells
    return [row_of(cell, window.zone, public=public, group=False) for cell in joined]


async def of_places(
    pool: Pool, places: Mapping[int, Root], window: Window, *, published: bool, seen: Callable[[int], bool]
) -> list[Row]:
    """Return days, weeks or months of spaces, in the order of time.

    Args:
        places: by a place's id, the space that is meant and the place's code.
        seen: whether the caller may see the numbers of the place with this id.
    """
    spaces = [root.space for root in places.values()]
    values = {"spaces": spaces, "published": published, "by": window.by, "first": window.first, "last": window.last}
    rows = []
    for found in await public_rows(pool, _PERIODS, values):
        public = not seen(found["place"])
        person_s, known_s = _sums(found, public=public)
        rows.append(
            Row(
                at=_start(found["period"], window),
                minutes=found["seconds"] // 60,
                mean=person_s / known_s if known_s else None,
                peak=found["shown_peak" if public else "peak"],
                person_s=person_s,
                seat_s=None if public else int(found["seat_s"]),
                known=known_s / found["seconds"],
                quality=None if public else quality_of(known_s, found["degraded_s"]),
                capacity=found["capacity"],
                place=places[found["place"]].place,
            )
        )
    return rows


async def of_groups(
    pool: Pool, departments: Sequence[str], window: Window, *, published: bool, public: bool
) -> list[Row]:
    """Return the rows of departments, or of the network (``*``), in the order of time."""
    values = {
        "departments": list(departments),
        "published": published,
        "by": window.by,
        "first": window.first,
        "last": window.last,
    }
    if window.by in ("quarter", "hour"):
        found = await public_rows(pool, _GROUP_QUARTERS, values)
        rows = [
            replace(row, department=None if department == ALL else department)
            for department, days in groupby(found, key=itemgetter("department"))
            for row in _joined_zones(days, window, public=public)
        ]
        return sorted(rows, key=lambda row: row.at)
    return [_group_row(one, window, public=public) for one in await public_rows(pool, _GROUP_PERIODS, values)]


def _group_row(found: DictRow, window: Window, *, public: bool) -> Row:
    person_s, known_s = _sums(found, public=public)
    return Row(
        at=_start(found["period"], window),
        minutes=int(found["length"]) // 60,
        mean=found["shown_mean" if public else "mean"],
        peak=found["shown_peak" if public else "peak"],
        person_s=person_s,
        seat_s=None if public else int(found["seat_s"]),
        known=known_s / int(found["seconds"]),
        quality=None if public else quality_of(known_s, int(found["degraded_s"])),
        capacity=None if public else int(found["capacity"]),
        department=None if found["department"] == ALL else found["department"],
    )


def _joined_zones(days: Iterable[DictRow], window: Window, *, public: bool) -> Iterator[Row]:
    """The rows of one group: the same instant in different time zones is one quarter hour."""
    names = ("shown", "shown_people", "line") if public else ("persons", "people", "known")
    at: dict[datetime, list[Cell]] = {}
    for day in days:
        persons, people, known = (day[name] for name in names)
        for index, person_s in enumerate(persons):
            start = day["starts"] + index * QUARTER
            if window.start <= start < window.end:
                at.setdefault(start, []).append(
                    Cell(
                        at=start,
                        minutes=15,
                        people=people[index],
                        peak=people[index],
                        person_s=person_s,
                        seat_s=day["seats"][index],
                        known_s=known[index],
                        degraded_s=day["degraded"][index],
                        seconds=day["places"][index] * 900,
                        capacity=None if public else day["capacity"][index],
                    )
                )
    cells = [beside(at[start]) for start in sorted(at)]
    for cell in by_hour(cells, window.zone) if window.by == "hour" else cells:
        yield row_of(cell, window.zone, public=public, group=True)


def _sums(found: DictRow, *, public: bool) -> tuple[int, int]:
    return (int(found["shown_s"]), int(found["line_s"])) if public else (int(found["person_s"]), int(found["known_s"]))


def _means(persons: Sequence[int], known: Sequence[int]) -> list[float | None]:
    return [sum_ / seconds if seconds else None for sum_, seconds in zip(persons, known, strict=True)]


def _start(period: date, window: Window) -> datetime:
    return datetime(period.year, period.month, period.day, tzinfo=window.zone)
