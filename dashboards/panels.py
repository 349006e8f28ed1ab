"""The parts that dashboards are made of, as the plain dictionaries that Grafana stores.

They are written for the newest Grafana and in both languages; `dashboards.catalogue` makes one version's JSON of them.

Grafana's own builder library (grafana-foundation-sdk 0.0.21) is left aside: it has no PostgreSQL query, no `alertlist`,
sets no panel ids, and its layout can leave the 24 columns; what it would save fits into this file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from dashboards.versions import PLUGIN
from dashboards.words import UNKNOWN, Query, Text, Words

Json = dict[Any, Any]
"""Texts in it are `Words` until `dashboards.words.speak` chooses a language."""

DATA_SOURCE_UID: Final = "maillage-report"
DATA_SOURCE: Final[Json] = {"type": PLUGIN, "uid": DATA_SOURCE_UID}
"""As Grafana calls it from 10.2.3 on; `dashboards.versions` knows the older name."""
SCHEMA_VERSION: Final = 42

UNKNOWN_COLOUR: Final = "#8e8e8e"
"""What isn't known is grey: never the colour of an empty place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Where a panel stands on the grid of 24 columns; rows are 30 pixels."""

    x: int
    y: int
    w: int
    h: int


_PLAIN: Final[Json] = {"unit": "none", "thresholds": {"mode": "absolute", "steps": [{"value": None, "color": "text"}]}}
"""What a number is without a unit and a limit of its own; Grafana's default limit would paint it red from 80 on."""


def panel(
    kind: str,
    title: Text,
    box: Box,
    query: str,
    *,
    fields: Json | None = None,
    overrides: list[Json] | None = None,
    options: Json | None = None,
    series: bool = False,
    empty: Text = UNKNOWN,
    about: Text = "",
) -> Json:
    """A panel of one query; its ``id`` is set by `dashboard`.

    ``series``: the query gives times, else a table. ``empty``: what stands there where the query gives nothing; a table
    never shows it, so its query gives a row that says so.
    """
    return {
        "type": kind,
        "title": title,
        "description": about,
        "datasource": DATA_SOURCE,
        "gridPos": {"h": box.h, "w": box.w, "x": box.x, "y": box.y},
        "fieldConfig": {"defaults": {**_PLAIN, "noValue": empty, **(fields or {})}, "overrides": overrides or []},
        "options": options or {},
        "targets": [
            {
                "refId": "A",
                "datasource": DATA_SOURCE,
                "editorMode": "code",
                "format": "time_series" if series else "table",
                "rawQuery": True,
                "rawSql": Query(query.strip()),
            }
        ],
    }


def thresholds(*steps: tuple[float | None, str]) -> Json:
    """Colours from each value on; None is minus infinity."""
    return {"mode": "absolute", "steps": [{"value": value, "color": colour} for value, colour in steps]}


FULLNESS: Final[Json] = thresholds((None, "green"), (70, "yellow"), (90, "orange"), (100, "red"))
"""Percent of capacity."""


def values(words: Mapping[int, tuple[Text, str]], *, null: Text = UNKNOWN) -> list[Json]:
    """Map numbers to words and colours, and NULL to ``null`` in grey."""
    result: list[Json] = [
        {
            "type": "value",
            "options": {
                str(number): {"text": text, "color": colour, "index": index}
                for index, (number, (text, colour)) in enumerate(words.items())
            },
        }
    ]
    return [*(result if words else []), unknown(null, index=len(words))]


def terms(of: Mapping[str, Text]) -> list[Json]:
    """Map words of a closed list to those that pages use; one that isn't in it shows as it is."""
    options = {word: {"text": text, "index": index} for index, (word, text) in enumerate(of.items())}
    return [{"type": "value", "options": options}]


def unknown(text: Text = UNKNOWN, *, index: int = 0) -> Json:
    """Show NULL as ``text`` in grey. Not ``null+nan``: Grafana 9 takes every text for NaN."""
    return {
        "type": "special",
        "options": {"match": "null", "result": {"text": text, "color": UNKNOWN_COLOUR, "index": index}},
    }


_QUALITIES: Final = {
    0: (Words("inconnue", "unknown"), UNKNOWN_COLOUR),
    1: (Words("en direct", "live"), "green"),
    2: (Words("dégradée", "degraded"), "yellow"),
    3: (Words("ancienne", "stale"), UNKNOWN_COLOUR),
}
QUALITY: Final = values(_QUALITIES, null=Words("inconnue", "unknown"))
"""For ``quality_level``."""
QUALITY_CELL: Final = values(_QUALITIES, null="—")
"""The same in a table, where a row that says that there is none has no level."""
OPEN: Final = values(
    {
        0: (Words("fermé", "closed"), UNKNOWN_COLOUR),
        1: (Words("ouvert", "open"), "green"),
        2: (Words("horaires inconnus", "hours unknown"), UNKNOWN_COLOUR),
    },
    null="—",
)
"""For whether a place is open."""
DEVICE: Final = values(
    {
        0: (Words("jamais entendu", "never heard"), UNKNOWN_COLOUR),
        1: (Words("bien", "well"), "green"),
        2: (Words("en défaut", "in trouble"), "orange"),
        3: (Words("muet", "silent"), "red"),
    },
    null="—",
)
GATEWAY: Final = values(
    {
        0: (Words("jamais entendue", "never heard"), UNKNOWN_COLOUR),
        1: (Words("en ligne", "online"), "green"),
        2: (Words("silencieuse", "silent"), "orange"),
        3: (Words("hors ligne", "offline"), "red"),
    },
    null=Words("aucune", "none"),
)
"""For ``state_level``."""
DOOR: Final = values(
    {
        0: (Words("fermée", "closed"), "green"),
        1: (Words("ouverte", "open"), "blue"),
        2: (Words("forcée", "forced"), "red"),
        3: (Words("maintenue ouverte", "held open"), "orange"),
        4: (Words("sabotage", "tampered with"), "red"),
        5: (UNKNOWN, UNKNOWN_COLOUR),
    },
    null="—",
)
"""For a door's state."""


