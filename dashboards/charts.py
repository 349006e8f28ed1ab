"""Charts that several dashboards have: curves of steps, bars, tiles of the last value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dashboards.panels import FULLNESS, Box, Json, dial, override, panel, tile, unknown
from dashboards.words import Query, Text, Words

NOTHING_HERE: Final = Words("rien dans cette période", "nothing in this period")
LEGEND: Final[Json] = {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}
TOOLTIP: Final[Json] = {"mode": "multi", "sort": "none"}
DASHED: Final[Json] = {"fill": "dash", "dash": [8, 8]}
PEOPLE: Final[Json] = {"mappings": [unknown()], "color": {"mode": "fixed", "fixedColor": "blue"}, "decimals": 0}
"""Fields of a number of people."""
_PLACE_NAME: Final = Query("""
-- which place this is, for a screen without the choice of places
SELECT p.label AS "Lieu|Place" FROM report.place p WHERE p.place IN (${place:sqlstring})
""")


def place_name() -> Json:
    """The name of the place that was chosen, as wide as the dashboard."""
    return {
        **panel(
            "stat",
            "",
            Box(x=0, y=0, w=24, h=2),
            _PLACE_NAME,
            options=tile(fields=Words("/^Lieu$/", "/^Place$/"), text="value"),
            about=Words("Le lieu dont il s'agit.", "The place that this is about."),
        ),
        "transparent": True,
    }


def number(
    title: Text, box: Box, query: str, *, about: Text, overrides: list[Json] | None = None, **fields: Any
) -> Json:
    """The last values of a query's columns, side by side; ``fields`` over those of a number of people."""
    return panel(
        "stat", title, box, query, fields={**PEOPLE, **fields}, overrides=overrides, options=tile(), about=about
    )


def fullness(title: Text, box: Box, query: str, *, about: Text) -> Json:
    """A dial of how full something is, in per cent of its capacity."""
    fields: Json = {"unit": "percent", "min": 0, "max": 100, "decimals": 0, "thresholds": FULLNESS}
    fields["mappings"] = [unknown()]
    return panel("gauge", title, box, query, options=dial(), fields=fields, about=about)


def steps(
    title: Text,
    box: Box,
    query: str,
    lines: Mapping[Text, Json],
    *,
    about: Text,
    empty: Text = NOTHING_HERE,
    decimals: int = 0,
    period: str | None = None,
) -> Json:
    """Curves of steps that break where nothing is known: the query repeats the last value just before.

    ``lines``: how each curve is drawn (`line`, `band`). ``period``: instead of the dashboard's, as ``7d`` or ``+12h``.
    """
    made = panel(
        "timeseries",
        title,
        box,
        query,
        empty=empty,
        series=True,
        fields={
            "unit": "short",
            "decimals": decimals,
            "min": 0,
            "custom": {
                "lineInterpolation": "stepAfter",
                "lineWidth": 2,
                "fillOpacity": 0,
                "showPoints": "never",
                "spanNulls": False,
            },
        },
        overrides=[override(name, **properties) for name, properties in lines.items()],
        options={"legend": LEGEND, "tooltip": TOOLTIP},
        about=about,
    )
    return made if period is None else {**made, "timeFrom": period}


def line(colour: str, **properties: Any) -> Json:
    """How one curve of `steps` is drawn."""
    return {"color": {"mode": "fixed", "fixedColor": colour}, **properties}


LIMIT: Final[Json] = line("red", custom_lineStyle=DASHED, custom_lineWidth=1)
"""How the capacity is drawn."""


def band(low: Text, high: Text) -> dict[Text, Json]:
    """Two curves as the edges of a light band."""
    edge: Json = {"color": {"mode": "fixed", "fixedColor": "light-blue"}, "custom_lineWidth": 0}
    return {low: edge, high: {**edge, "custom_fillBelowTo": low, "custom_fillOpacity": 20}}


def bars(
    title: Text,
    box: Box,
    query: str,
    x: Text,
    colours: Mapping[Text, str],
    *,
    about: Text,
    empty: Text = NOTHING_HERE,
    stacked: bool = False,
) -> Json:
    """Bars beside each other (or ``stacked``) over the texts of the column ``x``: one colour for each other column."""
    return panel(
        "barchart",
        title,
        box,
        query,
        empty=empty,
        fields={"unit": "short", "decimals": 0, "min": 0, "custom": {"fillOpacity": 80, "lineWidth": 1}},
        overrides=[override(name, color={"mode": "fixed", "fixedColor": colour}) for name, colour in colours.items()],
        options={
            "xField": x,
            "orientation": "vertical",
            "stacking": "normal" if stacked else "none",
            "showValue": "never",
            "groupWidth": 0.8,
            "barWidth": 0.95,
            "xTickLabelRotation": 0,
            "xTickLabelSpacing": 100,
            "legend": LEGEND,
            "tooltip": TOOLTIP,
        },
        about=about,
    )
