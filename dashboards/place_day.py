"""The lower half of the dashboard of one place: its day so far, its machines, and how good the numbers were."""

from __future__ import annotations

from typing import Final

from dashboards import place_sql as sql
from dashboards.alarms import TROUBLES
from dashboards.panels import (
    DEVICE,
    GATEWAY,
    UNKNOWN_COLOUR,
    Box,
    Json,
    column,
    override,
    panel,
    table,
    values,
)
from dashboards.reasons import REASONS
from dashboards.words import UNKNOWN, Words

DESK: Final = values(
    {0: (Words("libre", "free"), "green"), 1: (Words("occupé", "taken"), "blue"), 2: (UNKNOWN, UNKNOWN_COLOUR)}
)
DASHED: Final[Json] = {"fill": "dash", "dash": [8, 8]}


def foot() -> list[Json]:
    """Return these panels."""
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
            Words("Les postes dans la journée", "Desks over the day"),
            Box(x=0, y=23, w=12, h=9),
            sql.DESK_HISTORY,
            empty=Words("aucun poste", "no desk"),
            series=True,
            fields={
                "mappings": DESK,
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
            Words("Passages par heure", "Passages by hour"),
            Box(x=12, y=23, w=12, h=9),
            sql.PASSAGES,
            empty=Words("aucun passage", "no passage"),
            fields=bars,
            overrides=[
                override(Words("Entrées", "Entries"), color={"mode": "fixed", "fixedColor": "green"}),
                override(Words("Sorties", "Exits"), color={"mode": "fixed", "fixedColor": "blue"}),
                override(Words("Refus", "Refusals"), color={"mode": "fixed", "fixedColor": "orange"}),
            ],
            options={
                "xField": Words("Heure", "Hour"),
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
            about=Words(
                "Sans personnes, à l'heure du lieu ; des heures entières, aussi au bord de la période.",
                "Without persons, in the place's own time; whole hours, also at the edges of the period.",
            ),
        ),
        table(
            Words("Refus par motif", "Refusals by reason"),
            Box(x=0, y=32, w=9, h=7),
            sql.REFUSALS,
            [
                column(Words("Porte", "Door"), 180, flexible=True),
                column(Words("Motif", "Reason"), 200, mappings=REASONS),
                column(Words("Refus", "Refusals"), 70),
            ],
        ),
        table(
            Words("Passerelles du lieu", "The place's gateways"),
            Box(x=9, y=32, w=15, h=7),
            sql.GATEWAYS,
            [
                column(Words("Passerelle", "Gateway"), 160, flexible=True),
                column(Words("État", "State"), 120, cell="background", mappings=GATEWAY),
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
            Box(x=0, y=39, w=24, h=7),
            sql.DEVICES,
            [
                column(Words("Appareil", "Device"), 200, flexible=True),
                column(Words("Où", "Where"), 200),
                column(Words("État", "State"), 130, cell="background", mappings=DEVICE),
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
        {
            **panel(
                "timeseries",
                Words("Sept jours, par quart d'heure", "Seven days, by quarter hour"),
                Box(x=0, y=46, w=24, h=8),
                sql.QUARTERS,
                empty=Words("pas encore de résumé", "no summary yet"),
                series=True,
                fields=quarters,
                overrides=[
                    override(
                        Words("Capacité", "Capacity"),
                        color={"mode": "fixed", "fixedColor": "red"},
                        custom_lineStyle=DASHED,
                    )
                ],
            ),
            "timeFrom": "7d",
        },
        table(
            Words("Les nombres face aux comptages", "The numbers against head counts"),
            Box(x=0, y=54, w=24, h=6),
            sql.TRUST,
            [
                column(Words("Où", "Where"), 200, flexible=True),
                column(Words("Comptages", "Head counts"), 110),
                column(Words("Comparés", "Compared"), 110),
                column(Words("Écart moyen", "Mean error"), 120, decimals=1),
                column(Words("En % de la capacité", "In % of capacity"), 160, unit="percent", decimals=1),
                column(Words("Dans l'intervalle", "Within the range"), 150, unit="percent", decimals=0),
                column(Words("Vide à tort", "Wrongly empty"), 110),
                column(Words("Occupé à tort", "Wrongly taken"), 120),
                column(Words("Dernier", "Last"), 160, unit="dateTimeFromNow"),
            ],
            about=Words(
                "Sur 90 jours. Comparés : ceux qui avaient un nombre publié à cet instant. Un tiret : moins de cinq, "
                "on ne sait pas encore.",
                "Over 90 days. Compared: those with a number published at that instant. A dash: fewer than five, "
                "too few to say.",
            ),
        ),
    ]
