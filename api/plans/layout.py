"""Lays out the spaces and desks that nobody has drawn yet, in rows. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Final

WIDTH: Final = 800
"""Of a plan that nobody has drawn, unless it would be too high."""
_MOST: Final = 4000
"""A plan is at most so wide and so high."""
_GAP: Final = 20
_TITLE: Final = 40
"""Above the desks of a space: its name."""
_DESK: Final = (60, 40)
_BETWEEN: Final = 20
_LEAST: Final = (180, 120)
"""Of a space."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A rectangle in units of the plan; ``rotation``: degrees, clockwise, around its middle."""

    x: int
    y: int
    width: int
    height: int
    rotation: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A plan: each space and desk by its code."""

    width: int
    height: int
    spaces: Mapping[str, Shape]
    desks: Mapping[str, Shape]


def completed(drawn: Layout | None, spaces: Sequence[str], desks: Mapping[str, Sequence[str]]) -> Layout:
    """Return a plan with all ``spaces`` and ``desks``: those that are ``drawn`` as they are, the others below them.

    Args:
        drawn: what the manager has drawn; None: nothing. What is no longer in service is left out.
        spaces: the codes of the spaces, in their order.
        desks: the codes of the desks of each space.
    """
    kept = {} if drawn is None else {code: one for code, one in drawn.spaces.items() if code in spaces}
    placed = dict(kept)
    width = WIDTH if drawn is None else drawn.width
    below = max((one.y + one.height + _GAP for one in kept.values()), default=_GAP)
    missing = [code for code in spaces if code not in kept]
    sizes = [(code, _size(len(desks.get(code, ())))) for code in missing]
    placed |= _shelves(sizes, width, below)
    while width < _MOST and any(one.y + one.height + _GAP > _MOST for one in placed.values()):
        width = min(_MOST, width + WIDTH)
        placed |= _shelves(sizes, width, below)
    seats: dict[str, Shape] = {}
    for space, codes in desks.items():
        known = {} if drawn is None else {code: drawn.desks[code] for code in codes if code in drawn.desks}
        seats |= known
        seats |= _seats([code for code in codes if code not in known], placed[space], begin=len(known))
    bottom = max((one.y + one.height + _GAP for one in (*placed.values(), *seats.values())), default=_LEAST[1])
    right = max((one.x + one.width + _GAP for one in (*placed.values(), *seats.values())), default=WIDTH // 2)
    if drawn is not None:
        right, bottom = max(drawn.width, right), max(drawn.height, bottom)
    return Layout(width=min(_MOST, right), height=min(_MOST, bottom), spaces=placed, desks=seats)


def _columns(desks: int) -> int:
    return max(1, min(8, ceil(sqrt(desks * 2))))


def _size(desks: int) -> tuple[int, int]:
    columns = _columns(desks)
    rows = ceil(desks / columns)
    width = columns * (_DESK[0] + _BETWEEN) + _BETWEEN
    height = _TITLE + rows * (_DESK[1] + _BETWEEN) + _BETWEEN
    return max(_LEAST[0], width), max(_LEAST[1], height)


def _shelves(sizes: Sequence[tuple[str, tuple[int, int]]], width: int, top: int) -> dict[str, Shape]:
    """Place rectangles beside each other, in rows of at most ``width``."""
    placed: dict[str, Shape] = {}
    x, y, tallest = _GAP, top, 0
    for code, (wide, high) in sizes:
        if x > _GAP and x + wide + _GAP > width:
            x, y, tallest = _GAP, y + tallest + _GAP, 0
        placed[code] = Shape(x=x, y=y, width=wide, height=high)
        x, tallest = x + wide + _GAP, max(tallest, high)
    return placed


def _seats(codes: Sequence[str], space: Shape, *, begin: int) -> dict[str, Shape]:
    """Place desks in rows within their space, after the first ``begin`` seats."""
    columns = max(1, (space.width - _BETWEEN) // (_DESK[0] + _BETWEEN))
    placed: dict[str, Shape] = {}
    for number, code in enumerate(codes, begin):
        row, column = divmod(number, columns)
        x = space.x + _BETWEEN + column * (_DESK[0] + _BETWEEN)
        y = space.y + _TITLE + row * (_DESK[1] + _BETWEEN)
        placed[code] = Shape(x=min(x, _MOST - 100), y=min(y, _MOST - 100), width=_DESK[0], height=_DESK[1])
    return placed
