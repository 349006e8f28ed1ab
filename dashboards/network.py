"""The dashboard of the whole network: places ranked and on a map, places without news, totals, alarms."""

from __future__ import annotations

from typing import Final

from dashboards import network_sql as sql
from dashboards.alarms import KINDS
from dashboards.panels import (
    FULLNESS,
    GATEWAY,
    OPEN,
    QUALITY,
    UNKNOWN_COLOUR,
    Box,
    Json,
    dashboard,
    dial,
    override,
    panel,
    thresholds,
    tile,
    unknown,
    values,
    variable,
)
from dashboards.place import UID as PLACE_UID

UID: Final = "maillage-reseau"

_WHY: Final = values(
    {
        0: ("jamais entendue", UNKNOWN_COLOUR),
        2: ("passerelle silencieuse", "orange"),
        3: ("passerelle hors ligne", "red"),
        4: ("nombres périmés", "yellow"),
    }
)
_COLOURED: Final[Json] = {"type": "color-background", "mode": "basic"}
_ON_MAP: Final = thresholds((None, UNKNOWN_COLOUR), (0, "green"), (70, "yellow"), (90, "orange"), (100, "red"))
_OPEN_PLACE: Final[list[Json]] = [
    {
        "title": "Voir ce lieu",
        "type": "link",
        "icon": "",
        "tooltip": "",
        "tags": [],
        "asDropdown": False,
        "targetBlank": False,
        "includeVars": False,
        "keepTime": False,
        "url": f"/d/{PLACE_UID}?var-place=${{__data.fields.code}}",
    }
]
"""From a row to its place's dashboard."""


def _head() -> list[Json]:
    people: Json = {"mappings": [unknown()], "color": {"mode": "fixed", "fixedColor": "blue"}, "decimals": 0}
    wrong: Json = {"thresholds": thresholds((None, "green"), (1, "orange")), "decimals": 0}
    return [
        panel(
            "stat",
            "Personnes présentes",
            Box(x=0, y=0, w=4, h=4),
            sql.PEOPLE,
            fields=people,
            options=tile(),
            about="Dans les lieux dont l'occupation est connue.",
        ),
        panel(
            "gauge",
            "Occupation",
            Box(x=4, y=0, w=4, h=4),
            sql.PERCENT,
            options=dial(),
            fields={
                "unit": "percent",
                "min": 0,
                "max": 100,
                "decimals": 0,
                "thresholds": FULLNESS,
                "mappings": [unknown()],
            },
        ),
        panel(
            "stat",
            "Places libres",
            Box(x=8, y=0, w=4, h=4),
            sql.FREE,
            fields=people,
            options=tile(),
            about="Postes de travail sûrement libres dans les lieux ouverts ; ni salles de réunion, ni réservés.",
        ),
        panel("stat", "Lieux connus", Box(x=12, y=0, w=4, h=4), sql.KNOWN, fields=people, options=tile()),
        panel("stat", "Sans nouvelles", Box(x=16, y=0, w=4, h=4), sql.SILENT, fields=wrong, options=tile()),
        panel("stat", "Alarmes ouvertes", Box(x=20, y=0, w=4, h=4), sql.ALARMS_NOW, fields=wrong, options=tile()),
    ]


def base_layer(tiles_url: str | None) -> Json:
    """The map's ground: the operator's own tiles, or the outlines that Grafana itself ships.

    Never Grafana's default, which makes every viewer's browser call a third party. ``tiles_url`` holds {x}, {y}, {z}.
    """
    if tiles_url:
        return {"type": "xyz", "name": "Fond", "config": {"url": tiles_url, "attribution": ""}}
    return {
        "type": "geojson",
        "name": "Fond",
        "config": {
            "src": "public/maps/countries.geojson",
            "rules": [],
            "style": {"color": {"fixed": "#8080804d"}, "opacity": 0.3, "lineWidth": 1, "size": {"fixed": 3}},
        },
        "tooltip": False,
    }


def _map(tiles_url: str | None) -> Json:
    markers: Json = {
        "type": "markers",
        "name": "Lieux",
        "tooltip": True,
        "location": {"mode": "coords", "latitude": "latitude", "longitude": "longitude"},
        "config": {
            "showLegend": False,
            "style": {
                "color": {"field": "Occupation", "fixed": UNKNOWN_COLOUR},
                "opacity": 0.8,
                "size": {"fixed": 7, "min": 4, "max": 12},
                "symbol": {"mode": "fixed", "fixed": "img/icons/marker/circle.svg"},
            },
        },
    }
    return panel(
        "geomap",
        "Carte",
        Box(x=0, y=4, w=14, h=16),
        sql.MAP,
        fields={"mappings": [unknown()], "thresholds": thresholds((None, "text"))},
        overrides=[
            override("Occupation", unit="percent", decimals=0, thresholds=_ON_MAP, color={"mode": "thresholds"}),
            override("Ouvert", mappings=OPEN),
            override("Qualité", mappings=QUALITY),
            override("Lieu", links=_OPEN_PLACE),
        ],
        options={
            "basemap": base_layer(tiles_url),
            "layers": [markers],
            "view": {"id": "fit", "lat": 46, "lon": 2, "zoom": 9, "padding": 10, "allLayers": False, "layer": "Lieux"},
            "controls": {
                "showZoom": True,
                "mouseWheelZoom": True,
                "showAttribution": bool(tiles_url),
                "showScale": False,
            },
            "tooltip": {"mode": "details"},
        },
        about="Gris : occupation inconnue. Le fond ne vient d'aucun tiers.",
    )


