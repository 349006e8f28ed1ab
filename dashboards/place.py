"""The dashboard of one place, live: how many people, how full, which desks, which doors, and how sure all this is."""

from __future__ import annotations

from typing import Final

from dashboards import place_sql as sql
from dashboards.charts import LIMIT, band, fullness, line, number, place_name, steps
from dashboards.panels import (
    GATEWAY,
    OPEN,
    QUALITY,
    Box,
    Json,
    dashboard,
    override,
    panel,
    tile,
    unknown,
    variable,
)
from dashboards.place_day import charts_of_the_day, machines, spaces_and_doors
from dashboards.place_next_sql import FORECAST
from dashboards.words import CAPACITY, PEOPLE, PERCENT, PLACE, Words
from dashboards.words import QUALITY as QUALITY_NAME

UID: Final = Words("maillage-lieu", "maillage-lieu-en")
TITLE: Final = Words("Mon lieu, en direct", "My place, live")

_LOW: Final = Words("Sans doute au moins", "Probably at least")
_HIGH: Final = Words("Sans doute au plus", "Probably at most")


def _head() -> list[Json]:
    return [
        place_name(),
        number(
            Words("Personnes présentes", "People now"),
            Box(x=0, y=2, w=4, h=4),
            sql.PRESENT,
            about=Words(
                "« inconnu » : rien d'assez récent ne permet de le dire. Ce n'est jamais zéro par défaut.",
                "“unknown”: nothing recent enough says it. It is never zero by default.",
            ),
        ),
        fullness(
            PERCENT,
            Box(x=4, y=2, w=4, h=4),
            sql.PERCENT,
            about=Words(
                "Personnes présentes, en pour cent de la capacité du lieu.",
                "People now, in per cent of the place's capacity.",
            ),
        ),
        number(
            Words("Fourchette", "Range"),
            Box(x=8, y=2, w=4, h=4),
            sql.INTERVAL,
            about=Words(
                "Ce ne sont pas des limites : neuf fois sur dix, le nombre vrai est entre les deux ; "
                "une fois sur vingt il est en dessous, une fois sur vingt au-dessus.",
                "These are no limits: nine times of ten the true number is between the two; "
                "one time of twenty it is below, one time of twenty above.",
            ),
        ),
        number(
            Words("Places libres", "Free seats"),
            Box(x=12, y=2, w=3, h=4),
            sql.FREE,
            overrides=[override(PLACE, mappings=OPEN)],
            about=Words(
                "Postes de travail libres 19 fois sur 20 ; aucun quand le lieu est fermé. Ni salles, ni réservés.",
                "Seats to work at that are free 19 times of 20; none while the place is closed; no rooms, none booked.",
            ),
        ),
        panel(
            "stat",
            QUALITY_NAME,
            Box(x=15, y=2, w=3, h=4),
            sql.QUALITY,
            fields={"mappings": QUALITY},
            options=tile(colour="background"),
            about=Words(
                "En direct ; dégradée : des capteurs se taisent ; ancienne ou inconnue : aucun nombre n'est donné.",
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


def _curves() -> list[Json]:
    return [
        steps(
            Words("La journée", "The day"),
            Box(x=0, y=6, w=12, h=9),
            sql.CURVE,
            {PEOPLE: line("blue"), **band(_LOW, _HIGH), CAPACITY: LIMIT},
            about=Words(
                "Neuf fois sur dix, le nombre vrai est dans la bande claire. "
                "Où la courbe s'interrompt, il n'était pas connu.",
                "Nine times of ten the true number is within the light band. "
                "Where the curve breaks off, it wasn't known.",
            ),
        ),
        steps(
            Words("Les douze prochaines heures", "The next twelve hours"),
            Box(x=12, y=6, w=12, h=9),
            FORECAST,
            {Words("Prévus", "Expected"): line("purple"), **band(_LOW, _HIGH), CAPACITY: LIMIT},
            period="+12h",
            decimals=1,
            empty=Words("rien n'est prévu", "nothing is forecast"),
            about=Words(
                "Ce que le passé du lieu laisse attendre : neuf fois sur dix, le nombre sera dans la bande claire. "
                "Rien : trop peu est connu du lieu.",
                "What the place's past lets expect: nine times of ten the number will be within the light band. "
                "Nothing: too little is known of the place.",
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
        [*_head(), *_curves(), *spaces_and_doors(), *charts_of_the_day(), *machines()],
        [variable("place", PLACE, sql.PLACES)],
        refresh="5s",
        start="now/d",
    )
