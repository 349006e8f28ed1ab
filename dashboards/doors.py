"""The dashboard of one place's doors for who may: each decision by pseudonym, and what wasn't in order."""

from __future__ import annotations

from typing import Final

from dashboards import doors_sql as sql
from dashboards.alarms import KINDS
from dashboards.charts import bars, number, place_name
from dashboards.panels import DOOR, Box, Json, column, dashboard, table, thresholds, values, variable
from dashboards.place_sql import PLACES
from dashboards.reasons import REASONS
from dashboards.words import PLACE, Words

UID: Final = Words("maillage-portes", "maillage-portes-en")
TITLE: Final = Words("Portes et sécurité", "Doors and security")

_GRANTED: Final = values(
    {0: (Words("refusé", "refused"), "orange"), 1: (Words("accordé", "granted"), "green")}, null="—"
)
_SIDE: Final = values({0: (Words("sortie", "out"), "text"), 1: (Words("entrée", "in"), "text")}, null="—")
_MEMBER: Final = values(
    {0: (Words("badge inconnu", "unknown badge"), "orange"), 1: (Words("membre", "member"), "text")}, null="—"
)
_DOOR: Final = Words("Porte", "Door")
_WHO: Final = Words("Qui", "Who")
_WHEN: Final = Words("Quand", "When")
_REASON: Final = Words("Motif", "Reason")
_IS_MEMBER: Final = Words("Membre", "Member")
_GRANTED_NAME: Final = Words("Accordés", "Granted")
_REFUSED: Final = Words("Refusés", "Refused")
_BAD: Final = thresholds((None, "green"), (1, "red"))
_PSEUDONYM: Final = Words(
    "Qui : un pseudonyme, le même pour une personne dans ce lieu pendant un mois, et un autre ailleurs ou plus tard.",
    "Who: a pseudonym, the same for one person at this place for one month, and another elsewhere or later.",
)


def _head() -> list[Json]:
    return [
        place_name(),
        number(
            Words("Décisions", "Decisions"),
            Box(x=0, y=2, w=12, h=4),
            sql.DECISIONS_NOW,
            about=Words(
                "Aux portes du lieu, dans la période. Badges : combien de badges différents. Tout est à zéro pour qui "
                "n'a pas le droit de voir les décisions.",
                "At the place's doors, in the period. Badges: how many different ones. All is zero for a reader "
                "without the right to see decisions.",
            ),
        ),
        number(
            Words("Portes en défaut", "Doors not in order"),
            Box(x=12, y=2, w=12, h=4),
            sql.TROUBLES_NOW,
            color={"mode": "thresholds"},
            thresholds=_BAD,
            about=Words(
                "Ouvertes sans accès, restées ouvertes, capteur arraché : combien de fois dans la période.",
                "Opened without access, left open, sensor torn off: how often in the period.",
            ),
        ),
    ]


def _lists() -> list[Json]:
    return [
        bars(
            Words("Décisions par heure", "Decisions by hour"),
            Box(x=0, y=6, w=12, h=9),
            sql.HOURS,
            Words("Heure", "Hour"),
            {_GRANTED_NAME: "green", _REFUSED: "orange"},
            stacked=True,
            about=Words("À l'heure du lieu.", "In the place's own time."),
        ),
        table(
            Words("Les plus refusés", "Refused most"),
            Box(x=12, y=6, w=12, h=9),
            sql.REFUSED,
            [
                column(_WHO, 100),
                column(_IS_MEMBER, 115, mappings=_MEMBER),
                column(Words("Refus", "Refusals"), 75),
                column(Words("Dernier motif", "Last reason"), 170, mappings=REASONS),
                column(_DOOR, 140, flexible=True),
                column(Words("Dernière fois", "Last time"), 140, unit="dateTimeFromNow"),
            ],
            about=_PSEUDONYM,
        ),
        table(
            Words("Portes forcées, tenues ouvertes, sabotées", "Doors forced, held open, tampered with"),
            Box(x=0, y=15, w=12, h=9),
            sql.TROUBLES,
            [
                column(_DOOR, 180, flexible=True),
                column(Words("État", "State"), 150, cell="background", mappings=DOOR),
                column(_WHEN, 130),
                column(Words("Accès d'avant", "Access before"), 120),
                column(Words("À", "At"), 90),
            ],
            about=Words(
                "Accès d'avant : qui a été admis à cette porte en dernier, dans la demi-heure d'avant. Un tiret : "
                "personne.",
                "Access before: who was let in at this door last, in the half hour before. A dash: nobody.",
            ),
        ),
        table(
            Words("Alarmes des portes", "Alarms of doors"),
            Box(x=12, y=15, w=12, h=9),
            sql.ALARMS,
            [
                column(Words("Genre", "Kind"), 330, flexible=True, mappings=KINDS),
                column(Words("Le", "Raised"), 120, unit="dateTimeFromNow"),
                column(Words("Dernière fois", "Last time"), 120, unit="dateTimeFromNow"),
                column(Words("Fois", "Times"), 56),
                column(Words("Passerelle", "Gateway"), 110),
            ],
            about=Words("Ouvertes : personne ne les a encore acquittées.", "Open: nobody has acknowledged them yet."),
        ),
        table(
            Words("Chaque décision", "Each decision"),
            Box(x=0, y=24, w=24, h=12),
            sql.DECISIONS,
            [
                column(_WHEN, 180),
                column(_DOOR, 220, flexible=True),
                column(Words("Sens", "Direction"), 100, mappings=_SIDE),
                column(Words("Décision", "Decision"), 120, cell="background", mappings=_GRANTED),
                column(_REASON, 260, mappings=REASONS),
                column(_WHO, 130),
                column(_IS_MEMBER, 150, mappings=_MEMBER),
            ],
            about=_PSEUDONYM,
        ),
    ]


def doors_dashboard() -> Json:
    """*Doors and security*: the last 24 hours, refreshed every 30 s."""
    return dashboard(
        Words(
            "Les portes d'un lieu, pour qui en a le droit : chaque décision sous pseudonyme, et ce qui n'allait pas.",
            "The doors of one place, for who may: each decision by pseudonym, and what wasn't in order.",
        ),
        [*_head(), *_lists()],
        [variable("place", PLACE, PLACES)],
        refresh="30s",
        start="now-24h",
    )
