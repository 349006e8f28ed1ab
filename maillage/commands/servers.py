"""For operators with servers of their own: the processes' database users, the broker's users and rights."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Annotated

import typer

from maillage.commands.owner import database_url
from maillage.complaint import Complaint


def add_to(app: typer.Typer) -> None:
    """Add these commands to ``app``."""
    app.command(short_help="Make a database user for a process.")(login)
    app.command("broker-files", short_help="Write the files of a central Mosquitto.")(broker_files)


def login(
    process: Annotated[str, typer.Argument(help="ingest, rights, api, maintain or broker: whose rights it has.")],
    name: Annotated[str, typer.Argument(help="The user's name, like ingest_1.")],
    password: Annotated[
        str | None, typer.Option(envvar="MAILLAGE_LOGIN_PASSWORD", help="Else one is made and printed, once.")
    ] = None,
) -> None:
    """Make a database user for a process, or give it a new password. Settings: MAILLAGE_DATABASE_URL (as the owner).

    Example: maillage login ingest ingest_1
    """
    url = database_url()
    from maillage.logins import GROUPS, make_login

    if process not in GROUPS:
        raise Complaint(f"there is no process {process!r} with rights in the database: choose {', '.join(GROUPS)}.")
    made = password or secrets.token_urlsafe(24)
    make_login(url, name, password=made, group=GROUPS[process])
    if not password:
        print(made)


def broker_files(
    directory: Annotated[Path, typer.Argument(help="Where to write mosquitto.conf, acl and passwords.")],
    gateways_file: Annotated[
        Path, typer.Option(envvar="MAILLAGE_GATEWAYS_FILE", help="What `maillage network gateways` wrote.")
    ] = Path(".runtime/gateways.json"),
    listen: Annotated[str, typer.Option(help="What the broker's listener line says: port and address.")] = "1883",
    rights_password: Annotated[
        str | None, typer.Option(envvar="MAILLAGE_RIGHTS_MQTT_PASSWORD", help="Of the user rights.")
    ] = None,
) -> None:
    """Write the configuration of a central Mosquitto of yours: its users (gateways, ingest, rights), what each may do.

    The ingest's user and password are those in MAILLAGE_MQTT_URL. When gateways were added or have moved to another
    place, write the files again and send the broker a SIGHUP.

    Example: maillage broker-files /etc/mosquitto/maillage
    """
    from gateway.config import read_gateways
    from gateway.mqtt.address import parse_mqtt_url
    from maillage.broker import passwords_of, where_of, write_central

    broker = parse_mqtt_url(os.environ.get("MAILLAGE_MQTT_URL", ""))
    if broker.username is None or not broker.password:
        raise Complaint("MAILLAGE_MQTT_URL must hold the ingest's user and password: mqtt://ingest:password@host:port.")
    if not rights_password:
        raise Complaint("MAILLAGE_RIGHTS_MQTT_PASSWORD is not set: the broker's user `rights` needs a password.")
    gateways = read_gateways(gateways_file)
    users = passwords_of(gateways)
    processes = {broker.username: broker.password, "rights": rights_password}
    write_central(directory.absolute(), users=processes | users, where=where_of(gateways), listener=listen)
    print(f"{directory}: {len(users)} gateways, {broker.username} and rights")
