"""API keys: the key is shown once, when it is made; only its hash is kept."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from maillage.commands.owner import connect
from maillage.complaint import Complaint

app = typer.Typer(help="API keys and their roles.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Who or what will use it.")],
    *,
    role: Annotated[
        str | None,
        typer.Option(
            help="network_administrator, place_manager, front_desk, auditor, availability_reader (where neither a role "
            "nor a scope is given: it sees what is public), member or gateway."
        ),
    ] = None,
    place: Annotated[list[str] | None, typer.Option(help="Code of a place; may be repeated. Else all places.")] = None,
    member: Annotated[str | None, typer.Option(help="With --role member: whose own key it is (m-…).")] = None,
    gateway: Annotated[str | None, typer.Option(help="With --role gateway: its code.")] = None,
    operator: Annotated[str | None, typer.Option(help="The operator whose own key it is (u-…).")] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(help="Instead of a role: events:read (people's events too), access:manage or admin; repeatable."),
    ] = None,
    expires: Annotated[datetime | None, typer.Option(help="When it ends, UTC, like 2027-01-31.")] = None,
) -> None:
    """Make a key and print it, once. Name it by what it is for: the audit keeps its name for good.

    What the key may do, and where, is printed on standard error. Without a role and a scope it reads what is public.
    Settings: MAILLAGE_DATABASE_URL (as the owner of the database).

    Example: maillage key create "Front desk" --role place_manager --place citels
    """
    from api.http.roles import PERMISSIONS, permissions_of
    from api.keys.owner import create_key

    until = expires.replace(tzinfo=UTC) if expires else None
    if not scope:
        role = role or "availability_reader"
    with connect("key create") as connection:
        key = create_key(
            connection,
            name,
            scope or [],
            role=role,
            places=place,
            member=member,
            gateway=gateway,
            operator=operator,
            expires_at=until,
        )
    held = permissions_of(role, scope or (), bound=place is not None)
    may = ", ".join(one for one in PERMISSIONS if one in held) or "nothing but what is public"
    print(f"This key may: {may}. Places: {', '.join(place) if place else 'all'}.", file=sys.stderr)
    print(key)


@app.command("list")
def show() -> None:
    """Show the keys: number, state, role or scopes, last use, name. Never the keys themselves.

    Example: maillage key list
    """
    from api.keys.owner import list_keys

    with connect("key list") as connection:
        keys = list_keys(connection)
    if not keys:
        print("There is no key yet. `maillage key create NAME` makes one.")
        return
    now = datetime.now(UTC)
    print(f"{'number':>6}  {'state':9}{'role or scopes':28}{'places':>7}  {'last used (UTC)':18}name")
    for key in keys:
        ended = "revoked" if key.revoked_at else "expired" if key.expires_at and key.expires_at <= now else "works"
        places = "all" if key.places is None else str(len(key.places))
        used = f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never"
        what = " ".join(filter(None, (key.role, key.member, key.gateway, ",".join(key.scopes))))
        print(f"{key.id:>6}  {ended:9}{what:28}{places:>7}  {used:18}{key.name}")


@app.command(short_help="End a key for good.")
def revoke(number: Annotated[int, typer.Argument(help="The key's number, as `maillage key list` shows it.")]) -> None:
    """Make a key useless for good; an API that has just seen it believes it for up to 10 s more.

    Example: maillage key revoke 7
    """
    from api.keys.owner import revoke_key

    with connect("key revoke") as connection:
        done = revoke_key(connection, number)
    if not done:
        raise Complaint(f"there is no key {number} that works; `maillage key list` shows them.")
    print(f"Key {number} is revoked.")
