"""For operators with servers of their own: the processes' database users."""

from __future__ import annotations

import secrets
from typing import Annotated

import typer

from maillage.commands.owner import database_url
from maillage.complaint import Complaint


def add_to(app: typer.Typer) -> None:
    """Add this command to ``app``."""
    app.command(short_help="Make a database user for a process.")(login)


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
