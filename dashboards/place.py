"""The dashboard of one place, live: how many people, how full, which desks, which doors, and how sure all this is."""

from __future__ import annotations

from typing import Final

from dashboards import place_sql as sql
from dashboards.alarms import TROUBLES
from dashboards.panels import (
    DEVICE,
    DOOR,
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
from dashboards.reasons import REASONS

UID: Final = "maillage-lieu"

_DESK: Final = values({0: ("libre", "green"), 1: ("occupé", "blue"), 2: ("inconnu", UNKNOWN_COLOUR)})
_DASHED: Final[Json] = {"fill": "dash", "dash": [8, 8]}


def _head() -> list[Json]:
    people: Json = {"mappings": [unknown()], "color": {"mode": "fixed", "fixedColor": "blue"}, "decimals": 0}
    return [
        {
            **panel("stat", "", Box(x=0, y=0, w=24, h=2), sql.PLACE, options=tile(fields="/^Lieu$/", text="value")),
            "transparent": True,
        },
        panel(
            "stat",
            "Personnes présentes",
            Box(x=0, y=2, w=4, h=4),
            sql.PRESENT,
            fields=people,
            options=tile(),
            about="« inconnu » : rien d'assez récent ne permet de le dire. Ce n'est jamais zéro par défaut.",
        ),
        panel(
            "gauge",
            "Occupation",
            Box(x=4, y=2, w=4, h=4),
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
            about="Personnes présentes, en pour cent de la capacité du lieu.",
        ),
        panel(
            "stat",
            "Fourchette",
            Box(x=8, y=2, w=4, h=4),
            sql.INTERVAL,
            fields=people,
            options=tile(),
            about="Ce ne sont pas des limites : neuf fois sur dix, le nombre vrai est entre les deux ; "
            "une fois sur vingt il est en dessous, une fois sur vingt au-dessus.",
        ),
        panel(
            "stat",
            "Places libres",
            Box(x=12, y=2, w=3, h=4),
            sql.FREE,
            fields=people,
            overrides=[override("Lieu", mappings=OPEN)],
            options=tile(),
            about="Postes de travail libres 19 fois sur 20 ; aucun quand le lieu est fermé. Ni salles, ni réservés.",
        ),
        panel(
            "stat",
            "Qualité",
            Box(x=15, y=2, w=3, h=4),
            sql.QUALITY,
            fields={"mappings": QUALITY},
            options=tile(colour="background"),
            about="En direct ; partielle : des capteurs se taisent ; périmée ou inconnue : aucun nombre n'est donné.",
        ),
        panel(
            "stat",
            "Vrai",
            Box(x=18, y=2, w=3, h=4),
            sql.AT,
            options=tile(colour="none"),
            fields={"unit": "dateTimeFromNow", "mappings": [unknown("jamais")]},
            about="L'instant que décrit le nombre.",
        ),
        panel(
            "stat",
            "Passerelle",
            Box(x=21, y=2, w=3, h=4),
            sql.GATEWAY,
            fields={"mappings": GATEWAY},
            options=tile(colour="background"),
            about="La moins bonne des passerelles du lieu.",
        ),
    ]


def _middle() -> list[Json]:
    curve: Json = {
        "unit": "short",
        "decimals": 0,
        "min": 0,
        "custom": {
            "lineInterpolation": "stepAfter",
            "lineWidth": 2,
            "fillOpacity": 0,
            "showPoints": "never",
            "spanNulls": False,
        },
    }
    return [
        panel(
            "timeseries",
            "La journée",
            Box(x=0, y=6, w=12, h=9),
            sql.CURVE,
            empty="rien dans cette période",
            series=True,
            fields=curve,
            overrides=[
                override("Présents", color={"mode": "fixed", "fixedColor": "blue"}),
                override(
                    "Sans doute au moins", color={"mode": "fixed", "fixedColor": "light-blue"}, custom_lineWidth=0
                ),
                override(
                    "Sans doute au plus",
                    color={"mode": "fixed", "fixedColor": "light-blue"},
                    custom_lineWidth=0,
                    custom_fillBelowTo="Sans doute au moins",
                    custom_fillOpacity=20,
                ),
                override(
                    "Capacité",
                    color={"mode": "fixed", "fixedColor": "red"},
                    custom_lineStyle=_DASHED,
                    custom_lineWidth=1,
                ),
            ],
            options={
                "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
                "tooltip": {"mode": "multi", "sort": "none"},
            },
            about="Neuf fois sur dix, le nombre vrai est dans la bande claire. "
            "Où la courbe s'interrompt, il n'était pas connu.",
        ),
        table(
            "Espaces",
            Box(x=12, y=6, w=12, h=9),
            sql.SPACES,
            [
                column("Espace", 150, flexible=True),
                column("Présents", 85),
                column("Capacité", 85),
                column("Occupation", 105, cell="bar", unit="percent", decimals=0, min=0, max=100, thresholds=FULLNESS),
                column("Qualité", 90, cell="background", mappings=QUALITY_CELL),
                column("Libres", 70),
                column("Postes inconnus", 130),
            ],
            about="Sans nombre : la qualité dit pourquoi. Libres : places libres 19 fois sur 20.",
        ),
        panel(
            "stat",
            "Postes",
            Box(x=0, y=15, w=12, h=8),
            sql.DESKS,
            empty="aucun poste",
            fields={"mappings": _DESK},
            options=tile(colour="background", rows=True, fields="/^État$/", text="value_and_name"),
            about="Gris : le capteur se tait, ne sait pas, ou n'a pas été entendu depuis trop longtemps.",
        ),
        table(
            "Portes",
            Box(x=12, y=15, w=12, h=8),
            sql.DOORS,
            [
                column("Porte", 180, flexible=True),
                column("État", 140, cell="background", mappings=DOOR),
                column("Depuis", 150, unit="dateTimeFromNow"),
                column("Entrées", 80),
                column("Sorties", 80),
                column("Refus", 70, cell="text", thresholds=thresholds((None, "text"), (1, "orange"))),
            ],
            about="Passages des dernières 24 heures, sans personnes. État inconnu : rien d'elle depuis 24 heures.",
        ),
    ]


def _foot() -> list[Json]:
    bars: Json = {
        "decimals": 0,
        "min": 0,
        "custom": {"fillOpacity": 80, "lineWidth": 1},
    }
    quarters: Json = {
        "decimals": 1,
        "min": 0,
        "custom": {"lineInterpolation": "stepAfter", "spanNulls": False, "showPoints": "never"},
    }
    return [
        panel(
            "state-timeline",
            "Les postes dans la journée",
            Box(x=0, y=23, w=12, h=9),
            sql.DESK_HISTORY,
            empty="aucun poste",
            series=True,
            fields={
                "mappings": _DESK,
                # not "thresholds": a state timeline would then paint by these alone, and everything green
                "color": {"mode": "fixed", "fixedColor": UNKNOWN_COLOUR},
                "custom": {"fillOpacity": 80, "lineWidth": 0, "spanNulls": True},
            },
            options={
                "mergeValues": True,
                "showValue": "never",
                "rowHeight": 0.9,
                "alignValue": "left",
                "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
                "tooltip": {"mode": "single", "sort": "none"},
            },
        ),
        panel(
            "barchart",
            "Passages par heure",
            Box(x=12, y=23, w=12, h=9),
            sql.PASSAGES,
            empty="aucun passage",
            fields=bars,
            overrides=[
                override("Entrées", color={"mode": "fixed", "fixedColor": "green"}),
                override("Sorties", color={"mode": "fixed", "fixedColor": "blue"}),
                override("Refus", color={"mode": "fixed", "fixedColor": "orange"}),
            ],
            options={
                "xField": "Heure",
                "orientation": "vertical",
                "stacking": "none",
                "showValue": "never",
                "groupWidth": 0.8,
                "barWidth": 0.95,
                "xTickLabelRotation": 0,
                "xTickLabelSpacing": 100,
                "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
                "tooltip": {"mode": "multi", "sort": "none"},
            },
            about="Sans personnes, à l'heure du lieu ; des heures entières, aussi au bord de la période.",
        ),
        table(
            "Refus par motif",
            Box(x=0, y=32, w=9, h=7),
            sql.REFUSALS,
            [
                column("Porte", 180, flexible=True),
                column("Motif", 200, mappings=REASONS),
                column("Refus", 70),
            ],
        ),
        table(
            "Passerelles du lieu",
            Box(x=9, y=32, w=15, h=7),
            sql.GATEWAYS,
            [
                column("Passerelle", 160, flexible=True),
                column("État", 120, cell="background", mappings=GATEWAY),
                column("Entendue", 150, unit="dateTimeFromNow"),
                column("En attente", 95),
                column("Horloge", 85, unit="ms", decimals=0),
                column("Appareils", 90),
                column("En défaut", 90),
                column("Version", 90),
            ],
            about="En attente : événements gardés dans la passerelle, pas encore enregistrés au centre.",
        ),
        table(
            "Appareils à regarder",
            Box(x=0, y=39, w=24, h=7),
            sql.DEVICES,
            [
                column("Appareil", 200, flexible=True),
                column("Où", 200),
                column("État", 130, cell="background", mappings=DEVICE),
                column("Entendu", 160, unit="dateTimeFromNow"),
                column("Pile", 80, unit="percent", decimals=0),
                column("Signal", 90, decimals=0),
                column("Défaut", 160, mappings=TROUBLES),
            ],
            about="Muets, en défaut ou jamais entendus. Signal : dBm en LoRaWAN, 0 à 255 en Zigbee.",
        ),
        {
            **panel(
                "timeseries",
                "Sept jours, par quart d'heure",
                Box(x=0, y=46, w=24, h=8),
                sql.QUARTERS,
                empty="pas encore de résumé",
                series=True,
                fields=quarters,
                overrides=[
                    override("Capacité", color={"mode": "fixed", "fixedColor": "red"}, custom_lineStyle=_DASHED)
                ],
            ),
            "timeFrom": "7d",
        },
        table(
            "Les nombres face aux comptages",
            Box(x=0, y=54, w=24, h=6),
            sql.TRUST,
            [
                column("Où", 200, flexible=True),
                column("Comptages", 110),
                column("Comparés", 110),
                column("Écart moyen", 120, decimals=1),
                column("En % de la capacité", 160, unit="percent", decimals=1),
                column("Dans l'intervalle", 150, unit="percent", decimals=0),
                column("Vide à tort", 110),
                column("Occupé à tort", 120),
                column("Dernier", 160, unit="dateTimeFromNow"),
            ],
            about="Sur 90 jours. Comparés : ceux qui avaient un nombre publié à cet instant. Un tiret : moins de cinq, "
            "on ne sait pas encore.",
        ),
    ]


def place_dashboard() -> Json:
    """*My place, live*: refreshed every 5 s, the day from midnight in the viewer's time zone."""
    return dashboard(
        UID,
        "Mon lieu, en direct",
        "Un lieu du réseau : combien de personnes, quels postes, quelles portes, et depuis quand on le sait.",
        [*_head(), *_middle(), *_foot()],
        [variable("place", "Lieu", sql.PLACES)],
        refresh="5s",
        start="now/d",
    )
