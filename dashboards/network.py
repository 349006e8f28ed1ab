"""The dashboard of the whole network: places ranked and on a map, places without news, totals, alarms."""

from __future__ import annotations

from typing import Final

from dashboards import network_sql as sql
from dashboards.alarms import KINDS
from dashboards.charts import fullness, number
from dashboards.network_past import past
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
    override,
    panel,
    share,
    table,
    thresholds,
    tile,
    unknown,
    values,
    variable,
)
from dashboards.place import UID as PLACE_UID
from dashboards.words import Words

UID: Final = Words("maillage-reseau", "maillage-reseau-en")
TITLE: Final = Words("Le réseau", "The network")

_WHY: Final = values(
    {
        0: (Words("jamais entendue", "never heard"), UNKNOWN_COLOUR),
        2: (Words("passerelle silencieuse", "gateway silent"), "orange"),
        3: (Words("passerelle hors ligne", "gateway offline"), "red"),
        4: (Words("nombres périmés", "numbers stale"), "yellow"),
    },
    null="—",
)
_ON_MAP: Final = thresholds((None, UNKNOWN_COLOUR), (0, "red"), (1, "orange"), (3, "yellow"), (6, "green"))
"""By free seats."""
_OPEN_PLACE: Final[list[Json]] = [
    {
        "title": Words("Voir ce lieu", "See this place"),
        "type": "link",
        "icon": "",
        "tooltip": "",
        "tags": [],
        "asDropdown": False,
        "targetBlank": False,
        "includeVars": False,
        "keepTime": False,
        "url": Words(*(f"/d/{uid}?var-place=${{__data.fields.code}}" for uid in PLACE_UID)),
    }
]
"""From a row to its place's dashboard."""


def _head() -> list[Json]:
    wrong: Json = {"thresholds": thresholds((None, "green"), (1, "orange")), "decimals": 0}
    return [
        number(
            Words("Personnes présentes", "People now"),
            Box(x=0, y=0, w=4, h=4),
            sql.PEOPLE,
            about=Words("Dans les lieux dont l'occupation est connue.", "In the places whose occupancy is known."),
        ),
        fullness(
            Words("Occupation", "Occupancy"),
            Box(x=4, y=0, w=4, h=4),
            sql.PERCENT,
            about=Words(
                "Présents par capacité, dans les lieux dont l'occupation est connue.",
                "People present of the capacity, in the places whose occupancy is known.",
            ),
        ),
        number(
            Words("Places libres", "Free seats"),
            Box(x=8, y=0, w=4, h=4),
            sql.FREE,
            about=Words(
                "Postes de travail libres 19 fois sur 20 dans les lieux ouverts ; ni salles de réunion, ni réservés.",
                "Seats to work at that are free 19 times of 20 in open places; no meeting rooms, no booked seats.",
            ),
        ),
        number(
            Words("Lieux connus", "Known places"),
            Box(x=12, y=0, w=4, h=4),
            sql.KNOWN,
            about=Words("Dont l'occupation est connue en ce moment.", "Whose occupancy is known at this moment."),
        ),
        panel(
            "stat",
            Words("Sans nouvelles", "Without news"),
            Box(x=16, y=0, w=4, h=4),
            sql.SILENT,
            fields=wrong,
            options=tile(),
            about=Words(
                "Lieux équipés dont rien de récent n'arrive.", "Equipped places from which nothing recent comes."
            ),
        ),
        panel(
            "stat",
            Words("Alarmes ouvertes", "Open alarms"),
            Box(x=20, y=0, w=4, h=4),
            sql.ALARMS_NOW,
            fields=wrong,
            options=tile(),
            about=Words("Que personne n'a encore acquittées.", "That nobody has acknowledged yet."),
        ),
    ]


def base_layer(tiles_url: str | None) -> Json:
    """The map's ground: the operator's own tiles, or the outlines that Grafana itself ships.

    Never Grafana's default, which makes every viewer's browser call a third party. ``tiles_url`` holds {x}, {y}, {z}.
    """
    if tiles_url:
        return {"type": "xyz", "name": Words("Fond", "Ground"), "config": {"url": tiles_url, "attribution": ""}}
    return {
        "type": "geojson",
        "name": Words("Fond", "Ground"),
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
        "name": Words("Lieux", "Places"),
        "tooltip": True,
        "location": {"mode": "coords", "latitude": "latitude", "longitude": "longitude"},
        "config": {
            "showLegend": False,
            "style": {
                "color": {"field": Words("Places libres", "Free seats"), "fixed": UNKNOWN_COLOUR},
                "opacity": 0.8,
                "size": {"fixed": 7, "min": 4, "max": 12},
                "symbol": {"mode": "fixed", "fixed": "img/icons/marker/circle.svg"},
            },
        },
    }
    return panel(
        "geomap",
        Words("Carte", "Map"),
        Box(x=0, y=4, w=11, h=16),
        sql.MAP,
        fields={"mappings": [unknown()], "thresholds": thresholds((None, "text"))},
        overrides=[
            override(Words("Places libres", "Free seats"), thresholds=_ON_MAP, color={"mode": "thresholds"}),
            override(Words("Occupation", "Occupancy"), unit="percent", decimals=0, thresholds=FULLNESS),
            override(Words("Ouvert", "Open"), mappings=OPEN),
            override(Words("Qualité", "Quality"), mappings=QUALITY),
            override(Words("Lieu", "Place"), links=_OPEN_PLACE),
        ],
        options={
            "basemap": base_layer(tiles_url),
            "layers": [markers],
            "view": {
                "id": "fit",
                "lat": 46,
                "lon": 2,
                "zoom": 9,
                "padding": 10,
                "allLayers": False,
                "layer": Words("Lieux", "Places"),
            },
            "controls": {
                "showZoom": True,
                "mouseWheelZoom": True,
                "showAttribution": bool(tiles_url),
                "showScale": False,
            },
            "tooltip": {"mode": "details"},
        },
        about=Words(
            "Par places libres : rouge, aucune ; vert, six ou plus ; gris, nombre inconnu ou lieu fermé. Le fond ne "
            "vient d'aucun tiers.",
            "By free seats: red, none; green, six or more; grey, unknown or closed. No third party gives the ground.",
        ),
    )


