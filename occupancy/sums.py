"""The sums of several numbers of people, each with a distribution of its own. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from occupancy.counts import Counts, added

Sums = tuple[tuple[Counts, Counts], ...]
"""Several numbers, each with the sum of it and of those before it."""


def summed(parts: Sequence[Counts], before: Sums = ()) -> Sums:
    """The sums of several independent numbers.

    ``before``: other sums, which are gone on with from the first number that isn't the same; all of them: returned.
    """
    same = 0
    for part, (old, _) in zip(parts, before):  # noqa: B905
        if part is not old and part != old:
            break
        same += 1
    if same == len(parts) == len(before):
        return before
    made = list(before[:same])
    for part in parts[same:]:
        made.append((part, added(made[-1][1], part) if made else part))
    return tuple(made)
