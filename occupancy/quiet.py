"""Whether a counter is dead or stands still, when nothing passes it. Pure.

Two things explain that nobody passed for long: nobody came, or the counter is dead. How many come in the open hours of
a place was learned (``occupancy.flow``); the more should have come, the likelier is the second. A counter that reports
nobody for ever, in its rhythm, is frozen: that shows by the people whom badges, contacts or desks have seen pass.

Times are microseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

from math import expm1
from typing import Final

from occupancy.flow import Flow
from occupancy.hours import CLOSED, HOUR, Calendar

DEAD: Final = 0.01
"""Chance that a counter has died since its last passage, before its silence is looked at. Assumed."""
GONE: Final = 0.95
"""So likely dead, and what it counted says nothing any more."""
_ALONE: Final = 0.5
"""Of the people who come, the share who come on their own and not in a group. Assumed."""
_A_DAY: Final = 4.0
"""So much at most a day without anybody counts: on one open day in fifty nobody comes. Assumed."""
_BAGS: Final = 3
"""Desks that may be taken by bags. Assumed."""
_SHORTEST: Final = HOUR // 2
_KNOWN: Final = 3.0
"""Hours of a bin that are counted as hours in which nobody came, until more is known. Assumed."""
_LONGEST: Final = 14 * 24 * HOUR


def dead(flow: Flow, device: int, calendar: Calendar, now: int) -> float:
    """The chance at ``now`` that the counter ``device``, which is not known to be silent, is dead.

    Where the place's hours aren't known, the longest silence that was usual counts for nothing: it was a weekend.
    """
    door = flow.doors[device]
    start = door.at if calendar.known else door.at + int(door.longest)
    if not door.at or now - start < _SHORTEST:
        return 0.0
    share = _ALONE * flow.share(device)
    surprise = day = passed = 0.0
    for bin_, hours in calendar.pieces(start, min(now, start + _LONGEST)):
        if passed >= 24:
            surprise, day, passed = surprise + min(day, _A_DAY), 0.0, passed - 24
        passed += hours
        if bin_ < CLOSED:
            day += share * hours * flow.came[0][bin_] / (flow.came[1][bin_] + _KNOWN)
    odds = DEAD * expm1(surprise + min(day, _A_DAY))
    return odds / (1.0 + odds)


def frozen(flow: Flow, device: int, seated: int) -> float:
    """The chance that the counter ``device`` reports, and counts nobody who passes.

    People passed since its last passage by what else speaks of its door, and ``seated`` are at desks, more than can be
    in by the counters.
    """
    door = flow.doors[device]
    seen = door.elsewhere
    if seated > _BAGS:
        seen += flow.share(device) * max(0, seated - _BAGS - flow.paths.together.quantiles(0.95)[0])
    if not seen:
        return 0.0
    odds = DEAD * expm1(min(50.0, _ALONE * seen))
    return odds / (1.0 + odds)