def _lists() -> list[Json]:
    place = column(Words("Lieu", "Place"), 200, flexible=True, links=_OPEN_PLACE)
    code = override(
        "code", custom_hidden=True, custom_hideFrom={"viz": True, "legend": False, "tooltip": False}
    )  # Grafana 12, 13
    return [
        table(
            Words("Lieux, du plus au moins rempli", "Places, the fullest first"),
            Box(x=11, y=4, w=13, h=16),
            sql.RANKED,
            [
                place,
                code,
                share(Words("Occupation", "Occupancy"), 110),
                column(Words("Présents", "Present"), 85),
                column(Words("Capacité", "Capacity"), 85),
                column(Words("Libres", "Free"), 70),
                column(Words("Ouvert", "Open"), 145, mappings=OPEN),
                column(Words("Qualité", "Quality"), 95, cell="background", mappings=QUALITY_CELL),
            ],
            about=Words(
                "Sans nombre : la qualité dit pourquoi. Libres : postes libres 19 fois sur 20.",
                "Without a number: the quality says why. Free: seats that are free 19 times of 20.",
            ),
        ),
        table(
            Words("Places libres par département", "Free seats by department"),
            Box(x=15, y=20, w=9, h=9),
            sql.BY_DEPARTMENT,
            [
                column(Words("Département", "Department"), 150, flexible=True),
                column(Words("Libres", "Free"), 70),
                share(Words("Occupation", "Occupancy"), 110),
                column(Words("Ouverts", "Open"), 75),
                column(Words("Connus", "Known"), 75),
                column(Words("Équipés", "Equipped"), 80),
            ],
            about=Words(
                "Postes de travail libres 19 fois sur 20 dans les lieux ouverts.",
                "Seats to work at that are free 19 times of 20 in open places.",
            ),
        ),
        table(
            Words("Lieux sans nouvelles", "Places without news"),
            Box(x=0, y=29, w=9, h=8),
            sql.WITHOUT_NEWS,
            [
                place,
                code,
                column(Words("Raison", "Cause"), 165, cell="background", mappings=_WHY),
                column(Words("Depuis", "Since"), 150, unit="dateTimeFromNow"),
            ],
            about=Words(
                "Lieux dont l'occupation n'est pas connue, avec la raison.",
                "Places whose occupancy isn't known, with the cause.",
            ),
        ),
        table(
            Words("Passerelles à regarder", "Gateways to look at"),
            Box(x=9, y=29, w=15, h=8),
            sql.GATEWAYS,
            [
                column(Words("Lieu", "Place"), 200, flexible=True),
                column(Words("Passerelle", "Gateway"), 150),
                column(Words("État", "State"), 120, cell="background", mappings=GATEWAY),
                column(Words("Entendue", "Heard"), 150, unit="dateTimeFromNow"),
                column(Words("En attente", "Waiting"), 95),
                column(Words("Horloge", "Clock"), 85, unit="ms", decimals=0),
                column(Words("En défaut", "In trouble"), 90),
            ],
            about=Words(
                "Hors ligne, en retard, à l'heure fausse, ou avec un appareil en défaut.",
                "Offline, behind, with a wrong clock, or with a device in trouble.",
            ),
        ),
        table(
            Words("Alarmes", "Alarms"),
            Box(x=0, y=37, w=24, h=8),
            sql.ALARMS,
            [
                column(Words("Genre", "Kind"), 200, mappings=KINDS),
                column(Words("Le", "Raised"), 150, unit="dateTimeFromNow"),
                column(Words("Dernière fois", "Last time"), 150, unit="dateTimeFromNow"),
                column(Words("Fois", "Times"), 60),
                column(Words("Lieu", "Place"), 180),
                column(Words("Passerelle", "Gateway"), 150),
                column(Words("Manque de", "Missing from"), 150),
                column(Words("Manque à", "Missing until"), 150),
                column(Words("Texte", "Text"), 310, flexible=True, custom_inspect=True),
            ],
            about=Words(
                "Alarmes ouvertes, les plus récentes d'abord.",
                "Open alarms, the latest first.",
            ),
        ),
    ]


def network_dashboard(tiles_url: str | None = None) -> Json:
    """*The network*: refreshed every 30 s, the last 24 hours. ``tiles_url``: see `base_layer`."""
    return dashboard(
        Words(
            "Tous les lieux équipés : lesquels sont pleins, lesquels se taisent, et comment le réseau se remplit.",
            "All equipped places: which are full, which are silent, and how the network fills up.",
        ),
        [*_head(), _map(tiles_url), *_lists(), *past()],
        [variable("department", Words("Département", "Department"), sql.DEPARTMENTS, several=True)],
        refresh="30s",
        start="now-24h",
    )
