"""The lower part of *My place, live*: spaces, doors and desks, the day so far, machines and alarms."""

from __future__ import annotations

from typing import Final

from dashboards import place_next_sql as more
from dashboards import place_sql as sql
from dashboards.alarms import KINDS, TROUBLES
from dashboards.charts import LEGEND, bars, number
from dashboards.panels import (
    DEVICE,
    DOOR,
    GATEWAY,
    QUALITY_CELL,
    UNKNOWN_COLOUR,
    Box,
    Json,
    column,
    override,
    panel,
    share,
    table,
    thresholds,
    tile,
    values,
)
from dashboards.reasons import REASONS
from dashboards.words import CAPACITY, FREE, PEOPLE, PERCENT, QUALITY, UNKNOWN, Words

_DESK: Final = values(
    {0: (Words("libre", "free"), "green"), 1: (Words("occupé", "taken"), "blue"), 2: (UNKNOWN, UNKNOWN_COLOUR)}
)
_NO_DESK: Final = Words("aucun poste", "no desk")
_STATE: Final = Words("État", "State")
_DOOR: Final = Words("Porte", "Door")
_HOUR: Final = Words("Heure", "Hour")
_REFUSALS: Final = Words("Refus", "Refusals")
_WRONG: Final = thresholds((None, "text"), (1, "orange"))
_BAD: Final = thresholds((None, "green"), (1, "orange"))


def spaces_and_doors() -> list[Json]:
    """Return what is so now: spaces, doors, desks."""
    return [
        table(
            Words("Espaces", "Spaces"),
            Box(x=0, y=15, w=12, h=8),
            sql.SPACES,
            [
                column(Words("Espace", "Space"), 150, flexible=True),
                column(PEOPLE, 85),
                column(CAPACITY, 85),
                share(PERCENT, 105),
                column(QUALITY, 90, cell="background", mappings=QUALITY_CELL),
                column(FREE, 70),
                column(Words("Postes inconnus", "Unknown desks"), 130),
            ],
            about=Words(
                "Sans nombre : la qualité dit pourquoi. Libres : places libres 19 fois sur 20.",
                "Without a number: the quality says why. Free: seats that are free 19 times of 20.",
            ),
        ),
        table(
            Words("Portes", "Doors"),
            Box(x=12, y=15, w=12, h=8),
            sql.DOORS,
            [
                column(_DOOR, 130, flexible=True),
                column(_STATE, 125, cell="background", mappings=DOOR),
                column(Words("Depuis", "Since"), 130, unit="dateTimeFromNow"),
                column(Words("Entrées", "Entries"), 70),
                column(Words("Sorties", "Exits"), 70),
                column(_REFUSALS, 75, cell="text", thresholds=_WRONG),
                column(Words("Forcée", "Forced"), 65, cell="text", thresholds=_WRONG),
                column(Words("Maintenue", "Held"), 85, cell="text", thresholds=_WRONG),
            ],
            about=Words(
                "Passages des dernières 24 heures, sans personnes ; forcée, maintenue ouverte : combien de fois. "
                "État inconnu : rien d'elle depuis 24 heures.",
                "Passages of the last 24 hours, without persons; forced, held open: how often. "
                "State unknown: nothing from it for 24 hours.",
            ),
        ),
        panel(
            "stat",
            Words("Postes", "Desks"),
            Box(x=0, y=23, w=12, h=8),
            sql.DESKS,
            empty=_NO_DESK,
            fields={"mappings": _DESK},
            options=tile(colour="background", rows=True, fields=Words("/^État$/", "/^State$/"), text="value_and_name"),
            about=Words(
                "Gris : le capteur se tait, ne sait pas, ou n'a pas été entendu depuis trop longtemps.",
                "Grey: the sensor is silent, doesn't know, or was not heard for too long.",
            ),
        ),
    ]


