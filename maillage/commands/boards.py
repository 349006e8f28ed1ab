"""Grafana dashboards, as code, and the database readers that they look through."""

from __future__ import annotations

import json
import secrets
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maillage.commands.owner import connect

if TYPE_CHECKING:
    from dashboards.words import Language

app = typer.Typer(
    help="Grafana dashboards as code (docs/dashboards.md).",
    no_args_is_help=True,
)


class Tongue(StrEnum):
    """A language of dashboards."""

    FR = "fr"
    EN = "en"


Url = Annotated[str, typer.Argument(help="The Grafana, like http://localhost:3000.")]
Languages = Annotated[list[Tongue], typer.Option("--language", help="fr or en; may be repeated.")]


def _languages(given: list[Tongue]) -> tuple[Language, ...]:
    return tuple(dict.fromkeys(one.value for one in given))


@app.command(short_help="Bring a Grafana up to date.")
def push(
    url: Url,
    language: Languages = [Tongue.FR],  # noqa: B006 (typer copies it)
    *,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Also remove panels that people added inside these dashboards.")
    ] = False,
) -> None:
    """Bring a Grafana up to date with this release: folder, data source, dashboards, alert rules, contact point.

    The plan is printed first: + create, ~ update, = unchanged, - delete, . leave, ! refuse. A second push changes
    nothing. What people made stays, also a panel added inside one of these dashboards.

    Settings: MAILLAGE_GRAFANA_TOKEN, MAILLAGE_GRAFANA_DATABASE_URL, MAILLAGE_GRAFANA_FOLDER,
    MAILLAGE_GRAFANA_TILES_URL, MAILLAGE_GRAFANA_LANGUAGE, MAILLAGE_GRAFANA_ALERT_MAIL, MAILLAGE_GRAFANA_ALERT_WEBHOOK.
    MAILLAGE_DATABASE_URL (as the owner) too, where only Grafana reaches the reader's URL.

    Example: maillage dashboards push https://grafana.example.org

    Example: maillage dashboards push https://grafana.example.org --language fr --language en
    """
    from dashboards.provisioning.push import push as run
    from dashboards.settings import DashboardsSettings

    report = run(url, settings=DashboardsSettings(), languages=_languages(language), overwrite=overwrite, say=print)
    print("\n".join(report.lines()))
    if not report.connected:
        raise typer.Exit(1)


@app.command(short_help="Show what a push would change.")
def diff(url: Url, language: Languages = [Tongue.FR]) -> None:  # noqa: B006 (typer copies it)
    """Show what a push would change, and where a dashboard in Grafana differs from this release. Nothing is changed.

    The exit code is 0 where nothing differs, and 1 where something does. Settings: as push.

    Example: maillage dashboards diff https://grafana.example.org
    """
    from dashboards.provisioning.push import diff as run
    from dashboards.settings import DashboardsSettings

    plan = run(url, settings=DashboardsSettings(), languages=_languages(language))
    print("\n".join(plan.lines(quiet=True)))
    if any(one.outcome not in {"unchanged", "leave"} for one in plan.steps):
        raise typer.Exit(1)


