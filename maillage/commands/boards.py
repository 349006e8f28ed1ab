"""Grafana dashboards, as code, and the database readers that they look through."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Annotated

import typer

from maillage.commands.owner import connect

app = typer.Typer(help="Grafana dashboards as code.", no_args_is_help=True)


@app.command(short_help="Bring a Grafana up to date.")
def push(url: Annotated[str, typer.Argument(help="The Grafana, like http://localhost:3000.")]) -> None:
    """Bring a Grafana up to date with this release: folder, data source, dashboards. A second push changes nothing.

    Settings: MAILLAGE_GRAFANA_TOKEN, MAILLAGE_GRAFANA_DATABASE_URL, MAILLAGE_GRAFANA_FOLDER,
    MAILLAGE_GRAFANA_TILES_URL. MAILLAGE_DATABASE_URL (as the owner) too, where only Grafana reaches the reader's URL.

    Example: maillage dashboards push https://grafana.example.org
    """
    from dashboards.push import push as run
    from dashboards.settings import DashboardsSettings

    report = run(url, settings=DashboardsSettings())
    print("\n".join(report.lines()))
    if not report.connected:
        raise typer.Exit(1)


@app.command()
def build(
    directory: Annotated[Path, typer.Argument(help="Where to write them, one JSON file a dashboard.")] = Path("dist"),
) -> None:
    """Write the dashboards as files, for Grafana's own provisioning.

    Example: maillage dashboards build dashboards/
    """
    from dashboards.build import dashboards
    from dashboards.settings import DashboardsSettings

    directory.mkdir(parents=True, exist_ok=True)
    for uid, board in dashboards(tiles_url=DashboardsSettings().grafana_tiles_url).items():
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
) -> None:
    """Make a database user for a Grafana data source, which reads its places and nothing else.

    A reader that exists gets a new password and these places. Settings: MAILLAGE_DATABASE_URL (as the owner).

    Example: maillage dashboards reader grafana_1
    """
    from dashboards.roles import create_reader

    made = password or secrets.token_urlsafe(24)
    with connect("dashboards reader") as connection:
        create_reader(connection, name, made, place)
    if not password:
        print(made)
