"""The dashboard of one place, live: how many people, how full, which desks, which doors, and how sure all this is."""

from __future__ import annotations

from typing import Final

from dashboards import place_sql as sql
from dashboards.panels import (
    DOOR,
    FULLNESS,
    GATEWAY,
    OPEN,
    QUALITY,
    QUALITY_CELL,
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
    variable,
)
from dashboards.place_day import DASHED, DESK, foot
from dashboards.words import Words

UID: Final = Words("maillage-lieu", "maillage-lieu-en")
TITLE: Final = Words("Mon lieu, en direct", "My place, live")


def _head() -> list[Json]:
    people: Json = {"mappings": [unknown()], "color": {"mode": "fixed", "fixedColor": "blue"}, "decimals": 0}
    return [
        {
            **panel(
                "stat",
                "",
                Box(x=0, y=0, w=24, h=2),
                sql.PLACE,
                options=tile(fields=Words("/^Lieu$/", "/^Place$/"), text="value"),
            ),
            "transparent": True,
        },
        panel(
            "stat",
            Words("Personnes présentes", "People now"),
            Box(x=0, y=2, w=4, h=4),
            sql.PRESENT,
            fields=people,
            options=tile(),
            about=Words(
                "« inconnu » : rien d'assez récent ne permet de le dire. Ce n'est jamais zéro par défaut.",
                "“unknown”: nothing recent enough says it. It is never zero by default.",
            ),
        ),
        panel(
            "gauge",
            Words("Occupation", "Occupancy"),
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
            about=Words(
                "Personnes présentes, en pour cent de la capacité du lieu.",
                "People now, in per cent of the place's capacity.",
            ),
        ),
        panel(
            "stat",
            Words("Fourchette", "Range"),
            Box(x=8, y=2, w=4, h=4),
            sql.INTERVAL,
            fields=people,
            options=tile(),
            about=Words(
                "Ce ne sont pas des limites : neuf fois sur dix, le nombre vrai est entre les deux ; "
                "une fois sur vingt il est en dessous, une fois sur vingt au-dessus.",
                "These are no limits: nine times of ten the true number is between the two; "
                "one time of twenty it is below, one time of twenty above.",
            ),
        ),
        panel(
            "stat",
            Words("Places libres", "Free seats"),
            Box(x=12, y=2, w=3, h=4),
            sql.FREE,
            fields=people,
            overrides=[override(Words("Lieu", "Place"), mappings=OPEN)],
            options=tile(),
            about=Words(
                "Postes de travail libres 19 fois sur 20 ; aucun quand le lieu est fermé. Ni salles, ni réservés.",
                "Seats to work at that are free 19 times of 20; none while the place is closed; no rooms, none booked.",
            ),
        ),
        panel(
            "stat",
            Words("Qualité", "Quality"),
            Box(x=15, y=2, w=3, h=4),
            sql.QUALITY,
            fields={"mappings": QUALITY},
            options=tile(colour="background"),
            about=Words(
                "En direct ; partielle : des capteurs se taisent ; périmée ou inconnue : aucun nombre n'est donné.",
                "Live; degraded: some sensors are silent; stale or unknown: no number is given.",
            ),
        ),
        panel(
            "stat",
            Words("Vrai", "As of"),
            Box(x=18, y=2, w=3, h=4),
            sql.AT,
            options=tile(colour="none"),
            fields={"unit": "dateTimeFromNow", "mappings": [unknown(Words("jamais", "never"))]},
            about=Words("L'instant que décrit le nombre.", "The instant that the number describes."),
        ),
        panel(
            "stat",
            Words("Passerelle", "Gateway"),
            Box(x=21, y=2, w=3, h=4),
            sql.GATEWAY,
            fields={"mappings": GATEWAY},
            options=tile(colour="background"),
            about=Words("La moins bonne des passerelles du lieu.", "The worst of the place's gateways."),
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
            Words("La journée", "The day"),
            Box(x=0, y=6, w=12, h=9),
            sql.CURVE,
            empty=Words("rien dans cette période", "nothing in this period"),
            series=True,
            fields=curve,
            overrides=[
                override(Words("Présents", "Present"), color={"mode": "fixed", "fixedColor": "blue"}),
                override(
                    Words("Sans doute au moins", "Probably at least"),
                    color={"mode": "fixed", "fixedColor": "light-blue"},
                    custom_lineWidth=0,
                ),
                override(
                    Words("Sans doute au plus", "Probably at most"),
                    color={"mode": "fixed", "fixedColor": "light-blue"},
                    custom_lineWidth=0,
                    custom_fillBelowTo=Words("Sans doute au moins", "Probably at least"),
                    custom_fillOpacity=20,
                ),
                override(
                    Words("Capacité", "Capacity"),
                    color={"mode": "fixed", "fixedColor": "red"},
                    custom_lineStyle=DASHED,
                    custom_lineWidth=1,
                ),
            ],
            options={
                "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
                "tooltip": {"mode": "multi", "sort": "none"},
            },
            about=Words(
                "Neuf fois sur dix, le nombre vrai est dans la bande claire. "
                "Où la courbe s'interrompt, il n'était pas connu.",
                "Nine times of ten the true number is within the light band. "
                "Where the curve breaks off, it wasn't known.",
            ),
        ),
        table(
            Words("Espaces", "Spaces"),
            Box(x=12, y=6, w=12, h=9),
            sql.SPACES,
            [
                column(Words("Espace", "Space"), 150, flexible=True),
                column(Words("Présents", "Present"), 85),
                column(Words("Capacité", "Capacity"), 85),
                column(
                    Words("Occupation", "Occupancy"),
                    105,
                    cell="bar",
                    unit="percent",
                    decimals=0,
                    min=0,
                    max=100,
                    thresholds=FULLNESS,
                ),
                column(Words("Qualité", "Quality"), 90, cell="background", mappings=QUALITY_CELL),
                column(Words("Libres", "Free"), 70),
                column(Words("Postes inconnus", "Unknown desks"), 130),
            ],
            about=Words(
                "Sans nombre : la qualité dit pourquoi. Libres : places libres 19 fois sur 20.",
                "Without a number: the quality says why. Free: seats that are free 19 times of 20.",
            ),
        ),
        panel(
            "stat",
            Words("Postes", "Desks"),
            Box(x=0, y=15, w=12, h=8),
            sql.DESKS,
            empty=Words("aucun poste", "no desk"),
            fields={"mappings": DESK},
            options=tile(colour="background", rows=True, fields=Words("/^État$/", "/^State$/"), text="value_and_name"),
            about=Words(
                "Gris : le capteur se tait, ne sait pas, ou n'a pas été entendu depuis trop longtemps.",
                "Grey: the sensor is silent, doesn't know, or was not heard for too long.",
            ),
        ),
        table(
            Words("Portes", "Doors"),
            Box(x=12, y=15, w=12, h=8),
            sql.DOORS,
            [
                column(Words("Porte", "Door"), 180, flexible=True),
                column(Words("État", "State"), 140, cell="background", mappings=DOOR),
                column(Words("Depuis", "Since"), 150, unit="dateTimeFromNow"),
                column(Words("Entrées", "Entries"), 80),
                column(Words("Sorties", "Exits"), 80),
                column(
                    Words("Refus", "Refusals"), 70, cell="text", thresholds=thresholds((None, "text"), (1, "orange"))
                ),
            ],
            about=Words(
                "Passages des dernières 24 heures, sans personnes. État inconnu : rien d'elle depuis 24 heures.",
                "Passages of the last 24 hours, without persons. State unknown: nothing from it for 24 hours.",
            ),
        ),
    ]


def place_dashboard() -> Json:
    """*My place, live*: refreshed every 5 s, the day from midnight in the viewer's time zone."""
    return dashboard(
        Words(
            "Un lieu du réseau : combien de personnes, quels postes, quelles portes, et depuis quand on le sait.",
            "One place of the network: how many people, which desks, which doors, and how recent this is.",
        ),
        [*_head(), *_middle(), *foot()],
        [variable("place", Words("Lieu", "Place"), sql.PLACES)],
        refresh="5s",
        start="now/d",
    )
