"""A dashboard as one page: its panels where Grafana puts them, filled by their real queries."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any, Final

from dashboards.macros import Window, own_range
from dashboards.panels import Json
from dashboards.preview import charts
from dashboards.preview.values import TEXT, Look, colour, config_of, shown

Rows = Sequence[dict[str, Any]]
Query = Callable[[str, datetime, datetime], Rows]
"""Runs a panel's SQL for a time range."""

WIDTH: Final = 1600
_COLUMN: Final = 1568 / 24
_ROW: Final = 38
_STYLE: Final = """
body{margin:0;background:#111217;color:#d8d9da;font:14px Inter,Helvetica,Arial,sans-serif;width:1600px}
h1{font-size:17px;font-weight:500;margin:14px 16px}h1 small{color:#8e8e8e;margin-left:12px}
main{position:relative;margin:0 16px}
section{position:absolute;background:#181b1f;border:1px solid #2c3235;overflow:hidden;box-sizing:border-box}
section.plain{background:none;border:0}
h2{font-size:14px;font-weight:500;margin:8px 8px 4px;height:18px;white-space:nowrap}
.tiles{display:flex;flex-wrap:wrap;align-items:stretch;gap:3px;padding:2px}
.tile{flex:1 1 90px;padding:4px 10px;display:flex;flex-direction:column;justify-content:center;min-height:44px}
.tile b{font-weight:500;font-size:32px;line-height:1.15;white-space:nowrap}.tile span{font-size:13px}
.small b{font-size:17px}
.beside{flex-wrap:nowrap}.beside .tile{flex-basis:40px;padding:4px 6px}.beside b{font-size:22px}
table{border-collapse:collapse;table-layout:fixed;width:100%}th{text-align:left;font-weight:500;color:#8ab8ff}
th,td{border:1px solid #22252b;padding:6px;height:22px;overflow:hidden;white-space:nowrap;font-size:13px}
td.n,th.n{text-align:right}
.legend{font-size:12px;padding:0 8px}.legend span{margin-right:14px}
.legend i{display:inline-block;width:14px;height:4px;margin-right:6px;vertical-align:middle}
.empty{padding:20px;color:#8e8e8e;text-align:center}
"""


def page(board: Json, query: Query, span: tuple[datetime, datetime], look: Look, *, note: str) -> str:
    """Return the page; ``note`` stands beside its title."""
    sections = [_section(panel, query, span, look) for panel in board["panels"]]
    height = max(one["gridPos"]["y"] + one["gridPos"]["h"] for one in board["panels"]) * _ROW + 20
    return (
        f'<!doctype html><html lang="{look.language}"><meta charset="utf-8"><title>{escape(board["title"])}</title>'
        f"<style>{_STYLE}</style><h1>{escape(board['title'])}<small>{escape(note)}</small></h1>"
        f'<main style="height:{height}px">{"".join(sections)}</main></html>'
    )


def _section(panel: Json, query: Query, span: tuple[datetime, datetime], look: Look) -> str:
    box = panel["gridPos"]
    width, height = box["w"] * _COLUMN - 8, box["h"] * _ROW - 8
    own = own_range(panel.get("timeFrom"), Window(start=span[0], end=span[1]))
    span = own.start, own.end
    rows = query(panel["targets"][0]["rawSql"], *span)
    inner = _body(panel, rows, (width - 2, height - (32 if panel["title"] else 2)), span, look)
    title = f"<h2>{escape(panel['title'])}</h2>" if panel["title"] else ""
    plain = ' class="plain"' if panel.get("transparent") else ""
    place = f"left:{box['x'] * _COLUMN:.0f}px;top:{box['y'] * _ROW}px;width:{width:.0f}px;height:{height:.0f}px"
    return f'<section{plain} style="{place}" title="{escape(panel["description"])}">{title}{inner}</section>'


