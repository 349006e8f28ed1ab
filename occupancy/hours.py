"""A place's open and closed time, cut into pieces in which people have the same habits. Pure.

A piece has a bin: 0 to 23 is that local hour while the place is open, ``CLOSED`` and on is how long ago it closed.
Where the hours aren't known, they are those in which the place is used (``occupancy.use``); before that has shown,
every hour is an open one but those from 0 to 5 in the morning.

Times are microseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from access.schedules import Schedule

CLOSED: Final = 24
BINS: Final = 29
_STEPS_MIN: Final = (0, 30, 60, 120, 240)
"""Minutes after closing at which a bin of closed time begins."""
_LEARNED: Final = (1, 1, 2, 2, 3)
"""The bin of closed time by its hours so far, where it was learned: nobody goes at once because of the clock."""
_BREAK_MIN: Final = 180
"""Who is in stays over a break at noon that is no longer."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MIN: Final = 1440
_KEPT: Final = 12
HOUR: Final = 3_600_000_000
WEEK: Final = 168
"""Hours."""
NIGHT: Final = frozenset(hour for hour in range(WEEK) if hour % 24 < 5)
"""The hours of the week, from Monday's first, in which a place is closed that has shown nothing yet."""


class Calendar:
    """One place's hours, by local days that are worked out once."""

    __slots__ = ("_days", "_schedule", "_unused", "last", "zone")

    def __init__(self, zone: ZoneInfo, schedule: Schedule | None) -> None:
        self.zone = zone
        self._unused = NIGHT
        self._schedule = schedule
        self._days: dict[date, tuple[list[int], list[int]]] = {}
        self.last: tuple[int, int, int] = (0, 0, 0)
        """The piece that was asked for last: its start, its end, its bin."""

    @property
    def known(self) -> bool:
        """Whether the place's hours are known."""
        return self._schedule is not None

    def learned(self, unused: frozenset[int]) -> bool:
        """The place's hours aren't known, and in these of the week nobody is there; return whether that is news."""
        if unused == self._unused:
            return False
        self._unused = unused
        self._days.clear()
        self.last = (0, 0, 0)
        return True

    def piece(self, at: int) -> tuple[int, int, int]:
        """Return the piece that holds ``at``: first instant, end, bin."""
        last = self.last
        if last[0] <= at < last[1]:
            return last
        day = (_EPOCH + timedelta(microseconds=at)).astimezone(self.zone).date()
        for one in (day, day + timedelta(days=1), day - timedelta(days=1)):
            starts, bins = self._day(one)
            if starts[0] <= at < starts[-1]:
                index = bisect_right(starts, at) - 1
                self.last = starts[index], starts[index + 1], bins[index]
                return self.last
        return at, at + HOUR, CLOSED + 4  # no calendar holds it

    def pieces(self, start: int, end: int) -> Iterator[tuple[int, float]]:
        """The bins from ``start`` to ``end``, and how many hours of each."""
        while start < end:
            _, until, bin_ = self.piece(start)
            stop = min(until, end)
            yield bin_, (stop - start) / HOUR
            start = stop

    def closed(self, at: int) -> bool:
        """Whether the place is closed at ``at``, as far as is known."""
        return self.piece(at)[2] >= CLOSED

    def _day(self, day: date) -> tuple[list[int], list[int]]:
        known = self._days.get(day)
        if known is None:
            if len(self._days) >= _KEPT:
                self._days.clear()
            known = self._days[day] = self._cut(day)
        return known

    def _cut(self, day: date) -> tuple[list[int], list[int]]:
        marks = {*range(0, _DAY_MIN, 60)}
        closed_at = self._last_closing(day)
        if self._schedule is not None:
            edges = self._schedule.boundaries(day)
            marks |= {one for one in edges if one < _DAY_MIN}
            marks |= {one + step for one in edges for step in _STEPS_MIN if one + step < _DAY_MIN}
        starts: list[int] = []
        bins: list[int] = []
        for minute in sorted(marks):
            at = self._instant(day, minute)
            if starts and at <= starts[-1]:
                continue  # the hour that spring leaves out
            if self._opened(day, minute):
                bin_ = minute // 60
                closed_at = None
            elif self._schedule is None:
                bin_ = CLOSED + _LEARNED[self._unused_for(day, minute)]
            else:
                if closed_at is None:
                    closed_at = minute
                bin_ = CLOSED + bisect_right(_STEPS_MIN, minute - closed_at) - 1
            starts.append(at)
            bins.append(bin_)
        starts.append(self._instant(day + timedelta(days=1), 0))
        return starts, bins

    def _last_closing(self, day: date) -> int | None:
        """When the place had closed before ``day`` began, minutes of ``day`` (not above 0); None: it was open."""
        if self._opened(day - timedelta(days=1), _DAY_MIN - 1):
            return None
        if self._schedule is None:
            return -_DAY_MIN
        yesterday = day - timedelta(days=1)
        edges = [one for one in self._schedule.boundaries(yesterday) if one and self._opened(yesterday, one - 1)]
        return max(edges) - _DAY_MIN if edges else -_DAY_MIN

    def _opened(self, day: date, minute: int) -> bool:
        if self._schedule is None:
            return day.weekday() * 24 + minute // 60 not in self._unused
        schedule = self._schedule
        if schedule.period_on(day, minute) is not None:
            return True
        edges = sorted(schedule.boundaries(day))
        index = bisect_right(edges, minute)
        if not 0 < index < len(edges) or edges[index] - edges[index - 1] > _BREAK_MIN:
            return False
        return (
            schedule.period_on(day, edges[index - 1] - 1) is not None
            and schedule.period_on(day, edges[index]) is not None
        )

    def _unused_for(self, day: date, minute: int) -> int:
        """For how many hours the place has been unused, as far as matters."""
        hour = day.weekday() * 24 + minute // 60
        most = len(_LEARNED) - 1
        return next((k for k in range(most) if (hour - 1 - k) % WEEK not in self._unused), most)

    def _instant(self, day: date, minute: int) -> int:
        moment = datetime.combine(day, time(minute // 60, minute % 60), self.zone)
        return (moment - _EPOCH) // timedelta(microseconds=1)
