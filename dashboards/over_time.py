"""The dashboard of one place over weeks and months: when it is full, how it is used, how good its numbers are."""

from __future__ import annotations

from typing import Final

from dashboards import over_time_sql as sql
from dashboards.charts import LIMIT, bars, line, number, place_name, steps
from dashboards.panels import (
    Box,
    Json,
    column,
    dashboard,
    share,
    table,
    thresholds,
    variable,
)
from dashboards.place_sql import PLACES
from dashboards.reasons import REASONS
from dashboards.words import CAPACITY, PERCENT, PLACE, Words

UID: Final = Words("maillage-lieu-temps", "maillage-lieu-temps-en")
TITLE: Final = Words("Mon lieu, dans le temps", "My place, over time")

_DAY: Final = Words("Jour", "Day")
_MEAN: Final = Words("Moyenne", "Mean")
_PEAK: Final = Words("Pointe", "Peak")
_KNOWN: Final = Words("Connu", "Known")
_NO_SHOWS: Final = Words("Absences", "No-shows")
_HEAT: Final = thresholds(
    (None, "super-light-blue"), (20, "light-blue"), (40, "blue"), (60, "semi-dark-blue"), (80, "orange"), (100, "red")
)
_ERROR: Final = thresholds((None, "green"), (10, "yellow"), (20, "orange"))


def _head() -> list[Json]:
    return [
        place_name(),
        number(
            Words("Fréquentation", "Attendance"),
            Box(x=0, y=2, w=9, h=4),
            sql.SUMMARY,
            decimals=1,
            about=Words(
                "Sur la période, de ce qui est connu : la plus haute moyenne d'un quart d'heure, la moyenne jour et "
                "nuit, et les heures passées par toutes les personnes ensemble.",
                "Over the period, of what is known: the highest mean of a quarter hour, the mean by day and night, "
                "and the hours spent by all people together.",
            ),
        ),
        number(
            Words("Temps connu", "Time known"),
            Box(x=9, y=2, w=4, h=4),
            sql.KNOWN,
            unit="percent",
            about=Words(
                "La part de la période pour laquelle il y a un nombre.",
                "The share of the period for which there is a number.",
            ),
        ),
        number(
            Words("Réservations et absences", "Bookings and no-shows"),
            Box(x=13, y=2, w=6, h=4),
            sql.NO_SHOWS,
            about=Words(
                "Absence : personne n'est venu, la place a été rendue.",
                "No-show: nobody came, the seat was freed.",
            ),
        ),
        number(
            Words("Écart aux comptages", "Error against head counts"),
            Box(x=19, y=2, w=5, h=4),
            sql.TRUST_NOW,
            unit="percent",
            decimals=1,
            color={"mode": "thresholds"},
            thresholds=_ERROR,
            about=Words(
                "La confiance : l'écart moyen des nombres publiés aux comptages des 90 derniers jours, en pour cent "
                "de la capacité. « inconnu » : moins de cinq comptages.",
                "Trust: the mean error of published numbers against the head counts of the last 90 days, in per cent "
                "of capacity. “unknown”: fewer than five head counts.",
            ),
        ),
    ]


