"""When an event happened, where the edge's clock may be wrong. Pure.

``sent_at`` is written by the same clock as ``at``, so a clock that is off by hours betrays itself when the batch
arrives, and the event's time can be put right. Where the clock jumped while the line was cut, each event gets what the
clock was wrong by when it happened: the batch says how far it was stepped since, and a step within the batch stands in
its place. All times are microseconds since the Unix epoch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

TOLERANCE: Final = 300 * 1_000_000
"""An edge clock this close to the centre's is taken as right (a batch may also have waited on its way)."""
OLDEST: Final = 366 * 86_400 * 1_000_000
"""No gateway was offline for longer: an older time is a clock's that had not been set."""


_LONGEST: Final = 200 * OLDEST
"""No clock is wrong by more: 1970, or 2106."""


def offset(sent_at: int, received_at: int) -> int:
    """What to add to the edge's times; 0 while its clock is within the tolerance."""
    return beyond_tolerance(received_at - sent_at)


def beyond_tolerance(difference: int) -> int:
    """``difference``, or 0 within the tolerance."""
    return 0 if -TOLERANCE <= difference <= TOLERANCE else difference


def of_run(shift: int, received_at: int, boots: Sequence[Sequence[int]]) -> int:
    """What to add to times that the clock showed at the end of an earlier run of the machine.

    How long the machine was off is not known. A run's own time is kept where it can be true: no later than the next run
    began, no more than a year old. Otherwise the run ends where the next one begins, and keeps its order.

    Args:
        shift: what to add to the present run's times (``offset``).
        boots: the starts since, each with the last time of the run before and the first of the run after, each by its
            own run's clock.
    """
    move = shift
    for ended, began in reversed(boots):
        limit = began + move
        move = 0 if received_at - OLDEST <= ended <= limit else limit - ended
    return move


def corrections(events: Sequence[Any], last: int) -> list[int]:
    """What to add to each event's time; ``last``: to the last one's. Steps of the clock stand among the events."""
    found = []
    for event in reversed(events):
        found.append(beyond_tolerance(last))
        if isinstance(event, dict) and event["kind"] == "gateway" and event["what"] == "clock_step":
            step = round(event.get("value", 0.0) * 1e6)
            last += step if abs(step) < _LONGEST else 0
    found.reverse()
    return found


def correct(at: int, shift: int, received_at: int) -> int:
    """The time to store for an event: shifted, and never in the future or more than a year old.

    An event from before a clock was set (1970) keeps no trustworthy time at all: it gets ``received_at``.
    """
    put_right = at + shift
    if put_right > received_at + TOLERANCE or put_right < received_at - OLDEST:
        return received_at
    return put_right
