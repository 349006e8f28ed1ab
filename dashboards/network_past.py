"""The curves of *The network*: people over time, hours by day, what was looked for and not found."""

from __future__ import annotations

from dashboards import network_sql as sql
from dashboards.charts import LEGEND, NOTHING_HERE, TOOLTIP
from dashboards.panels import Box, Json, column, override, panel, share, table, thresholds
from dashboards.words import Words

_STEPS: Json = {"lineInterpolation": "stepAfter", "spanNulls": False, "showPoints": "never"}


def past() -> list[Json]:
    """Return them."""
    return [
        panel(
            "timeseries",
            Words("Personnes présentes dans le réseau", "People in the network"),
            Box(x=0, y=20, w=15, h=9),
            sql.TOTAL,
            empty=NOTHING_HERE,
            series=True,
            fields={
                "decimals": 0,
                "min": 0,
                "custom": {**_STEPS, "lineWidth": 2, "fillOpacity": 10},
            },
            overrides=[
                override(
                    Words("Lieux connus", "Known places"),
                    custom_axisPlacement="right",
                    custom_lineWidth=1,
                    custom_fillOpacity=0,
                )
            ],
            options={"legend": LEGEND, "tooltip": TOOLTIP},
            about=Words(
                "Par quart d'heure, par jour au-delà de neuf jours. À lire avec le nombre de lieux connus : un lieu "
                "qui se tait n'y compte plus personne.",
                "By quarter hour, by day beyond nine days. Read it with the number of known places: a silent place "
                "counts nobody.",
            ),
        ),
        {
            **panel(
                "timeseries",
                Words("Personnes-heures par jour, sur un an", "Person-hours by day, over a year"),
                Box(x=0, y=45, w=24, h=8),
                sql.DAYS,
                empty=Words("pas encore de résumé", "no summary yet"),
                series=True,
                fields={"decimals": 0, "min": 0, "custom": {"drawStyle": "bars", "fillOpacity": 60, "lineWidth": 1}},
                overrides=[
                    override(
                        Words("Connu", "Known"),
                        unit="percent",
                        max=100,
                        custom_axisPlacement="right",
                        custom_drawStyle="line",
                        custom_lineWidth=1,
                        custom_fillOpacity=0,
                    )
                ],
                about=Words(
                    "Heures passées dans les lieux, toutes personnes confondues. Connu : part du temps où le nombre "
                    "est connu.",
                    "Hours that people spent in the places. Known: share of time with a known number.",
                ),
            ),
            "timeFrom": "1y",
        },
        {
            **panel(
                "timeseries",
                Words("Demande non satisfaite, sur un mois", "Unmet demand, over a month"),
                Box(x=0, y=53, w=14, h=8),
                sql.UNMET,
                empty=NOTHING_HERE,
                series=True,
                fields={
                    "decimals": 0,
                    "min": 0,
                    "custom": {
                        "drawStyle": "bars",
                        "fillOpacity": 60,
                        "lineWidth": 1,
                        "stacking": {"mode": "normal", "group": "A"},
                    },
                },
                about=Words(
                    "Recherches de places pour lesquelles aucun lieu n'a pu être proposé, et demandes en liste "
                    "d'attente sans réservation obtenue. Rien sur qui cherche.",
                    "Searches for seats without a place to offer, and entries of waiting lists that got no booking. "
                    "Nothing of who searched.",
                ),
            ),
            "timeFrom": "30d",
        },
        table(
            Words("Où l'on cherche sans trouver", "Where nothing was found"),
            Box(x=14, y=53, w=10, h=8),
            sql.UNMET_BY_DEPARTMENT,
            [
                column(Words("Département", "Department"), 150, flexible=True),
                column(Words("Recherches", "Searches"), 110),
                column(Words("Sans offre", "Without offer"), 120),
                share(Words("Part", "Share"), 130, thresholds((None, "green"), (25, "yellow"), (50, "orange"))),
            ],
            about=Words(
                "Recherches de places dans la période, par département ; « ? » : on ne sait pas où.",
                "Searches for seats in the period, by department; “?”: it isn't known where.",
            ),
        ),
    ]
