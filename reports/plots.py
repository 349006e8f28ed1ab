"""Plots as SVG: columns by day, and a heat map of weekdays and hours. Pure.

Colours and sizes are attributes, which both Typst and browsers read. What is unknown is hatched, never drawn as zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from html import escape
from math import ceil, floor, log10
from typing import Final

from reports.model import Day, Hour
from reports.words import WEEKDAYS, Language, Words, number

WIDTH: Final = 720
INK: Final = "#333333"
GRID: Final = "#d8d8d8"
BLUE: Final = "#1f5f99"
_FONT: Final = "Libertinus Serif, Georgia, serif"
HATCH: Final = (
    '<defs><pattern id="unknown" width="6" height="6" patternUnits="userSpaceOnUse">'
    '<rect width="6" height="6" fill="#f1f1f1"/><path d="M0 6L6 0" stroke="#b4b4b4" stroke-width="1"/></pattern></defs>'
)
_UNKNOWN: Final = Words("inconnu", "unknown")
_LIGHT, _DARK = (237, 244, 251), (24, 78, 128)
_WEEKEND: Final = 5


def day_columns(days: Sequence[Day], first: date, count: int, language: Language) -> str:
    """Return people-hours of each day of a month; a day without a number is hatched, one to come is empty."""
    height, left, top, bottom = 210, 44, 24, 34
    by_day = {one.day.day: one for one in days if one.day.replace(day=1) == first}
    most = max((one.person_hours or 0 for one in by_day.values()), default=0)
    step = round_step(most)
    top_value = max(step, ceil(most / step) * step)
    plot = height - top - bottom
    wide = (WIDTH - left - 8) / count
    parts = [HATCH]
    for tick in range(round(top_value / step) + 1):
        y = top + plot * (1 - tick * step / top_value)
        parts.append(f'<path d="M{left} {y:.1f}H{WIDTH - 8}" stroke="{GRID}" stroke-width="1"/>')
        parts.append(svg_text(left - 6, y + 4, number(tick * step, language, 1 if step < 1 else 0), "end"))
    for n in range(1, count + 1):
        x = left + (n - 1) * wide
        one = by_day.get(n)
        if one is not None and one.person_hours is None:
            parts.append(svg_rect(x + 1, top, wide - 2, plot, "url(#unknown)"))
        elif one is not None and one.person_hours is not None:
            tall = plot * one.person_hours / top_value
            if one.known < 0.5:  # less than half of the day is known
                parts.append(svg_rect(x + 1, top, wide - 2, plot - tall, "url(#unknown)"))
            parts.append(svg_rect(x + 2, top + plot - tall, wide - 4, tall, BLUE))
        weekend = first.replace(day=n).weekday() >= _WEEKEND
        parts.append(svg_text(x + wide / 2, height - bottom + 16, str(n), "middle", "#8a8a8a" if weekend else INK))
    parts.append(svg_text(left, 14, Words("heures-personnes", "people-hours").of(language), "start"))
    parts.append(_key(WIDTH - 8, 14, language))
    return svg(height, parts)


def heat_map(hours: Sequence[Hour], language: Language) -> str:
    """Return people by weekday and local hour; the hours in which anybody was ever there, and those between."""
    people: Mapping[tuple[int, int], float | None] = {(one.weekday, one.hour): one.people for one in hours}
    lively = [hour for (_, hour), value in people.items() if value is not None and value >= 0.05]
    start, end = (min(8, *lively), max(18, *lively)) if lively else (0, 23)
    most = max((value for value in people.values() if value is not None), default=0.0)
    left, top, tall = 84, 26, 26
    wide = (WIDTH - left - 8) / (end - start + 1)
    after = " h" if language == "fr" else ":00"
    parts = [HATCH]
    parts += [svg_text(left + (hour - start + 0.5) * wide, top - 8, f"{hour}{after}") for hour in range(start, end + 1)]
    for weekday in range(1, 8):
        y = top + (weekday - 1) * tall
        parts.append(svg_text(left - 8, y + tall / 2 + 4, WEEKDAYS[weekday - 1].of(language), "end"))
        for hour in range(start, end + 1):
            value = people.get((weekday, hour))
            x = left + (hour - start) * wide
            if value is None:
                parts.append(svg_rect(x + 1, y + 1, wide - 2, tall - 2, "url(#unknown)"))
                continue
            share = value / most if most else 0.0
            parts.append(svg_rect(x + 1, y + 1, wide - 2, tall - 2, _shade(share)))
            text = number(value, language, 1 if most < 10 else 0)
            parts.append(
                svg_text(x + wide / 2, y + tall / 2 + 4, text, "middle", "#ffffff" if share > 0.72 else "#111111")
            )
    parts.append(_key(WIDTH - 8, top + 7 * tall + 18, language))
    return svg(top + 7 * tall + 26, parts)


def round_step(most: float) -> float:
    """Return a round step that makes three to six lines below ``most``."""
    if most <= 0:
        return 1.0
    raw = most / 4
    power: float = 10 ** floor(log10(raw))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw)


def _shade(share: float) -> str:
    mixed = (round(low + (high - low) * min(share, 1.0)) for low, high in zip(_LIGHT, _DARK, strict=True))
    return "#" + "".join(f"{part:02x}" for part in mixed)


def svg_rect(x: float, y: float, width: float, height: float, fill: str) -> str:
    """Return a filled rectangle."""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{max(height, 0):.1f}" fill="{fill}"/>'


def svg_text(x: float, y: float, text: str, anchor: str = "middle", fill: str = INK) -> str:
    """Return a text at a point."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}">{escape(text)}</text>'


def _key(right: float, y: float, language: Language) -> str:
    """Return what the hatching means."""
    return svg_rect(right - 12, y - 10, 12, 12, "url(#unknown)") + svg_text(right - 17, y, _UNKNOWN.of(language), "end")


def svg(height: float, parts: Sequence[str]) -> str:
    """Return a whole plot, on white."""
    size = f'width="{WIDTH}" height="{height:g}" viewBox="0 0 {WIDTH} {height:g}"'
    paper = '<rect width="100%" height="100%" fill="#ffffff"/>'
    text = f'font-family="{_FONT}" font-size="12"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {text}>{paper}{"".join(parts)}</svg>'
