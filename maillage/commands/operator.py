"""Operators: an invitation for who administers the network, printed once."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from maillage.commands.owner import connect
from maillage.complaint import Complaint
from maillage.pages_address import pages_address

app = typer.Typer(help="People who manage: invite an administrator.", no_args_is_help=True)


@app.callback()
def _people() -> None:
    """Keep `invite` a word of its own, though it is the only command."""


@app.command(short_help="Print a link that makes an administrator, or signs one in.")
def invite(
    address: Annotated[str, typer.Argument(help="Their e-mail address.")],
    *,
    public_url: Annotated[
        str | None,
        typer.Option(envvar="MAILLAGE_PUBLIC_URL", help="Where the pages are, like https://maillage.example.org."),
    ] = None,
) -> None:
    """Print a link that works once, within 24 hours, and is as good as a key until then.

    Who opens it becomes administrator of the network under this address. An operator who has the address already is
    signed in, with the roles that they have: a way in where no mail comes. Settings: MAILLAGE_DATABASE_URL (as the
    owner of the database).

    Example: maillage operator invite ada@example.org --public-url https://maillage.example.org
    """
    if address.count("@") != 1 or any(one.isspace() for one in address) or len(address) > 320:
        raise Complaint(f"{address!r} is no e-mail address.")
    from api.sign_in.owner import path_to_administer

    with connect("operator invite") as connection:
        path = path_to_administer(connection, address)
    print("This link works once, within 24 hours:", file=sys.stderr)
    print(f"{pages_address(public_url)}{path}")