@app.command(short_help="Fetch a dashboard edited in Grafana as a file.")
def pull(
    url: Url,
    uid: Annotated[str, typer.Argument(help="The dashboard's uid, like maillage-lieu: it is in its address.")],
    into: Annotated[Path, typer.Option(help="Folder for the file.")] = Path(),
) -> None:
    """Fetch a dashboard from Grafana as a file, and show where it differs from this release.

    One of this release comes without what Grafana numbers by itself; any other as it is.
    Settings: MAILLAGE_GRAFANA_TOKEN.

    Example: maillage dashboards pull https://grafana.example.org maillage-lieu --into dist
    """
    from dashboards.provisioning.pull import pull as run
    from dashboards.settings import DashboardsSettings

    pulled = run(url, uid, settings=DashboardsSettings())
    into.mkdir(parents=True, exist_ok=True)
    path = into / f"{uid}.json"
    path.write_text(json.dumps(pulled.board, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    print("\n".join([str(path), *pulled.lines()]))


@app.command(short_help="Remove from a Grafana what a push made.")
def delete(
    url: Url,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Also dashboards of ours inside which people added panels.")
    ] = False,
) -> None:
    """Remove from a Grafana what push made, in both languages, and nothing else; the plan is shown first.

    A folder in which people keep dashboards of theirs stays, with the data source that these may use.
    Settings: MAILLAGE_GRAFANA_TOKEN.

    Example: maillage dashboards delete https://grafana.example.org --yes
    """
    from dashboards.provisioning.delete import delete as run
    from dashboards.settings import DashboardsSettings

    def agree() -> bool:
        return yes or typer.confirm("Delete this?")

    if not run(url, settings=DashboardsSettings(), overwrite=overwrite, say=print, agree=agree):
        raise typer.Exit(1)


@app.command(short_help="Keep Grafana's organisations in step with places and managers.")
def scopes(
    url: Url,
    language: Languages = [Tongue.FR],  # noqa: B006 (typer copies it)
    prefix: Annotated[str, typer.Option(help="How the names of the database readers begin.")] = "grafana_",
    *,
    security: Annotated[
        bool, typer.Option("--security", help="Their readers also see each decision at doors, by pseudonym.")
    ] = False,
    mail_managers: Annotated[
        bool, typer.Option("--mail-managers", help="Each scope's alerts go to its managers' mail addresses.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
) -> None:
    """Keep one Grafana organisation for each set of places that operators manage, with a database reader of its own.

    The plan is shown first. An organisation gets data source, folders, dashboards, alert rules, contact points, a
    service account and its managers, as soon as Grafana knows their addresses. A scope that nobody manages any more
    ends: its reader is dropped, and its organisation deleted if all in it is ours.

    Settings: MAILLAGE_GRAFANA_TOKEN (user:password of a server administrator), MAILLAGE_DATABASE_URL (as the owner),
    MAILLAGE_GRAFANA_DATABASE_URL (where Grafana reaches the database; its user is replaced by each reader).

    Example: maillage dashboards scopes https://grafana.example.org --language fr --language en
    """
    from dashboards.provisioning.organisations import Options, keep_in_step
    from dashboards.settings import DashboardsSettings

    options = Options(languages=_languages(language), prefix=prefix, security=security, mail_managers=mail_managers)
    with connect("dashboards scopes") as connection:
        connection.autocommit = True
        done = keep_in_step(
            url, connection, settings=DashboardsSettings(), options=options, say=print,
            agree=lambda: yes or typer.confirm("Do this?"),
        )  # fmt: skip
    if not done:
        raise typer.Exit(1)


@app.command()
def build(
    directory: Annotated[Path, typer.Argument(help="Where to write them, one JSON file a dashboard.")] = Path("dist"),
    language: Languages = [Tongue.FR],  # noqa: B006 (typer copies it)
) -> None:
    """Write the dashboards as files for Grafana's own provisioning.

    For Grafana 10.2.3 and later.

    Example: maillage dashboards build dashboards/
    """
    from dashboards.build import dashboards
    from dashboards.settings import DashboardsSettings

    directory.mkdir(parents=True, exist_ok=True)
    for one in _languages(language):
        for uid, board in dashboards(one, tiles_url=DashboardsSettings().grafana_tiles_url).items():
            path = directory / f"{uid}.json"
            path.write_text(json.dumps(board, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
            print(path)


@app.command(short_help="Draw a dashboard as a page, without Grafana.")
def preview(
    uid: Annotated[str, typer.Argument(help="The dashboard, like maillage-lieu or maillage-lieu-en.")],
    file: Annotated[Path, typer.Argument(help="The page to write.")] = Path("preview.html"),
    choose: Annotated[
        list[str] | None,
        typer.Option(help="Code of a place or a department; may be repeated. Else as Grafana opens it."),
    ] = None,
) -> None:
    """Draw a dashboard as a page that needs no Grafana, from the database as the reader sees it now.

    Settings: MAILLAGE_GRAFANA_DATABASE_URL.

    Example: maillage dashboards preview maillage-lieu lieu.html --choose la-fabrique
    """
    from datetime import UTC, datetime

    from dashboards.catalogue import DASHBOARDS
    from dashboards.errors import GrafanaError
    from dashboards.preview.draw import draw
    from dashboards.settings import DashboardsSettings
    from dashboards.words import LANGUAGES

    boards = {one.uid.of(language): (one, language) for one in DASHBOARDS for language in LANGUAGES}
    if uid not in boards:
        raise typer.BadParameter(f"no dashboard {uid!r}: there are {', '.join(sorted(boards))}")
    url = DashboardsSettings().grafana_database_url
    if url is None:
        raise GrafanaError("set MAILLAGE_GRAFANA_DATABASE_URL to the database, as a reader")
    board, language = boards[uid]
    text = draw(
        url.get_secret_value(), board.build(language), language=language, now=datetime.now(UTC), chosen=choose or ()
    )
    file.write_text(text, encoding="utf-8")
    print(file)


@app.command(short_help="Make a database user for a Grafana data source.")
def reader(
    name: Annotated[str, typer.Argument(help="Name of the database user, like grafana_landes.")],
    place: Annotated[list[str] | None, typer.Option(help="Code of a place; may be repeated. Else all places.")] = None,
    password: Annotated[
        str | None, typer.Option(envvar="MAILLAGE_READER_PASSWORD", help="Else one is made and printed, once.")
    ] = None,
    *,
    security: Annotated[
        bool, typer.Option("--security", help="It also sees each decision at their doors, by pseudonym.")
    ] = False,
) -> None:
    """Make a database user for a Grafana data source, which reads its places and nothing else.

    A reader that exists gets a new password, these places and this right.
    Settings: MAILLAGE_DATABASE_URL (as the owner).

    Example: maillage dashboards reader grafana_network

    Example: maillage dashboards reader grafana_landes --place la-fabrique --place le-hangar

    Example: maillage dashboards reader grafana_doors --security
    """
    from dashboards.roles import create_reader

    made = password or secrets.token_urlsafe(24)
    with connect("dashboards reader") as connection:
        create_reader(connection, name, made, place, security=security)
    if not password:
        print(made)
