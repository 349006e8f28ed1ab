"""Ridge regression of a target on a few facts, by group, each group shrunk towards the regression of all. Pure.

A. E. Hoerl, R. W. Kennard, *Ridge regression*, Technometrics 12, 1970. Rows are summed up as moments (sums of
products), which can be added and left out, so that a fit without some weeks costs no second pass over the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import mul
from typing import Final

FACTS: Final = 5
Facts = tuple[float, float, float, float, float]
Fit = tuple[float, ...]
_RIDGE: Final = 2.0
_LEAST_RIDGE: Final = 0.02
_PAIRS: Final = tuple((i, j) for i in range(FACTS) for j in range(i, FACTS))


def moments(facts: Sequence[Facts], targets: Sequence[float]) -> list[float]:
    """Return the number of rows, the sums of products of facts, and of facts with the target."""
    columns = list(zip(*facts, strict=True))
    squares = [sum(map(mul, columns[i], columns[j])) for i, j in _PAIRS]
    return [len(facts), *squares, *(sum(map(mul, column, targets)) for column in columns)]


def fits_of(groups: Iterable[tuple[int, Sequence[float]]], buckets: int, pull: float) -> list[Fit]:
    """Return the fit of each bucket, shrunk towards the one of all.

    Args:
        groups: a bucket's number and the moments of some of its rows.
        buckets: how many there are.
        pull: how many rows the fit of all counts as in each.
    """
    size = 1 + len(_PAIRS) + FACTS
    total = [0.0] * size
    by_bucket = [[0.0] * size for _ in range(buckets)]
    for bucket, one in groups:
        own = by_bucket[bucket]
        for index, value in enumerate(one):
            own[index] += value
            total[index] += value
    whole = _solve(total[1 : 1 + len(_PAIRS)], total[1 + len(_PAIRS) :], _RIDGE)
    share = pull / max(1.0, total[0])
    shrunk = [value * share for value in total]
    # the pull of the fit of all: its own moments, with its own answer as targets
    for i in range(FACTS):
        shrunk[1 + len(_PAIRS) + i] = sum(
            shrunk[1 + _PAIRS.index((min(i, j), max(i, j)))] * whole[j] for j in range(FACTS)
        )
    found = []
    for own in by_bucket:
        both = [a + b for a, b in zip(own, shrunk, strict=True)]
        found.append(_solve(both[1 : 1 + len(_PAIRS)], both[1 + len(_PAIRS) :], _LEAST_RIDGE, whole))
    return found


def _solve(squares: Sequence[float], products: Sequence[float], ridge: float, towards: Fit | None = None) -> Fit:
    """Solve the normal equations by Gauss's elimination; the ridge keeps them regular."""
    matrix = [[0.0] * (FACTS + 1) for _ in range(FACTS)]
    for (i, j), value in zip(_PAIRS, squares, strict=True):
        matrix[i][j] = matrix[j][i] = value
    for i in range(FACTS):
        matrix[i][i] += ridge
        matrix[i][FACTS] = products[i] + (ridge * towards[i] if towards else 0.0)
    for i in range(FACTS):
        row = matrix[i]
        for below in matrix[i + 1 :]:
            factor = below[i] / row[i]
            if factor:
                for column in range(i, FACTS + 1):
                    below[column] -= factor * row[column]
    answer = [0.0] * FACTS
    for i in reversed(range(FACTS)):
        row = matrix[i]
        answer[i] = (row[FACTS] - sum(row[j] * answer[j] for j in range(i + 1, FACTS))) / row[i]
    return tuple(answer)
