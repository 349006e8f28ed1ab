"""When an event happened, where the edge's clock may be wrong. Pure.

``sent_at`` is written by the same clock as ``at``, so a clock that is off by hours betrays itself when the batch
arrives, and the event's time can be put right. All times are microseconds since the Unix epoch.
"""

from __future__ import annotations

from typing import Final

TOLERANCE: Final = 300 * 1_000_000
"""An edge clock this close to the centre's is taken at its word (a batch may also have waited on its way)."""
OLDEST: Final = 366 * 86_400 * 1_000_000
"""No gateway was offline for longer: an older time is a clock's that had not been set."""


def offset(sent_at: int, received_at: int) -> int:
    """What to add to the edge's times; 0 while its clock is within the tolerance."""
    difference = received_at - sent_at
    return 0 if -TOLERANCE <= difference <= TOLERANCE else difference


def correct(at: int, shift: int, received_at: int) -> int:
    """The time to store for an event: shifted, and never in the future or more than a year old.

    An event from before a clock was set (1970) keeps no trustworthy time at all: it gets ``received_at``.
    """
    put_right = at + shift
    if put_right > received_at + TOLERANCE or put_right < received_at - OLDEST:
        return received_at
    return put_right
