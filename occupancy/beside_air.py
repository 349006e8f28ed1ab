"""The air of a space beside its other sources: what it learns from them, and what it says where they speak too. Pure.

Times are microseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Final

from occupancy.hours import HOUR
from occupancy.space import SpaceFold
from occupancy.topology import Space

_EMPTY: Final = 2 * HOUR
"""Where presence sensors have seen nobody for so long, nobody is in."""
_CROWD: Final = 0.15
"""The number of people by badges may be off by such a share of it. Assumed."""


def counted(space: Space, fold: SpaceFold, silent: Container[int], at: int) -> bool:
    """Whether all who pass are counted at the doors at ``at``."""
    return bool(space.counters and fold.flow.at and not fold.flow.blind(space.lasts, silent, at))


def known_beside(space: Space, fold: SpaceFold, risk: float, at: int) -> tuple[float, float] | None:
    """The mean and the variance of the number of people at ``at`` by a source that the air can learn from, if any.

    ``risk``: of leaving, at that instant (``occupancy.stays``).
    """
    if space.counters and fold.flow.at:
        if not counted(space, fold, fold.silent, at) or not all(one.settled for one in fold.flow.doors.values()):
            return None
        counts = fold.flow.paths.together
        return counts.mean, counts.variance
    if space.badged and fold.stays.anyone:
        mean, variance = fold.stays.expected(risk, out=space.badges_out)
        return mean, variance + (_CROWD * mean) ** 2
    if fold.room.off and not fold.room.on and at - fold.room.since > _EMPTY:
        return 0.0, 0.0
    return None
