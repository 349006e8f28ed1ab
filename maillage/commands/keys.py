"""API keys: the key is shown once, when it is made; only its hash is kept."""

from __future__ import annotations

import os
from typing import Annotated, Any, Final

import typer

from maillage.complaint import Complaint

app = typer.Typer(help="API keys and their scopes.", no_args_is_help=True)

_LIST: Final = """
-- the keys, never their hashes
SELECT id, name, array_to_string(scopes, ','), created_at::timestamp(0),
       CASE WHEN revoked_at IS NOT NULL THEN 'revoked' WHEN expires_at < now() THEN 'expired' ELSE 'works' END,
       last_used_at::timestamp(0)
FROM api_key ORDER BY id
"""
_REVOKE: Final = """
-- make a key useless
UPDATE api_key SET revoked_at = now() WHERE id = %s AND revoked_at IS NULL
"""


def connect() -> Any:
    """Open the database that the settings name, as its owner."""
    url = os.environ.get("MAILLAGE_DATABASE_URL")
    if not url:
        raise Complaint("MAILLAGE_DATABASE_URL is not set. Set it to postgresql://user:password@host:port/name.")
    from database.pool import connect as open_connection

    return open_connection(url, application_name="maillage key")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Who or what will use it.")],
    scope: Annotated[list[str], typer.Option(help="events:read, access:manage or admin; may be repeated.")],
) -> None:
    """Make a key and print it, once."""
    from api.keys import create_key

    with connect() as connection:
        print(create_key(connection, name, scope))


@app.command("list")
def list_keys() -> None:
    """Show the keys: name, scopes, last use. Never the keys themselves."""
    with connect() as connection:
        rows = connection.execute(_LIST).fetchall()
    print(f"{'number':>6}  {'state':8}{'scopes':32}{'made (UTC)':21}{'last used (UTC)':21}name")
    for number, name, scopes, made, state, used in rows:
        print(f"{number:>6}  {state:8}{scopes:32}{made!s:21}{'never' if used is None else used!s:21}{name}")


@app.command()
def revoke(number: Annotated[int, typer.Argument(help="The key's number, as `maillage key list` shows it.")]) -> None:
    """Make a key useless, at once and for good."""
    with connect() as connection:
        done = connection.execute(_REVOKE, (number,)).rowcount
    if not done:
        raise Complaint(f"there is no key {number} that works. `maillage key list` shows them.")
    print(f"key {number} is revoked.")
