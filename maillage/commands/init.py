"""A new network: its schema, database users, secrets, certificates and settings."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from maillage.commands.owner import connect, database_url
from maillage.complaint import Complaint


def add_to(app: typer.Typer) -> None:
    """Add this command to ``app``."""
    app.command(short_help="Found a new network: secrets, settings, certificates.")(init)


def init(
    folder: Annotated[Path, typer.Argument(help="Where settings and secrets go.")] = Path("/etc/maillage"),
    *,
    broker_host: Annotated[
        str, typer.Option(help="The name or address by which gateways reach this server's broker.")
    ] = "localhost",
    broker_port: Annotated[
        int, typer.Option(min=1, max=65533, help="The broker's port for gateways; the next two are for the centre.")
    ] = 8883,
    processes_host: Annotated[
        str,
        typer.Option(help="The broker's name for ingest and rights, where they run elsewhere."),
    ] = "localhost",
    public_url: Annotated[
        str | None,
        typer.Option(help="Where people reach the pages, like https://maillage.example.org: links begin with it."),
    ] = None,
    api_port: Annotated[int, typer.Option(min=1, max=65535, help="The API's port on 127.0.0.1.")] = 8080,
    broker_user: Annotated[
        str, typer.Option(help="The user that Mosquitto runs as, where this is root.")
    ] = "mosquitto",
) -> None:
    """Found a network in an empty database: schema, database users, secrets, certificates, the broker's files.

    Each process gets a file of settings of its own, readable by you only. No secret is printed or logged, but a link
    by which the first administrator signs in, once, within a day. What exists is kept, so it may run again. Settings:
    MAILLAGE_DATABASE_URL (as the owner of the database).

    Example: maillage init /etc/maillage --broker-host broker.example.org
    """
    url = database_url()
    if public_url is not None and not re.fullmatch(r"https?://[^/\s]+", public_url):
        raise Complaint(f"{public_url!r} is no address of pages: write it like https://maillage.example.org.")
    from maillage.network.founding import OWNER, Founding, found

    wish = Founding(
        folder=folder.absolute(),
        database_url=url,
        broker_host=broker_host,
        broker_ports=(broker_port, broker_port + 1, broker_port + 2),
        processes_host=processes_host,
        api_port=api_port,
        public_url=public_url,
        broker_user=broker_user,
    )
    found(wish, say=lambda line: print(line, file=sys.stderr))
    print(f"The network is founded. Keep a copy of {folder} where no server is: with it anybody opens its doors, and")
    print("without it every gateway must join again and every card be presented again. For your own commands:")
    _invite(public_url or f"http://127.0.0.1:{api_port}")
    print(f"  set -a; . {folder.absolute() / OWNER}; set +a")


def _invite(base: str) -> None:
    """Print a link for the first administrator, until there is one."""
    from api.sign_in.owner import is_administered, path_to_administer

    with connect("init") as connection:
        if is_administered(connection):
            return
        path = path_to_administer(connection, None)
    print("The first administrator signs in by this link, once, within 24 hours (`maillage operator invite` makes")
    print(f"another), as soon as the API runs:\n  {base}{path}")
