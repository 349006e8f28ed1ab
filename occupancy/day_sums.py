"""What counters at doors add up to: people in minus people out, by the place's day. Pure.

A sum of counts has no anchor: each missed or doubled person stays in it for ever. So it is kept by day, from four in
the morning to four in the morning, local time, and each day begins with nobody inside. That is believed only where
nothing was counted for two hours before: work through the night leaves the next day's sum unknown. Sums are kept as
they are, below zero too, so that the order of two doors' reports changes nothing.

Times are microseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

MORNING: Final = time(4)
QUIET: Final = timedelta(hours=2) // timedelta(microseconds=1)
_KEPT: Final = timedelta(days=3) // timedelta(microseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Sums = dict[int, tuple[int, int]]
"""By the day's first instant: people in minus people out, and when something was last counted."""


def day_of(at: int, zone: ZoneInfo) -> tuple[int, int]:
    """Return the first instant of the day that holds ``at``, and the next day's."""
    local = (_EPOCH + timedelta(microseconds=at)).astimezone(zone)
    date = local.date() if local.time() >= MORNING else local.date() - timedelta(days=1)
    start, end = (_micros(datetime.combine(date + timedelta(days=n), MORNING, zone)) for n in (0, 1))
    return start, end


def add(sums: Sums, day: int, entered: int, left: int, at: int) -> None:
    """Add who came and who left to the sum of ``day``, and forget days that are long over. With both 0: no change."""
    if not entered and not left:
        return
    net, last = sums.get(day, (0, 0))
    sums[day] = (net + entered - left, max(last, at))
    oldest = max(sums) - _KEPT
    for old in [one for one, (_, moved_at) in sums.items() if moved_at < oldest]:
        del sums[old]


def inside(sums: Mapping[int, tuple[int, int]], day: int) -> int | None:
    """Return how many more came than left in ``day``; None: not known, the day before had no quiet end."""
    if any(last > day - QUIET for start, (_, last) in sums.items() if start < day):
        return None
    return sums.get(day, (0, 0))[0]


def turns(sums: Mapping[int, tuple[int, int]], zone: ZoneInfo) -> tuple[int, ...]:
    """Return the instants at which ``inside`` may change by time alone: the two mornings after the last count."""
    if not sums:
        return ()
    last = max(at for _, at in sums.values())
    first = day_of(last, zone)[1]
    return first, day_of(first, zone)[1]


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
