"""A new network: its schema, database users, secrets, certificates and settings."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from maillage.commands.owner import database_url


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
    api_port: Annotated[int, typer.Option(min=1, max=65535, help="The API's port on 127.0.0.1.")] = 8080,
    broker_user: Annotated[
        str, typer.Option(help="The user that Mosquitto runs as, where this is root.")
    ] = "mosquitto",
) -> None:
    """Found a network in an empty database: schema, database users, secrets, certificates, the broker's files.

    Each process gets a file of settings of its own, readable by you only. No secret is printed or logged. What exists
    is kept, so it may run again. Settings: MAILLAGE_DATABASE_URL (as the owner of the database).

    Example: maillage init /etc/maillage --broker-host broker.example.org
    """
    url = database_url()
    from maillage.network.founding import OWNER, Founding, found

    wish = Founding(
        folder=folder.absolute(),
        database_url=url,
        broker_host=broker_host,
        broker_ports=(broker_port, broker_port + 1, broker_port + 2),
        processes_host=processes_host,
        api_port=api_port,
        broker_user=broker_user,
    )
    found(wish, say=lambda line: print(line, file=sys.stderr))
    print(f"The network is founded. Keep a copy of {folder} where no server is: with it anybody opens its doors, and")
    print("without it every gateway must join again and every card be presented again. For your own commands:")
    print(f"  set -a; . {folder.absolute() / OWNER}; set +a")