def charts_of_the_day() -> list[Json]:
    """Return arrivals, passages and desks over the day."""
    return [
        bars(
            Words("Arrivées par quart d'heure", "Arrivals by quarter hour"),
            Box(x=12, y=23, w=12, h=8),
            more.ARRIVALS,
            _HOUR,
            {Words("Arrivées", "Arrivals"): "green", Words("D'habitude", "Usual"): UNKNOWN_COLOUR},
            about=Words(
                "Les douze dernières heures, à l'heure du lieu. D'habitude : la médiane des mêmes jours des quatre "
                "dernières semaines. Sans barre verte après un silence de la passerelle : on ne sait pas.",
                "The last twelve hours, in the place's own time. Usual: the median of the same weekdays of the last "
                "four weeks. Without a green bar after a gateway fell silent: not known.",
            ),
        ),
        panel(
            "state-timeline",
            Words("Les postes dans la journée", "Desks over the day"),
            Box(x=0, y=31, w=12, h=9),
            sql.DESK_HISTORY,
            empty=_NO_DESK,
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
                "legend": LEGEND,
                "tooltip": {"mode": "single", "sort": "none"},
            },
            about=Words("Vert : libre. Bleu : occupé. Gris : inconnu.", "Green: free. Blue: taken. Grey: unknown."),
        ),
        bars(
            Words("Passages par heure", "Passages by hour"),
            Box(x=12, y=31, w=12, h=9),
            sql.PASSAGES,
            _HOUR,
            {Words("Entrées", "Entries"): "green", Words("Sorties", "Exits"): "blue", _REFUSALS: "orange"},
            empty=Words("aucun passage", "no passage"),
            about=Words(
                "Sans personnes, à l'heure du lieu ; des heures entières, aussi au bord de la période. "
                "Sans barre après un silence de la passerelle : on ne sait pas.",
                "Without persons, in the place's own time; whole hours, also at the edges of the period. "
                "Without a bar after a gateway fell silent: not known.",
            ),
        ),
    ]


def machines() -> list[Json]:
    """Return refusals, alarms, gateways and devices."""
    return [
        table(
            Words("Refus par motif", "Refusals by reason"),
            Box(x=0, y=40, w=9, h=7),
            sql.REFUSALS,
            [
                column(_DOOR, 180, flexible=True),
                column(Words("Motif", "Reason"), 200, mappings=REASONS),
                column(_REFUSALS, 75),
            ],
            about=Words("Pourquoi des portes sont restées fermées.", "Why doors stayed shut."),
        ),
        table(
            Words("Alarmes du lieu", "The place's alarms"),
            Box(x=9, y=40, w=15, h=7),
            more.ALARMS,
            [
                column(Words("Genre", "Kind"), 300, flexible=True, mappings=KINDS),
                column(Words("Le", "Raised"), 150, unit="dateTimeFromNow"),
                column(Words("Dernière fois", "Last time"), 150, unit="dateTimeFromNow"),
                column(Words("Fois", "Times"), 60),
                column(Words("Passerelle", "Gateway"), 200),
            ],
            about=Words("Ouvertes : personne ne les a encore acquittées.", "Open: nobody has acknowledged them yet."),
        ),
        number(
            Words("Appareils", "Devices"),
            Box(x=0, y=47, w=9, h=7),
            more.HEALTH,
            about=Words(
                "Combien d'appareils vont bien, sont en défaut, se taisent ou n'ont jamais été entendus.",
                "How many devices are well, in trouble, silent or were never heard.",
            ),
            color={"mode": "thresholds"},
            thresholds=_BAD,
            overrides=[
                override(Words("Bien", "Well"), color={"mode": "fixed", "fixedColor": "green"}),
            ],
        ),
        table(
            Words("Passerelles du lieu", "The place's gateways"),
            Box(x=9, y=47, w=15, h=7),
            sql.GATEWAYS,
            [
                column(Words("Passerelle", "Gateway"), 160, flexible=True),
                column(_STATE, 120, cell="background", mappings=GATEWAY),
                column(Words("Entendue", "Heard"), 150, unit="dateTimeFromNow"),
                column(Words("En attente", "Waiting"), 95),
                column(Words("Horloge", "Clock"), 85, unit="ms", decimals=0),
                column(Words("Appareils", "Devices"), 90),
                column(Words("En défaut", "In trouble"), 90),
                column("Version", 90),
            ],
            about=Words(
                "En attente : événements gardés dans la passerelle, pas encore enregistrés au centre.",
                "Waiting: events kept in the gateway and not stored at the centre yet.",
            ),
        ),
        table(
            Words("Appareils à regarder", "Devices to look at"),
            Box(x=0, y=54, w=24, h=7),
            sql.DEVICES,
            [
                column(Words("Appareil", "Device"), 200, flexible=True),
                column(Words("Où", "Where"), 200),
                column(_STATE, 130, cell="background", mappings=DEVICE),
                column(Words("Entendu", "Heard"), 160, unit="dateTimeFromNow"),
                column(Words("Pile", "Battery"), 80, unit="percent", decimals=0),
                column("Signal", 90, decimals=0),
                column(Words("Défaut", "Trouble"), 160, mappings=TROUBLES),
            ],
            about=Words(
                "Muets, en défaut ou jamais entendus. Signal : dBm en LoRaWAN, 0 à 255 en Zigbee.",
                "Silent, in trouble or never heard. Signal: dBm in LoRaWAN, 0 to 255 in Zigbee.",
            ),
        ),
    ]