def _lists() -> list[Json]:
    place = override("Lieu", links=_OPEN_PLACE, custom_width=220)
    code = override(
        "code", custom_hidden=True, custom_hideFrom={"viz": True, "legend": False, "tooltip": False}
    )  # Grafana 12, 13
    when = {"unit": "dateTimeFromNow", "mappings": [unknown("jamais")]}
    return [
        panel(
            "table",
            "Lieux, du plus au moins rempli",
            Box(x=14, y=4, w=10, h=16),
            sql.RANKED,
            fields={"mappings": [unknown()]},
            overrides=[
                place,
                code,
                override(
                    "Occupation",
                    unit="percent",
                    decimals=0,
                    min=0,
                    max=100,
                    thresholds=FULLNESS,
                    custom_cellOptions={"type": "gauge", "mode": "basic"},
                ),
                override("Ouvert", mappings=OPEN),
                override("Qualité", mappings=QUALITY, custom_cellOptions=_COLOURED),
            ],
        ),
        panel(
            "timeseries",
            "Personnes présentes dans le réseau",
            Box(x=0, y=20, w=16, h=9),
            sql.TOTAL,
            empty="rien dans cette période",
            series=True,
            fields={
                "decimals": 0,
                "min": 0,
                "custom": {"lineInterpolation": "stepAfter", "lineWidth": 2, "fillOpacity": 10, "showPoints": "never"},
            },
            overrides=[
                override("Lieux connus", custom_axisPlacement="right", custom_lineWidth=1, custom_fillOpacity=0)
            ],
            options={
                "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
                "tooltip": {"mode": "multi", "sort": "none"},
            },
            about="À lire avec le nombre de lieux connus : un lieu qui se tait n'y compte plus personne.",
        ),
        panel(
            "table",
            "Lieux sans nouvelles",
            Box(x=16, y=20, w=8, h=9),
            sql.WITHOUT_NEWS,
            empty="aucun lieu",
            overrides=[
                place,
                code,
                override("Raison", mappings=_WHY, custom_cellOptions=_COLOURED),
                override("Depuis", **when),
            ],
        ),
        panel(
            "table",
            "Alarmes",
            Box(x=0, y=29, w=14, h=8),
            sql.ALARMS,
            empty="aucune alarme",
            overrides=[
                override("Le", unit="dateTimeFromNow"),
                override("Dernière fois", unit="dateTimeFromNow"),
                override("Genre", mappings=KINDS),
            ],
            fields={"mappings": [unknown("—")]},
        ),
        panel(
            "table",
            "Passerelles à regarder",
            Box(x=14, y=29, w=10, h=8),
            sql.GATEWAYS,
            empty="aucune",
            fields={"mappings": [unknown("—")]},
            overrides=[
                override("État", mappings=GATEWAY, custom_cellOptions=_COLOURED),
                override("Entendue", **when),
                override("Horloge", unit="ms", decimals=0),
            ],
        ),
        {
            **panel(
                "timeseries",
                "Sept jours, par quart d'heure",
                Box(x=0, y=37, w=24, h=8),
                sql.QUARTERS,
                empty="pas encore de résumé",
                series=True,
                fields={"decimals": 0, "min": 0, "custom": {"spanNulls": False, "showPoints": "never", "lineWidth": 2}},
                overrides=[override("Lieux connus", custom_axisPlacement="right", custom_lineWidth=1)],
            ),
            "timeFrom": "7d",
        },
    ]


def network_dashboard(tiles_url: str | None = None) -> Json:
    """*The network*: refreshed every 30 s, the last 24 hours. ``tiles_url``: see `base_layer`."""
    return dashboard(
        UID,
        "Le réseau",
        "Tous les lieux équipés : lesquels sont pleins, lesquels se taisent, et comment le réseau se remplit.",
        [*_head(), _map(tiles_url), *_lists()],
        [variable("department", "Département", sql.DEPARTMENTS, several=True)],
        refresh="30s",
        start="now-24h",
    )
