"""Until when a number may be shown: the one rule for "stale". Pure.

A number is true as of the newest event that made it, or as of the instant up to which all events of the place's
gateways are stored, whichever is later. It may be shown for its time to live after that; then it is
unknown, never zero.

Grafana's views (``report.space_now``) and the rollup (``jobs.rollup``) apply the same rule in SQL; tests hold the API
and the views to one table of cases (``tests/staleness.py``). Times are microseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

SECOND: Final = 1_000_000


def complete_until(gateways: Iterable[int]) -> int:
    """Return the instant up to which all events of a place are stored, from that of each of its gateways.

    0: not known, because a gateway's is not known (0) or because the place has no gateway.
    """
    return min(gateways, default=0)


def true_as_of(at: int, complete: int) -> int:
    """Return the instant for which a number holds: its last event's ``at``, or ``complete`` where that is later."""
    return max(at, complete)


def believed_until(as_of: int, ttl_s: int) -> int:
    """Return the last instant at which a number that holds for ``as_of`` may be shown."""
    return as_of + ttl_s * SECOND
