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
    QUALITY_CELL,
    UNKNOWN_COLOUR,
    Box,
    Json,
    column,
    dashboard,
    dial,
    override,
    panel,
    table,
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
    },
    null="—",
)
_STEPS: Final[Json] = {"lineInterpolation": "stepAfter", "spanNulls": False, "showPoints": "never"}
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
            about="Postes de travail libres 19 fois sur 20 dans les lieux ouverts ; ni salles de réunion, ni réservés.",
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
        Box(x=0, y=4, w=11, h=16),
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
    place = column("Lieu", 200, flexible=True, links=_OPEN_PLACE)
    code = override(
        "code", custom_hidden=True, custom_hideFrom={"viz": True, "legend": False, "tooltip": False}
    )  # Grafana 12, 13
    return [
        table(
            "Lieux, du plus au moins rempli",
            Box(x=11, y=4, w=13, h=16),
            sql.RANKED,
            [
                place,
                code,
                column("Occupation", 110, cell="bar", unit="percent", decimals=0, min=0, max=100, thresholds=FULLNESS),
                column("Présents", 85),
                column("Capacité", 85),
                column("Libres", 70),
                column("Ouvert", 145, mappings=OPEN),
                column("Qualité", 95, cell="background", mappings=QUALITY_CELL),
            ],
            about="Sans nombre : la qualité dit pourquoi. Libres : postes libres 19 fois sur 20.",
        ),
        panel(
            "timeseries",
            "Personnes présentes dans le réseau",
            Box(x=0, y=20, w=24, h=9),
            sql.TOTAL,
            empty="rien dans cette période",
            series=True,
            fields={
                "decimals": 0,
                "min": 0,
                "custom": {**_STEPS, "lineWidth": 2, "fillOpacity": 10},
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
        table(
            "Lieux sans nouvelles",
            Box(x=0, y=29, w=9, h=8),
            sql.WITHOUT_NEWS,
            [
                place,
                code,
                column("Raison", 165, cell="background", mappings=_WHY),
                column("Depuis", 150, unit="dateTimeFromNow"),
            ],
        ),
        table(
            "Passerelles à regarder",
            Box(x=9, y=29, w=15, h=8),
            sql.GATEWAYS,
            [
                column("Lieu", 200, flexible=True),
                column("Passerelle", 150),
                column("État", 120, cell="background", mappings=GATEWAY),
                column("Entendue", 150, unit="dateTimeFromNow"),
                column("En attente", 95),
                column("Horloge", 85, unit="ms", decimals=0),
                column("En défaut", 90),
            ],
        ),
        table(
            "Alarmes",
            Box(x=0, y=37, w=24, h=8),
            sql.ALARMS,
            [
                column("Genre", 200, mappings=KINDS),
                column("Le", 150, unit="dateTimeFromNow"),
                column("Dernière fois", 150, unit="dateTimeFromNow"),
                column("Fois", 60),
                column("Lieu", 180),
                column("Passerelle", 150),
                column("Manque de", 150),
                column("Manque à", 150),
                column("Texte", 310, flexible=True, custom_inspect=True),
            ],
        ),
        {
            **panel(
                "timeseries",
                "Sept jours, par quart d'heure",
                Box(x=0, y=45, w=24, h=8),
                sql.QUARTERS,
                empty="pas encore de résumé",
                series=True,
                fields={"decimals": 0, "min": 0, "custom": {**_STEPS, "lineWidth": 2}},
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
