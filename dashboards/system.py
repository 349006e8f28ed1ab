"""*The system*: how quickly events are stored, what waits, what failed; lists, jobs, the database and the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dashboards import system_sql as sql
from dashboards.charts import LEGEND, NOTHING_HERE, TOOLTIP, number
from dashboards.panels import GATEWAY, Box, Json, column, dashboard, override, panel, table, terms, thresholds, values
from dashboards.words import Text, Words

UID: Final = Words("maillage-systeme", "maillage-systeme-en")
TITLE: Final = Words("Le système", "The system")

JOBS: Final[Mapping[str, Words]] = {
    "rollup": Words("quarts d'heure", "quarter hours"),
    "published": Words("nombres publiés", "published numbers"),
    "worth": Words("usage", "use"),
    "commuting": Words("trajets évités", "commuting saved"),
    "forecast": Words("prévision", "forecast"),
    "arrivals": Words("arrivées habituelles", "usual arrivals"),
    "hours": Words("horaires renouvelés", "opening hours renewed"),
    "notices": Words("avis aux membres", "notices to members"),
    "statements": Words("relevés du mois", "monthly statements"),
    "reports": Words("rapports du mois", "monthly reports"),
    "events": Words("suppression des passages", "deletion of events"),
    "traces": Words("suppression des traces", "deletion of traces"),
    "thinning": Words("petits espaces", "small spaces"),
    "samples": Words("mesures des processus", "samples of processes"),
    "confirmations": Words("confirmations", "confirmations"),
    "waiting": Words("listes d'attente", "waiting lists"),
    "counters": Words("compteurs", "counters"),
    "revocations": Words("révocations", "revocations"),
    "audit_head": Words("journal d'audit", "audit trail"),
}
"""By the name of the job; tests compare it with the jobs that there are."""
PROCESSES: Final[Mapping[str, Words]] = {
    "ingest": Words("ingestion", "ingest"),
    "api": Words("API", "API"),
    "rights": Words("droits", "rights"),
    "jobs": Words("travaux", "jobs"),
}
_ALIVE: Final = values({0: (Words("muet", "silent"), "red"), 1: (Words("en marche", "running"), "green")}, null="—")
_MEDIAN: Final = Words("Médiane", "Median")
_LINE: Final[Json] = {
    "drawStyle": "line",
    "lineInterpolation": "linear",
    "lineWidth": 2,
    "fillOpacity": 5,
    "showPoints": "auto",
    "spanNulls": False,
    "insertNulls": 180_000,
}
"""Between samples a line is drawn, but none over a process that stored none for three minutes."""


def _samples(
    title: Text, box: Box, query: str, unit: str, colours: Mapping[Text, str], *, about: Text, **fields: Any
) -> Json:
    """Curves of what processes sample each minute."""
    made = panel(
        "timeseries",
        title,
        box,
        query,
        empty=NOTHING_HERE,
        series=True,
        fields={"unit": unit, "min": 0, "custom": _LINE, **fields},
        overrides=[override(name, color={"mode": "fixed", "fixedColor": colour}) for name, colour in colours.items()],
        options={"legend": LEGEND, "tooltip": TOOLTIP},
        about=about,
    )
    return {**made, "interval": "1m"}


def _head() -> list[Json]:
    wrong = thresholds((None, "green"), (1, "orange"))
    return [
        number(
            Words("Événements stockés", "Events stored"),
            Box(x=0, y=0, w=4, h=4),
            sql.RATE_NOW,
            unit="cps",
            decimals=1,
            about=Words("Par seconde, sur cinq minutes.", "Per second, over five minutes."),
        ),
        number(
            Words("Retard de l'ingestion", "Ingest lag"),
            Box(x=4, y=0, w=4, h=4),
            sql.LAG_NOW,
            unit="s",
            decimals=2,
            color={"mode": "thresholds"},
            thresholds=thresholds((None, "green"), (5, "orange"), (60, "red")),
            about=Words(
                "De l'événement à son stockage, 99 fois sur 100, sur cinq minutes.",
                "From an event to its commit, 99 times of 100, over five minutes.",
            ),
        ),
        number(
            Words("Événements en attente", "Events waiting"),
            Box(x=8, y=0, w=4, h=4),
            sql.SPOOL_NOW,
            color={"mode": "thresholds"},
            thresholds=thresholds((None, "green"), (1000, "orange"), (100_000, "red")),
            about=Words(
                "Gardés par les passerelles, selon leur dernier mot.", "Kept by gateways, as they last reported."
            ),
        ),
        number(
            Words("Lettres mortes", "Dead letters"),
            Box(x=12, y=0, w=4, h=4),
            sql.DEAD_NOW,
            color={"mode": "thresholds"},
            thresholds=wrong,
            about=Words(
                "Messages illisibles qui attendent quelqu'un.", "Unreadable messages that wait for an operator."
            ),
        ),
        number(
            Words("Listes en retard", "Lists behind"),
            Box(x=16, y=0, w=4, h=4),
            sql.BEHIND_NOW,
            color={"mode": "thresholds"},
            thresholds=wrong,
            about=Words(
                "Passerelles sans la dernière liste d'accès depuis plus d'une minute, hors ligne comprises.",
                "Gateways without the newest access list for over a minute, offline ones included.",
            ),
        ),
        number(
            Words("Base de données", "Database"),
            Box(x=20, y=0, w=4, h=4),
            sql.SIZE_NOW,
            unit="bytes",
            decimals=1,
            about=Words("Taille sur le disque.", "Size on the disk."),
        ),
    ]


def _curves() -> list[Json]:
    quick: Mapping[Text, str] = {_MEDIAN: "green", "99 %": "orange"}
    return [
        _samples(
            Words("Événements stockés par seconde", "Events stored per second"),
            Box(x=0, y=4, w=12, h=8),
            sql.RATE,
            "cps",
            {Words("Événements par seconde", "Events per second"): "blue"},
            about=Words("Tous les processus d'ingestion ensemble.", "All ingest processes together."),
        ),
        _samples(
            Words("De l'événement à son stockage", "From an event to its commit"),
            Box(x=12, y=4, w=12, h=8),
            sql.LAG,
            "s",
            quick,
            about=Words(
                "Une passerelle qui revient après une coupure allonge ce temps : ses événements étaient gardés.",
                "A gateway that comes back after an outage makes this longer: its events were kept.",
            ),
        ),
        _samples(
            Words("Temps de réponse de l'API", "API latency"),
            Box(x=0, y=12, w=8, h=8),
            sql.LATENCY,
            "s",
            quick,
            about=Words("Sans les flux en direct.", "Without live streams."),
        ),
        _samples(
            Words("Requêtes par seconde", "Requests per second"),
            Box(x=8, y=12, w=8, h=8),
            sql.REQUESTS,
            "reqps",
            {Words("Requêtes", "Requests"): "blue", Words("Erreurs", "Errors"): "red"},
            about=Words("Erreurs : réponses 5xx.", "Errors: answers 5xx."),
        ),
        _samples(
            Words("Délai des révocations", "Revocation time"),
            Box(x=16, y=12, w=8, h=8),
            sql.REVOKED,
            "s",
            quick,
            about=Words(
                "Du changement de droits à l'envoi de la liste à la passerelle.",
                "From a change of rights until its list is sent to the gateway.",
            ),
        ),
    ]


def _lists() -> list[Json]:
    place = column(Words("Lieu", "Place"), 150, flexible=True)
    ago: Json = {"unit": "dateTimeFromNow"}
    return [
        table(
            Words("Passerelles qui gardent des événements", "Gateways that keep events"),
            Box(x=0, y=20, w=11, h=8),
            sql.SPOOLS,
            [
                place,
                column(Words("Passerelle", "Gateway"), 140),
                column(Words("En attente", "Waiting"), 95),
                column(Words("État", "State"), 110, cell="background", mappings=GATEWAY),
                column(Words("Entendue", "Heard"), 140, **ago),
            ],
            about=Words("Rien n'est perdu : elles les renvoient.", "Nothing is lost: they send them again."),
        ),
        table(
            Words("Listes d'accès", "Access lists"),
            Box(x=11, y=20, w=13, h=8),
            sql.LISTS,
            [
                place,
                column(Words("Passerelle", "Gateway"), 140),
                column(Words("Version", "In force"), 80),
                column(Words("Dernière", "Newest"), 80),
                column(Words("Faite", "Made"), 130, **ago),
                column(Words("Attend depuis", "Behind since"), 140, **ago),
            ],
            about=Words(
                "D'abord les passerelles qui attendent une liste plus récente.",
                "Gateways that wait for a newer list come first.",
            ),
        ),
        table(
            Words("Travaux", "Jobs"),
            Box(x=0, y=28, w=11, h=9),
            sql.JOBS,
            [
                column(Words("Travail", "Job"), 190, flexible=True, mappings=terms(JOBS)),
                column(Words("Réussi", "Succeeded"), 150, **ago),
                column(Words("Échecs", "Failures"), 85, cell="text", thresholds=thresholds((None, "text"), (1, "red"))),
                column(Words("Échoué", "Failed"), 150, **ago),
            ],
            about=Words("Échecs de suite, depuis la dernière réussite.", "Failures in a row, since the last success."),
        ),
        table(
            Words("Messages illisibles", "Unreadable messages"),
            Box(x=11, y=28, w=13, h=9),
            sql.DEAD,
            [
                column(Words("Raison", "Cause"), 170, flexible=True),
                column(Words("Origine", "Origin"), 80),
                column(Words("Passerelle", "Gateway"), 140),
                column(Words("Fois", "Times"), 65),
                column(Words("Première fois", "First time"), 140, **ago),
                column(Words("Dernière fois", "Last time"), 140, **ago),
            ],
            about=Words("`maillage dead-letters list` les montre.", "`maillage dead-letters list` shows them."),
        ),
        table(
            Words("Processus", "Processes"),
            Box(x=0, y=37, w=12, h=8),
            sql.PROCESSES,
            [
                column(Words("Processus", "Process"), 110, mappings=terms(PROCESSES)),
                column(Words("Instance", "Where"), 160, flexible=True),
                column(Words("Entendu", "Heard"), 140, **ago),
                column(Words("État", "State"), 100, cell="background", mappings=_ALIVE),
                column(Words("Échecs", "Failures"), 90),
            ],
            about=Words(
                "Chacun écrit une ligne par minute. Échecs de la dernière heure.",
                "Each writes a line a minute. Failures of the last hour.",
            ),
        ),
        _samples(
            Words("Taille de la base", "Size of the database"),
            Box(x=12, y=37, w=12, h=8),
            sql.SIZE,
            "bytes",
            {Words("Taille", "Size"): "blue"},
            about=Words("Tables et index, sur le disque.", "Tables and indexes, on the disk."),
        ),
    ]


def system_dashboard() -> Json:
    """*The system*: refreshed every 30 s, the last six hours."""
    return dashboard(
        Words(
            "Les processus du centre : ce qui est stocké, ce qui attend, ce qui a échoué.",
            "The processes of the centre: what is stored, what waits, what failed.",
        ),
        [*_head(), *_curves(), *_lists()],
        [],
        refresh="30s",
        start="now-6h",
    )
