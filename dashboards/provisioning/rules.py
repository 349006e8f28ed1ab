"""The alert rules: what is wrong, by which query on which views, from which value on, for how long.

Each query gives one number a row, and texts that name what it is about; Grafana takes each row for an alert of its own.
A row stands there where all is well too, with a number below the limit: none at all means that nothing is known, which
Grafana reports as "no data", never as "OK".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from dashboards.words import Words

Scope = Literal["place", "network"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One alert rule. ``query``'s only number above ``above``, for ``lasting``, is an alert."""

    name: str
    title: Words
    summary: Words
    """With Grafana's templates of labels and values: ``{{ $labels.label }}``, ``{{ $values.A.Value }}``."""
    query: str
    above: float
    lasting: str = "0s"
    severity: Literal["critical", "warning"] = "warning"
    scope: Scope = "place"
    """``network``: only for a reader of the whole network."""

    @property
    def uid(self) -> str:
        """Its uid in Grafana, the same in each language: one organisation is alerted once."""
        return f"maillage-{self.name}"


_DARK = """
-- minutes without news of each equipped place that is open to the public; 0: it is heard; never heard: a year
SELECT n.place, n.label,
  CASE WHEN w.place IS NULL THEN 0.0
       WHEN w.why = 'never' THEN 525600.0
       ELSE extract(epoch FROM now() - w.since) / 60 END::float8 AS minutes
FROM report.place_now n
LEFT JOIN report.place_without_news w ON w.place = n.place
WHERE n.equipped"""
_FORCED = """
-- forced doors that nobody has acknowledged, of each place
SELECT p.place, p.label, count(a.kind)::float8 AS doors
FROM report.place p
LEFT JOIN report.alarm_open a ON a.place = p.place AND a.kind = 'door_forced'
WHERE p.equipped
GROUP BY 1, 2"""
_OVER = """
-- people above the capacity of each place whose number is known
SELECT n.place, n.label, (n.present - n.capacity)::float8 AS people
FROM report.place_now n
WHERE n.present IS NOT NULL AND n.capacity IS NOT NULL"""
_LAG = "SELECT value FROM report.centre_check WHERE what = 'ingest_lag_s'"
_LETTERS = "SELECT value FROM report.centre_check WHERE what = 'dead_letters'"
_LIST = """
-- the access list of each gateway: percent of its longest age; a newer one that waits for an hour counts as much as 100
SELECT l.place, l.label, l.gateway, greatest(l.age_percent, l.behind_min / 60 * 100)::float8 AS percent
FROM report.list_now l"""
_BATTERY = """
-- devices with a low battery, of each place
SELECT p.place, p.label, count(d.device)::float8 AS devices
FROM report.place p
LEFT JOIN report.device_now d ON d.place = p.place AND (d.battery < 15 OR 'low_battery' = ANY (d.troubles))
WHERE p.equipped
GROUP BY 1, 2"""
_JOB = "SELECT subject AS job, value FROM report.centre_check WHERE what = 'job_late'"
_BACKUP = "SELECT value FROM report.centre_check WHERE what = 'backup_age_h'"

RULES: Final = (
    Rule(
        name="dark",
        title=Words("Lieu sans nouvelles", "Place without news"),
        summary=Words(
            "{{ $labels.label }} : aucune nouvelle depuis {{ printf `%.0f` $values.A.Value }} minutes",
            "{{ $labels.label }}: no news for {{ printf `%.0f` $values.A.Value }} minutes",
        ),
        query=_DARK,
        above=10,
        severity="critical",
    ),
    Rule(
        name="forced",
        title=Words("Porte forcée", "Door forced"),
        summary=Words(
            "{{ $labels.label }} : porte forcée, à vérifier sur place puis à acquitter",
            "{{ $labels.label }}: door forced; look at it, then acknowledge the alarm",
        ),
        query=_FORCED,
        above=0,
        severity="critical",
    ),
    Rule(
        name="over",
        title=Words("Capacité dépassée", "Over capacity"),
        summary=Words(
            "{{ $labels.label }} : {{ printf `%.0f` $values.A.Value }} personnes de plus que la capacité",
            "{{ $labels.label }}: {{ printf `%.0f` $values.A.Value }} people above the capacity",
        ),
        query=_OVER,
        above=0,
        lasting="5m",
    ),
    Rule(
        name="list",
        title=Words("Liste d'accès trop ancienne", "Access list too old"),
        summary=Words(
            "{{ $labels.label }}, passerelle {{ $labels.gateway }} : sa liste d'accès vieillit ; "
            "passé son âge limite, elle n'ouvre plus",
            "{{ $labels.label }}, gateway {{ $labels.gateway }}: its access list grows old; "
            "past its longest age it opens nothing",
        ),
        query=_LIST,
        above=75,
        severity="critical",
    ),
    Rule(
        name="battery",
        title=Words("Pile faible", "Battery low"),
        summary=Words(
            "{{ $labels.label }} : {{ printf `%.0f` $values.A.Value }} appareil(s) à pile faible",
            "{{ $labels.label }}: {{ printf `%.0f` $values.A.Value }} device(s) with a low battery",
        ),
        query=_BATTERY,
        above=0,
        lasting="1h",
    ),
    Rule(
        name="ingest",
        title=Words("Événements enregistrés en retard", "Events stored late"),
        summary=Words(
            "L'enregistrement a {{ printf `%.0f` $values.A.Value }} secondes de retard",
            "Storing is {{ printf `%.0f` $values.A.Value }} seconds behind",
        ),
        query=_LAG,
        above=120,
        lasting="2m",
        severity="critical",
        scope="network",
    ),
    Rule(
        name="letters",
        title=Words("Événements illisibles", "Dead letters"),
        summary=Words(
            "{{ printf `%.0f` $values.A.Value }} événement(s) illisible(s) en une heure : `maillage dead-letters`",
            "{{ printf `%.0f` $values.A.Value }} dead letter(s) in an hour: `maillage dead-letters`",
        ),
        query=_LETTERS,
        above=0,
        scope="network",
    ),
    Rule(
        name="job",
        title=Words("Tâche qui n'a pas tourné", "Job that didn't run"),
        summary=Words(
            "La tâche {{ $labels.job }} n'a pas réussi depuis {{ printf `%.0f` $values.A.Value }} fois son intervalle",
            "The job {{ $labels.job }} has not succeeded for {{ printf `%.0f` $values.A.Value }} times its interval",
        ),
        query=_JOB,
        above=4,
        lasting="10m",
        scope="network",
    ),
    Rule(
        name="backup",
        title=Words("Sauvegarde trop ancienne", "Backup too old"),
        summary=Words(
            "La dernière sauvegarde a {{ printf `%.0f` $values.A.Value }} heures",
            "The last backup is {{ printf `%.0f` $values.A.Value }} hours old",
        ),
        query=_BACKUP,
        above=26,
        scope="network",
    ),
)