def _body(panel: Json, rows: Rows, size: tuple[float, float], span: tuple[datetime, datetime], look: Look) -> str:
    kind, chart = panel["type"], (size[0] - 12, size[1] - 24)
    if kind == "table":
        return _table(panel, rows, look)
    if not rows:
        return f'<div class="empty">{escape(panel["fieldConfig"]["defaults"]["noValue"])}</div>'
    if kind == "stat":
        return _tiles(panel, rows, look, size[1])
    if kind == "gauge":
        ((name, value),) = rows[0].items()
        text, paint = shown(value, config_of(panel, name), look)
        return charts.dial(text, None if value is None else float(value) / 100, paint or TEXT, size)
    if kind == "timeseries":
        names = [name for name in rows[0] if name != "time"]
        return charts.curves(panel, rows, chart, span, look) + charts.legend(panel, names)
    if kind == "barchart":
        names = [name for name in rows[0] if name != panel["options"]["xField"]]
        return charts.bars(panel, rows, chart) + charts.legend(panel, names)
    if kind == "state-timeline":
        return charts.timeline(panel, rows, (chart[0], size[1] - 6), span, look)
    return f'<div class="empty">{escape(kind)}</div>'


def _tiles(panel: Json, rows: Rows, look: Look, height: float) -> str:
    options = panel["options"]
    pattern = options["reduceOptions"]["fields"].strip("/")
    shown_rows = rows if options["reduceOptions"]["values"] else rows[-1:]
    tiles = []
    for row in shown_rows:
        head = next((str(one) for one in row.values() if isinstance(one, str)), "")
        columns = {name: one for name, one in row.items() if not isinstance(one, str) or pattern}
        names = [name for name in columns if not pattern or re.search(pattern, name)]
        for name in names:
            text, paint = shown(row[name], config_of(panel, name), look)
            label = head if options["reduceOptions"]["values"] else (name if len(names) > 1 else "")
            label = "" if options["textMode"] == "value" else label
            filled = options["colorMode"] == "background"
            style = f"background:{paint or '#2c3235'};color:#fff" if filled else f"color:{paint or TEXT}"
            if options["colorMode"] == "none":
                style = ""
            tiles.append(f'<div class="tile" style="{style}"><span>{escape(label)}</span><b>{escape(text)}</b></div>')
    small = " small" if len(tiles) > 6 else " beside" if len(tiles) > 1 else ""
    least = "" if len(tiles) > 6 else f' style="height:{height - 8:.0f}px"'
    return f'<div class="tiles{small}"{least}>{"".join(tiles)}</div>'


def _table(panel: Json, rows: Rows, look: Look) -> str:
    names = [name for name in (rows[0] if rows else ()) if not config_of(panel, name).get("custom.hidden")]
    configs: Mapping[str, Json] = {name: config_of(panel, name) for name in names}
    widths = "".join(
        f'<col style="width:{configs[name]["custom.width"]}px">' if "custom.width" in configs[name] else "<col>"
        for name in names
    )
    numeric = {name for name in names if any(isinstance(row[name], (int, float)) for row in rows)}
    head = "".join(f"<th{' class=n' if name in numeric else ''}>{escape(name)}</th>" for name in names)
    body = "".join(
        f"<tr>{''.join(_cell(row[name], configs[name], look, right=name in numeric) for name in names)}</tr>"
        for row in rows
    )
    return f"<table><colgroup>{widths}</colgroup><tr>{head}</tr>{body}</table>"


def _cell(value: Any, config: Json, look: Look, *, right: bool) -> str:
    text, paint = shown(value, config, look)
    kind = config.get("custom.cellOptions", {}).get("type")
    style = ""
    if kind == "color-background" and paint:
        style = f"background:{paint};color:#111"
    elif kind == "color-text" and paint:
        style = f"color:{paint}"
    elif kind == "gauge" and value is not None:
        share = min(max(float(value), 0), 100) / 100
        style = f"background:linear-gradient(90deg,{paint or colour('green')} {share:.0%},transparent {share:.0%})"
    return f'<td{" class=n" if right else ""} style="{style}">{escape(text)}</td>'
