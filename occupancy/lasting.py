"""For how long a source's report may be believed. Pure.

The gateway says when a device has been silent for longer than its declared rhythm. This is the rule for the rest: a
device without a declared rhythm, or one that lives (it reports its battery) and no longer says what it senses.

Times are microseconds since the Unix epoch, UTC; spans are microseconds.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from access.inside import LONG_AGO

_MICROSECOND: Final = timedelta(microseconds=1)
STAY: Final = LONG_AGO // _MICROSECOND
"""The longest stay: a member whose last badge is older forgot to badge out (``access.inside``)."""
_MISSED: Final = 4
"""So many reports in a row are missed before a state is no longer believed: one or two are lost on any radio."""
_SHORTEST: Final = timedelta(minutes=10) // _MICROSECOND
"""A gateway passes an unchanged state on once a minute, however often the sensor repeats it."""


def lasts(expect_every: int | None) -> int:
    """Return for how long a sensor's state holds, by its declared rhythm.

    Without a rhythm it holds for as long as a stay may last: what was said before the longest possible stay began says
    nothing of who is there now.
    """
    return STAY if expect_every is None else max(_MISSED * expect_every, _SHORTEST)


def ends(said_at: int, span: int) -> int:
    """Return the first instant at which a report of ``said_at`` that holds for ``span`` has expired."""
    return said_at + span + 1