def override(column: Text, **properties: Any) -> Json:
    """Settings for one column; ``custom_x`` stands for the property ``custom.x``."""
    return {
        "matcher": {"id": "byName", "options": column},
        "properties": [
            {"id": name.replace("custom_", "custom.", 1), "value": value} for name, value in properties.items()
        ],
    }


_CELLS: Final[dict[str, Json]] = {
    "background": {"type": "color-background", "mode": "basic"},
    "text": {"type": "color-text"},
    "bar": {"type": "gauge", "mode": "basic"},
}
"""How a cell is painted."""


def column(name: Text, width: int, *, cell: str | None = None, flexible: bool = False, **properties: Any) -> Json:
    """One column of a table, so wide; without a width Grafana makes it 150 pixels or more and cuts the table.

    ``flexible``: at least so wide; it gets what is left. ``cell``: how it is painted.
    """
    properties["custom_minWidth" if flexible else "custom_width"] = width
    if cell is not None:
        properties["custom_cellOptions"] = _CELLS[cell]
    return override(name, **properties)


def share(name: Text, width: int, limits: Json = FULLNESS) -> Json:
    """A column of shares in per cent, drawn as bars; ``limits``: their colours."""
    return column(name, width, cell="bar", unit="percent", decimals=0, min=0, max=100, thresholds=limits)


def table(title: Text, box: Box, query: str, columns: list[Json], *, about: Text = "") -> Json:
    """A table; what is NULL in it shows as a dash, unless a column has other words."""
    return panel(
        "table", title, box, query, fields={"mappings": [unknown("—")]}, overrides=columns, empty="—", about=about
    )


def tile(
    *,
    colour: Literal["value", "background", "none"] = "value",
    rows: bool = False,
    fields: Text = "",
    text: Literal["auto", "value", "value_and_name"] = "auto",
) -> Json:
    """Options of a stat panel: the last value even where it is NULL, since what is unknown must be seen as unknown.

    ``rows``: every row is a tile of its own. ``fields``: a pattern of the columns shown; empty: the numbers.
    """
    return {
        "reduceOptions": {"calcs": ["last"], "fields": fields, "values": rows, "limit": 100},
        "colorMode": colour,
        "graphMode": "none",
        "justifyMode": "auto",
        "textMode": text,
        "orientation": "auto",
        "wideLayout": True,
    }


def dial() -> Json:
    """Options of a gauge: the last value even where it is NULL."""
    return {
        "reduceOptions": {"calcs": ["last"], "fields": "", "values": False},
        "orientation": "auto",
        "showThresholdLabels": False,
        "showThresholdMarkers": True,
    }


def variable(name: str, label: Text, query: str, *, several: bool = False) -> Json:
    """A choice filled by ``query`` when the dashboard loads; ``several``: more than one, all at first."""
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": DATA_SOURCE,
        "query": Query(query.strip()),
        "refresh": 1,
        "sort": 0,
        "multi": several,
        "includeAll": several,
        "allowCustomValue": False,
        "skipUrlSync": False,
        "hide": 0,
        "regex": "",
        "options": [],
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]} if several else {"text": "", "value": ""},
    }


_TAGS: Final[tuple[Text, ...]] = ("maillage", Words("français", "english"))
"""So that the menu of a dashboard leads to those of its language."""


def dashboard(about: Text, panels: list[Json], variables: list[Json], *, refresh: str, start: str) -> Json:
    """A whole dashboard but its uid and title, which the catalogue has; panels get their ids by order.

    ``start``: of the time range, for example ``now/d``.
    """
    return {
        "description": about,
        "tags": list(_TAGS),
        "timezone": "browser",
        "editable": True,
        "graphTooltip": 1,
        "refresh": refresh,
        "schemaVersion": SCHEMA_VERSION,
        "time": {"from": start, "to": "now"},
        "timepicker": {"refresh_intervals": ["5s", "30s", "1m", "5m", "1h"]},
        "weekStart": "monday",
        "annotations": {"list": []},
        "templating": {"list": variables},
        "links": [
            {
                "title": "Maillage",
                "type": "dashboards",
                "icon": "external link",
                "tooltip": Words("Les autres tableaux de bord", "The other dashboards"),
                "tags": list(_TAGS),
                "asDropdown": False,
                "targetBlank": False,
                "includeVars": True,
                "keepTime": False,
            }
        ],
        "panels": [{"id": number, **one} for number, one in enumerate(panels, start=1)],
    }
