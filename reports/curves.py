"""A curve of people over time as SVG: a low–high band, gaps where nothing is known, closed hours shaded. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil

from reports.plots import BLUE, GRID, HATCH, INK, WIDTH, round_step, svg, svg_rect, svg_text
from reports.words import UNKNOWN, Language, Words, number

_USUAL = "#b5d0ea"
_CLOSED = "#e6e4da"
_HEIGHT, _LEFT, _TOP, _BOTTOM = 250, 44, 28, 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A stretch of time of the plot; all points are equally wide."""

    people: float | None
    """On average; None: not known."""
    usual: tuple[float, float] | None = None
    """What is usual then, as an interval; None: not known."""
    open: bool | None = None
    """False: closed, and shaded."""
    to_come: bool = False
    """Not over yet: left empty, and not as unknown."""


def curve(points: Sequence[Point], ticks: Sequence[tuple[int, str]], language: Language) -> str:
    """Return the plot. ``ticks``: texts below the axis, each at the beginning of a point."""
    most = max((value for one in points for value in (one.people or 0.0, *(one.usual or ()))), default=0.0)
    step = max(1.0, round_step(most))
    top_value = max(step, ceil(most / step) * step)
    plot, wide = _HEIGHT - _TOP - _BOTTOM, (WIDTH - _LEFT - 8) / max(1, len(points))
    parts = [HATCH]

    def x(n: float) -> float:
        return _LEFT + n * wide

    def y(value: float) -> float:
        return _TOP + plot * (1 - value / top_value)

    for first, after in _runs([one.open is False for one in points]):
        parts.append(svg_rect(x(first), _TOP, x(after) - x(first), plot, _CLOSED))
    for first, after in _runs([one.people is None and not one.to_come and one.open is not False for one in points]):
        parts.append(svg_rect(x(first), _TOP, x(after) - x(first), plot, "url(#unknown)"))
    for first, after in _runs([one.usual is not None for one in points]):
        run = [one.usual or (0.0, 0.0) for one in points[first:after]]
        above = [f"{x(first + n + side):.1f} {y(high):.1f}" for n, (_, high) in enumerate(run) for side in (0, 1)]
        below = [f"{x(first + n + side):.1f} {y(low):.1f}" for n, (low, _) in enumerate(run) for side in (0, 1)]
        parts.append(f'<path d="M{"L".join([*above, *reversed(below)])}Z" fill="{_USUAL}"/>')
    for tick in range(round(top_value / step) + 1):
        line = y(tick * step)
        parts.append(f'<path d="M{_LEFT} {line:.1f}H{WIDTH - 8}" stroke="{GRID}" stroke-width="1"/>')
        parts.append(svg_text(_LEFT - 6, line + 4, number(tick * step, language), "end"))
    for first, after in _runs([one.people is not None for one in points]):
        steps = [(n, points[n].people or 0.0) for n in range(first, after)]
        drawn = "L".join(f"{x(n + side):.1f} {y(value):.1f}" for n, value in steps for side in (0, 1))
        parts.append(f'<path d="M{drawn}" fill="none" stroke="{BLUE}" stroke-width="2"/>')
    for n, text in ticks:
        parts.append(svg_text(x(n), _HEIGHT - _BOTTOM + 17, text, "start" if n == 0 else "middle", INK))
    parts.append(svg_text(_LEFT, 14, Words("personnes", "people").of(language), "start"))
    parts += _legend(language)
    return svg(_HEIGHT, parts)


def _legend(language: Language) -> Iterator[str]:
    """At the left, where a phone shows it without scrolling."""
    words = (("url(#unknown)", UNKNOWN), (_CLOSED, Words("fermé", "closed")), (_USUAL, Words("d'habitude", "usual")))
    for n, (colour, text) in enumerate(words):
        yield svg_rect(130 + 80 * n, 4, 12, 12, colour)
        yield svg_text(147 + 80 * n, 14, text.of(language), "start")


def _runs(marks: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Yield the first and the end of each run of true marks."""
    first: int | None = None
    for n, mark in enumerate([*marks, False]):
        if mark and first is None:
            first = n
        elif not mark and first is not None:
            yield first, n
            first = None
