"""API keys, created, listed and revoked by the owner of the database (``maillage key …``)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from psycopg.rows import dict_row

from api.http.errors import KeyInvalid
from api.http.key_text import digest_of, random_key
from api.http.roles import OF_SCOPES, ROLES
from api.keys.keys import ALL, GATEWAY, INSERT, PLACES, REVOKE, Key, check_holder
from database.pool import Connection

_OPERATOR: Final = "SELECT FROM operator_places(%s, %s)"
_MEMBER: Final = "SELECT ref FROM member WHERE ref = %s"


def create_key(
    conn: Connection,
    name: str,
    scopes: Sequence[str] = (),
    *,
    role: str | None = None,
    places: Sequence[str] | None = None,
    member: str | None = None,
    gateway: str | None = None,
    operator: str | None = None,
    expires_at: datetime | None = None,
) -> str:
    """Create a key and return it; it is shown only once. ``places`` and ``gateway`` are codes; the caller commits.

    A key has a role (``api.http.roles``) or bare scopes. A member's key names its ``member``, a gateway's its
    ``gateway``; with ``operator`` (``u-…``) it is that person's own.

    Raises:
        KeyInvalid: no name, no or unknown scopes, a role without what belongs to it, an unknown place, an end that has
            passed or has no zone.
    """
    if not name.strip():
        raise KeyInvalid("A key needs a name that says who uses it.")
    _check_rights(scopes, role, places, member, gateway)
    if expires_at is not None and (expires_at.tzinfo is None or expires_at <= datetime.now(UTC)):
        raise KeyInvalid("A key must end in the future, at a time with its zone.")
    if member is not None and conn.execute(_MEMBER, (member,)).fetchone() is None:
        raise KeyInvalid(f"No such member: {member}.")
    if operator is not None and conn.execute(_OPERATOR, (operator, role)).fetchone() is None:
        raise KeyInvalid(f"No such operator with the role {role}: {operator}.")
    key = random_key()
    values = {
        "name": name.strip(),
        "digest": digest_of(key),
        "scopes": sorted(set(scopes)),
        "places": _places(conn, places),
        "expires_at": expires_at,
        "role": role,
        "member": member,
        "gateway": _gateway(conn, gateway),
        "operator": operator,
    }
    conn.execute(INSERT, values)
    return key


def _check_rights(
    scopes: Sequence[str], role: str | None, places: Sequence[str] | None, member: str | None, gateway: str | None
) -> None:
    unknown = sorted(set(scopes) - OF_SCOPES.keys())
    if unknown or not (scopes or role):
        raise KeyInvalid(f"Unknown scope {', '.join(unknown) or '(none given)'}. There are: {', '.join(OF_SCOPES)}.")
    if role is None:
        if member is not None or gateway is not None:
            raise KeyInvalid("Only a key with the role member or gateway names one.")
        return
    if role not in ROLES:
        raise KeyInvalid(f"Unknown role {role}. There are: {', '.join(ROLES)}.")
    if scopes:
        raise KeyInvalid("A key has a role or scopes, not both.")
    try:
        check_holder(role, places, member, gateway)
    except ValueError as error:
        text = str(error)
        raise KeyInvalid(f"{text[0].upper()}{text[1:]}.") from None


def _places(conn: Connection, places: Sequence[str] | None) -> list[int] | None:
    if places is None:
        return None
    known: dict[str, int] = dict(conn.execute(PLACES, {"codes": list(places)}).fetchall())
    unknown = sorted(set(places) - set(known))
    if unknown or not places:
        raise KeyInvalid(f"No such place: {', '.join(unknown) or '(none given)'}.")
    return sorted(known.values())


def _gateway(conn: Connection, code: str | None) -> int | None:
    if code is None:
        return None
    row = conn.execute(GATEWAY, {"code": code}).fetchone()
    if row is None:
        raise KeyInvalid(f"No such gateway in service: {code}.")
    number: int = row[0]
    return number


def list_keys(conn: Connection) -> list[Key]:
    """Every key, newest first."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return [Key(**row) for row in cursor.execute(ALL).fetchall()]


def revoke_key(conn: Connection, key_id: int) -> bool:
    """Revoke a key; False: it doesn't exist or has already ended. The caller commits.

    An API that has just seen the key accepts it for up to 10 s more.
    """
    return conn.execute(REVOKE, {"id": key_id}).rowcount == 1
