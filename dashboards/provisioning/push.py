"""Bring one organisation of a Grafana up to date with this code; change only what differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dashboards.catalogue import DASHBOARDS, Dashboard
from dashboards.errors import GrafanaError, Unauthorized
from dashboards.panels import Json
from dashboards.provisioning.alerting import FIRST as ALERTING_FROM
from dashboards.provisioning.alerting import contact_points, plan_alerting
from dashboards.provisioning.boards import plan_board
from dashboards.provisioning.connection import Grafana, connect
from dashboards.provisioning.plan import Plan, Say
from dashboards.provisioning.sources import health, plan_folder, plan_source
from dashboards.roles import Reach, check_reader
from dashboards.settings import DashboardsSettings
from dashboards.source import data_source
from dashboards.words import Language, Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What one organisation is to hold."""

    source: str
    """The reader's URL of the database, as Grafana reaches it."""
    reach: Reach
    languages: Sequence[Language]
    overwrite: bool = False
    """Also remove what people added inside our dashboards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """The report of a push."""

    plan: Plan
    connected: bool
    """False: Grafana has the dashboards but cannot read the database as the reader."""
    connection: str
    """Grafana's report on its connection to the database."""

    def lines(self) -> list[str]:
        """Return the report for a terminal."""
        return [f"the database {'answers' if self.connected else 'CANNOT BE READ'}: {self.connection}"]


def push(
    url: str,
    *,
    settings: DashboardsSettings,
    languages: Sequence[Language] = ("fr",),
    overwrite: bool = False,
    say: Say = lambda line: None,
) -> Pushed:
    """Bring the Grafana at ``url`` up to date, saying the plan first; a second push writes nothing.

    The credential's organisation is the one changed. What people made in Grafana stays, also panels inside our
    dashboards; what they changed in ours is set back.

    Raises:
        ReaderError: the data source's user is no reader: its rights would be every viewer's.
        GrafanaError: see `dashboards.errors`; what was done before the error stays done.
    """
    source = _source(settings)
    with connect(url, settings) as grafana:
        plan = plan_push(grafana, settings, _wanted(source, settings, languages, overwrite=overwrite))
        for line in plan.lines():
            say(line)
        plan.carry_out(say)
        connected, connection = health(grafana)
    return Pushed(plan=plan, connected=connected, connection=connection)


def diff(url: str, *, settings: DashboardsSettings, languages: Sequence[Language] = ("fr",)) -> Plan:
    """Return what `push` would do.

    Raises:
        ReaderError, GrafanaError: as `push`.
    """
    source = _source(settings)
    with connect(url, settings) as grafana:
        return plan_push(grafana, settings, _wanted(source, settings, languages, overwrite=False))


def _source(settings: DashboardsSettings) -> str:
    if settings.grafana_token is None:
        raise Unauthorized("set MAILLAGE_GRAFANA_TOKEN to a service account's token (role Admin) or user:password")
    if settings.grafana_database_url is None:
        raise GrafanaError("set MAILLAGE_GRAFANA_DATABASE_URL to the database as Grafana reaches it, as a reader")
    data_source(settings.grafana_database_url.get_secret_value())
    return settings.grafana_database_url.get_secret_value()


def _wanted(source: str, settings: DashboardsSettings, languages: Sequence[Language], *, overwrite: bool) -> Wanted:
    owner = settings.database_url
    reach = check_reader(source, owner_url=None if owner is None else owner.get_secret_value())
    return Wanted(source=source, reach=reach, languages=languages, overwrite=overwrite)


def plan_push(grafana: Grafana, settings: DashboardsSettings, wanted: Wanted) -> Plan:
    """Plan to bring the organisation of ``grafana`` up to date, in the order in which it must be done."""
    boards = [one for one in DASHBOARDS if one.audience == "viewer" or wanted.reach.security]
    notes = [
        *grafana.notes,
        *(
            f"leaves out {one.title.of(wanted.languages[0])!r}: the reader may not see it "
            "(`maillage dashboards reader NAME --security`)"
            for one in DASHBOARDS
            if one not in boards
        ),
    ]
    steps = []
    for language in wanted.languages:
        for folder in dict.fromkeys(one.folder for one in boards):
            title = folder_title(folder, settings.grafana_folder).of(language)
            steps.append(plan_folder(grafana, folder_uid(folder).of(language), title))
    steps.append(plan_source(grafana, data_source(wanted.source, grafana.version)))
    for language in wanted.languages:
        steps += [
            plan_board(grafana, model, folder_uid(one.folder).of(language), overwrite=wanted.overwrite)
            for one, model in _models(grafana, settings, boards, language)
        ]
    tongue = settings.grafana_language
    if grafana.version < ALERTING_FROM:
        notes.append(f"leaves out the alert rules: they need Grafana {ALERTING_FROM} or later")
    elif tongue not in wanted.languages:
        notes.append(f"leaves out the alert rules: they come with the language of MAILLAGE_GRAFANA_LANGUAGE, {tongue}")
    else:
        network, uid = wanted.reach.network, folder_uid("maillage").of(tongue)
        steps += plan_alerting(grafana, settings, folder=uid, language=tongue, network=network)
        if not contact_points(settings):
            notes.append(
                "alerts go to Grafana's default contact point: MAILLAGE_GRAFANA_ALERT_MAIL and "
                "MAILLAGE_GRAFANA_ALERT_WEBHOOK name others"
            )
        if not network:
            notes.append("leaves out the alert rules on the centre: the reader sees some places only")
    return Plan(head=grafana.head, steps=tuple(steps), notes=tuple(notes))


def _models(
    grafana: Grafana, settings: DashboardsSettings, boards: Sequence[Dashboard], language: Language
) -> list[tuple[Dashboard, Json]]:
    tiles = settings.grafana_tiles_url
    return [(one, one.build(language, grafana.version, tiles_url=tiles)) for one in boards]


def folder_uid(folder: str) -> Words:
    """Return the uid of a folder in each language."""
    return Words(folder, f"{folder}-en")


def folder_title(folder: str, title: str) -> Words:
    """Return the title of a folder in each language; ``title``: of the one that all may see, in French."""
    if folder == "maillage":
        return Words(title, f"{title} (English)")
    return Words(f"{title} · sécurité", f"{title} · security (English)")