def _use() -> list[Json]:
    heat = [
        column(hour, 59, cell="background", unit="percent", decimals=0, min=0, max=100, thresholds=_HEAT)
        for hour in sql.HOURS
    ]
    return [
        table(
            Words("La semaine, heure par heure", "The week, hour by hour"),
            Box(x=0, y=6, w=24, h=10),
            sql.HEAT,
            [column(_DAY, 100, flexible=True), *heat],
            about=Words(
                "L'occupation moyenne de chaque heure de chaque jour de la semaine, à l'heure du lieu. "
                "Un tiret : rien n'est connu.",
                "The mean occupancy of each hour of each weekday, in the place's own time. A dash: nothing is known.",
            ),
        ),
        bars(
            Words("Pointe et moyenne", "Peak and mean"),
            Box(x=0, y=16, w=12, h=9),
            sql.DAYS,
            _DAY,
            {_MEAN: "blue", _PEAK: "light-blue"},
            about=Words(
                "Par jour ; sur une longue période par semaine ou par mois. Sans barre : rien n'est connu.",
                "By day; over a long period by week or month. Without a bar: nothing is known.",
            ),
        ),
        table(
            Words("Usage des postes", "Use of desks"),
            Box(x=12, y=16, w=12, h=9),
            sql.DESKS,
            [
                column(Words("Poste", "Desk"), 180, flexible=True),
                share(PERCENT, 200),
                column(Words("Heures occupées", "Hours taken"), 130, decimals=1),
                column(_KNOWN, 90, unit="percent", decimals=0),
            ],
            about=Words(
                "Aux heures d'ouverture des jours finis. Connu : la part du temps où le capteur disait quelque chose.",
                "In opening hours of days that are over. Known: the share of time in which the sensor said something.",
            ),
        ),
        bars(
            Words("Réservations", "Bookings"),
            Box(x=0, y=25, w=12, h=8),
            sql.BOOKINGS,
            _DAY,
            {Words("Tenues", "Held"): "green", _NO_SHOWS: "red", Words("Annulées", "Cancelled"): "text"},
            stacked=True,
            empty=Words("aucune réservation", "no booking"),
            about=Words(
                "Tenues, annulées, ou absences : personne n'est venu.",
                "Held, cancelled, or no-shows: nobody came.",
            ),
        ),
        bars(
            Words("Forfaits utilisés", "Passes used"),
            Box(x=12, y=25, w=12, h=8),
            sql.PASSES,
            _DAY,
            {
                Words("Demi-journées", "Half days"): "blue",
                Words("Journées", "Days"): "purple",
                Words("Heures", "Hours"): "green",
                Words("Entrées", "Entries"): "yellow",
            },
            stacked=True,
            empty=Words("aucun abonnement", "no pass"),
            about=Words(
                "Ce qui a été décompté des abonnements à ce lieu, sans personnes.",
                "What was taken off passes at this place, without persons.",
            ),
        ),
    ]


def _quality() -> list[Json]:
    return [
        table(
            Words("Refus par motif", "Refusals by reason"),
            Box(x=0, y=33, w=7, h=8),
            sql.REFUSALS,
            [
                column(Words("Motif", "Reason"), 200, flexible=True, mappings=REASONS),
                column(Words("Refus", "Refusals"), 90),
                column(Words("Part", "Share"), 90, unit="percent", decimals=1),
            ],
            about=Words(
                "Part : de toutes les décisions aux portes, accords compris.",
                "Share: of all decisions at the doors, those granted included.",
            ),
        ),
        table(
            Words("Les nombres face aux comptages", "The numbers against head counts"),
            Box(x=7, y=33, w=17, h=8),
            sql.TRUST,
            [
                column(Words("Où", "Where"), 130, flexible=True),
                column(Words("Comptages", "Head counts"), 100),
                column(Words("Comparés", "Compared"), 85),
                column(Words("Écart moyen", "Mean error"), 100, decimals=1),
                column(Words("En % de la capacité", "In % of capacity"), 150, unit="percent", decimals=1),
                column(Words("Dans l'intervalle", "Within the range"), 135, unit="percent", decimals=0),
                column(Words("Vide à tort", "Wrongly empty"), 110),
                column(Words("Occupé à tort", "Wrongly taken"), 112),
                column(Words("Dernier", "Last"), 140, unit="dateTimeFromNow"),
            ],
            about=Words(
                "Sur 90 jours. Comparés : ceux qui avaient un nombre publié à cet instant. Un tiret : moins de cinq, "
                "on ne sait pas encore.",
                "Over 90 days. Compared: those with a number published at that instant. A dash: fewer than five, "
                "too few to say.",
            ),
        ),
        steps(
            Words("Sept jours, par quart d'heure", "Seven days, by quarter hour"),
            Box(x=0, y=41, w=24, h=8),
            sql.QUARTERS,
            {_MEAN: line("blue"), _PEAK: line("light-blue", custom_lineWidth=1), CAPACITY: LIMIT},
            period="7d",
            decimals=1,
            empty=Words("pas encore de résumé", "no summary yet"),
            about=Words(
                "Où la courbe s'interrompt, moins de la moitié du quart d'heure est connue.",
                "Where the curve breaks off, less than half of the quarter hour is known.",
            ),
        ),
    ]


def over_time_dashboard() -> Json:
    """*My place, over time*: the last 30 days, refreshed each quarter hour."""
    return dashboard(
        Words(
            "Un lieu sur des semaines et des mois : quand il est plein, comment il sert, ce que valent ses nombres.",
            "One place over weeks and months: when it is full, how it is used, how good its numbers are.",
        ),
        [*_head(), *_use(), *_quality()],
        [variable("place", PLACE, PLACES)],
        refresh="15m",
        start="now-30d/d",
    )
