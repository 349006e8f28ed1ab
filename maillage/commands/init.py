"""A new network: its secrets, its database users, its authority."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from maillage.commands.owner import database_url


def add_to(app: typer.Typer) -> None:
    """Add this command to ``app``."""
    app.command(short_help="Found a new network: every secret and setting that its processes need.")(init)


def init(
    folder: Annotated[Path, typer.Argument(help="Where settings and secrets go.")] = Path("/etc/maillage"),
) -> None:
    """Found a new network in an empty database: schema, database users, secrets, the network's certificate authority.

    Each process gets a file of settings of its own, readable by you only. No secret is printed or logged. What exists
    is kept, so it may run again. Settings: MAILLAGE_DATABASE_URL (as the owner of the database).

    Example: maillage init /etc/maillage
    """
    url = database_url()
    from maillage.network.founding import Founding, found

    found(Founding(folder=folder.absolute(), database_url=url), say=lambda line: print(line, file=sys.stderr))
