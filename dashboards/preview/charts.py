"""The charts of a preview, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from html import escape
from math import ceil, floor, log10
from typing import Any, Final

from dashboards.panels import Json
from dashboards.preview.values import TEXT, Look, colour, config_of, shown

Rows = Sequence[dict[str, Any]]

_LEFT: Final = 46
_BOTTOM: Final = 22
_TOP: Final = 10
_GRID: Final = "#2c3235"
_PALETTE: Final = ("green", "yellow", "blue", "orange", "red", "purple")


def curves(panel: Json, rows: Rows, size: tuple[float, float], span: tuple[datetime, datetime], look: Look) -> str:
    """Curves of steps over time, with gaps where a value is NULL."""
    width, height = size
    names = [name for name in rows[0] if name != "time"] if rows else []
    top = _top([row[name] for row in rows for name in names])
    x, y = _time_scale(span, width), _value_scale(top, height)
    parts = [_grid(top, width, height), *_time_ticks(span, x, height, look)]
    points = {name: _steps(rows, name, span) for name in names}
    for number, name in enumerate(names):
        custom = {key.removeprefix("custom."): one for key, one in config_of(panel, name).items()}
        base = panel["fieldConfig"]["defaults"].get("custom", {})
        drawn = {**base, **custom}
        stroke = _colour_of(panel, name, number)
        if below := drawn.get("fillBelowTo"):
            for run, lower in zip(points[name], points.get(below, []), strict=False):
                edge = [*run, *reversed(lower)]
                parts.append(f'<path d="{_path(edge, x, y)}Z" fill="{stroke}" fill-opacity=".2"/>')
        if drawn.get("lineWidth", 1):
            dash = ' stroke-dasharray="8 8"' if drawn.get("lineStyle", {}).get("fill") == "dash" else ""
            parts += [
                f'<path d="{_path(run, x, y)}" fill="none" stroke="{stroke}" '
                f'stroke-width="{drawn.get("lineWidth", 1)}"{dash}/>'
                for run in points[name]
            ]
    return _svg(width, height, parts)


def bars(panel: Json, rows: Rows, size: tuple[float, float]) -> str:
    """Bars over texts, beside each other or stacked."""
    width, height = size
    options = panel["options"]
    names = [name for name in rows[0] if name != options["xField"]] if rows else []
    stacked = options["stacking"] != "none"
    sums = [sum(row[name] or 0 for name in names) for row in rows] if stacked else []
    top = _top(sums or [row[name] for row in rows for name in names])
    y = _value_scale(top, height)
    group = (width - _LEFT) / max(len(rows), 1)
    each = group * 0.8 / (1 if stacked else max(len(names), 1))
    parts = [_grid(top, width, height)]
    every = max(1, ceil(len(rows) * 46 / (width - _LEFT)))
    for at, row in enumerate(rows):
        left, done = _LEFT + at * group + group * 0.1, 0.0
        if at % every == 0:
            parts.append(_label(left + group * 0.4, height - 6, str(row[options["xField"]])))
        for number, name in enumerate(names):
            value = row[name] or 0
            upper, lower = y(done + value), y(done)
            parts.append(
                f'<rect x="{left + (0 if stacked else number * each):.1f}" y="{upper:.1f}" width="{each * 0.95:.1f}" '
                f'height="{max(lower - upper, 0):.1f}" fill="{_colour_of(panel, name, number)}" fill-opacity=".8"/>'
            )
            done += value if stacked else 0
    return _svg(width, height, parts)


def timeline(panel: Json, rows: Rows, size: tuple[float, float], span: tuple[datetime, datetime], look: Look) -> str:
    """One line of coloured stretches for each metric."""
    width, height = size
    names = sorted({row["metric"] for row in rows})
    x = _time_scale(span, width, left=90)
    step = (height - _BOTTOM) / max(len(names), 1)
    parts = [*_time_ticks(span, x, height, look)]
    config = config_of(panel, "state")
    for number, name in enumerate(names):
        line = [row for row in rows if row["metric"] == name]
        parts.append(_label(84, (number + 0.5) * step + 4, " ".join(name.split()), anchor="end"))
        for row, following in zip(line, [*line[1:], None], strict=True):
            until = span[1] if following is None else following["time"]
            _, fill = shown(row["state"], config, look)
            parts.append(
                f'<rect x="{x(row["time"]):.1f}" y="{number * step + 1:.1f}" height="{step * 0.9:.1f}" '
                f'width="{max(x(until) - x(row["time"]), 0):.1f}" fill="{fill}" fill-opacity=".8"/>'
            )
    return _svg(width, height, parts)


def dial(text: str, share: float | None, stroke: str, size: tuple[float, float]) -> str:
    """A gauge: an arc that is filled up to ``share``."""
    width, height = size
    radius, cx, cy = min(width / 2.4, height * 0.75), width / 2, height * 0.9
    length = 3.1416 * radius
    arc = f"M{cx - radius:.1f} {cy:.1f}A{radius:.1f} {radius:.1f} 0 0 1 {cx + radius:.1f} {cy:.1f}"
    filled = length * min(max(share or 0, 0), 1)
    return _svg(
        width,
        height,
        [
            f'<path d="{arc}" fill="none" stroke="{_GRID}" stroke-width="14"/>',
            f'<path d="{arc}" fill="none" stroke="{stroke}" stroke-width="14" stroke-dasharray="{filled:.1f} 9999"/>',
            f'<text x="{cx}" y="{cy - 4}" text-anchor="middle" fill="{stroke}" font-size="26">{escape(text)}</text>',
        ],
    )


def legend(panel: Json, names: Sequence[str]) -> str:
    """The names of the curves or bars with their colours."""
    marks = (
        f'<span><i style="background:{_colour_of(panel, name, number)}"></i>{escape(name)}</span>'
        for number, name in enumerate(names)
    )
    return f'<div class="legend">{"".join(marks)}</div>'


def _colour_of(panel: Json, name: str, number: int) -> str:
    mode = config_of(panel, name).get("color", {})
    return colour(mode.get("fixedColor", _PALETTE[number % len(_PALETTE)]))


def _steps(rows: Rows, name: str, span: tuple[datetime, datetime]) -> list[list[tuple[datetime, float]]]:
    """Each stretch without a gap as corner points."""
    runs: list[list[tuple[datetime, float]]] = [[]]
    for row in rows:
        value, at = row[name], max(row["time"], span[0])
        if value is None:
            runs.append([])
            continue
        if runs[-1]:
            runs[-1].append((at, runs[-1][-1][1]))
        runs[-1].append((at, float(value)))
    return [run for run in runs if run]


def _path(points: Sequence[tuple[datetime, float]], x: Any, y: Any) -> str:
    return "M" + "L".join(f"{x(at):.1f} {y(value):.1f}" for at, value in points)


def _time_scale(span: tuple[datetime, datetime], width: float, left: float = _LEFT) -> Any:
    seconds = (span[1] - span[0]).total_seconds() or 1
    return lambda at: left + (width - left) * min(max((at - span[0]).total_seconds() / seconds, 0), 1)


def _value_scale(top: float, height: float) -> Any:
    return lambda value: _TOP + (height - _BOTTOM - _TOP) * (1 - float(value) / top)


def _top(values: Sequence[Any]) -> float:
    highest = max((float(value) for value in values if value is not None), default=1.0) or 1.0
    unit = 10 ** floor(log10(highest))
    return float(next(step * unit for step in (1, 1.5, 2, 3, 4, 5, 8, 10, 15) if step * unit >= highest * 1.02))


def _grid(top: float, width: float, height: float) -> str:
    y = _value_scale(top, height)
    return "".join(
        f'<path d="M{_LEFT} {y(value):.1f}H{width}" stroke="{_GRID}"/>'
        + _label(_LEFT - 6, y(value) + 4, f"{value:g}", "end")
        for value in (0, top / 2, top)
    )


def _time_ticks(span: tuple[datetime, datetime], x: Any, height: float, look: Look) -> list[str]:
    step = next(
        one
        for one in (timedelta(minutes=n) for n in (5, 15, 30, 60, 120, 240, 480, 1440, 2880, 10080, 99999999))
        if (span[1] - span[0]) / one <= 13
    )
    at = span[0].astimezone(look.zone).replace(minute=0, second=0, microsecond=0)
    form = "%H:%M" if step < timedelta(days=1) else "%d/%m"
    parts = []
    while at <= span[1]:
        if at >= span[0]:
            parts.append(_label(x(at), height - 4, at.strftime(form)))
        at += step
    return parts


def _label(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{TEXT}" fill-opacity=".7" font-size="12">'
        f"{escape(text)}</text>"
    )


def _svg(width: float, height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}">{"".join(parts)}</svg>'
    )
