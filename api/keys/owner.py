"""API keys: made, listed and revoked by an operator (``maillage key …``), held only as digests."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from psycopg.rows import class_row

from api.http.errors import KeyInvalid
from api.http.roles import ROLES
from database.pool import Connection

SCOPES: Final = ("events:read", "access:manage", "admin")
PREFIX: Final = "mk_"
_RANDOM_BYTES: Final = 32

_INSERT: Final = """
INSERT INTO api_key (name, digest, scopes, places, expires_at, role, member, gateway)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""
_PLACES: Final = "SELECT code, id FROM place WHERE code = ANY(%s)"
_MEMBER: Final = "SELECT ref FROM member WHERE ref = %s"
_GATEWAY: Final = "SELECT id FROM gateway WHERE code = %s AND retired_at IS NULL"
# Every key with its places' codes, the newest first; never a digest.
_LIST: Final = """
SELECT k.id, k.name, k.role, k.scopes, k.created_at, k.expires_at, k.revoked_at, k.last_used_at, k.member,
       (SELECT g.code::text FROM gateway g WHERE g.id = k.gateway) AS gateway,
       CASE WHEN k.places IS NOT NULL THEN
         coalesce((SELECT array_agg(p.code::text ORDER BY p.code) FROM place p WHERE p.id = ANY(k.places)), '{}')
       END AS places
FROM api_key k ORDER BY k.id DESC
"""
_REVOKE: Final = "UPDATE api_key SET revoked_at = now() WHERE id = %s AND revoked_at IS NULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """What may be told of a key."""

    id: int
    name: str
    role: str | None
    scopes: list[str]
    places: list[str] | None
    """Codes of the only places that it may see; None: the whole network."""
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    member: str | None
    """Whose own key it is."""
    gateway: str | None
    """Code of the gateway whose key it is."""


def digest_of(key: str) -> bytes:
    """SHA-256 of a key: it has 256 random bits, so that a slow hash would add nothing."""
    return sha256(key.encode()).digest()


def random_key() -> str:
    """A key that nobody has."""
    return PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def create_key(
    conn: Connection,
    name: str,
    scopes: Sequence[str] = (),
    *,
    role: str | None = None,
    places: Sequence[str] | None = None,
    member: str | None = None,
    gateway: str | None = None,
    expires_at: datetime | None = None,
) -> str:
    """Create a key and return it: it is shown this once. ``places`` and ``gateway`` are codes; the caller commits.

    A key has a role (``api.http.roles``) or bare scopes. A member's key names its ``member``, a gateway's its
    ``gateway``.

    Raises:
        KeyInvalid: no name, no or unknown scopes, a role without what belongs to it, an unknown place, an end that has
            passed or has no zone.
    """
    if not name.strip():
        raise KeyInvalid("A key needs a name that tells who uses it.")
    _check_rights(scopes, role, places, member, gateway)
    if expires_at is not None and (expires_at.tzinfo is None or expires_at <= datetime.now(UTC)):
        raise KeyInvalid("A key must end in the future, at a time with its zone.")
    if member is not None and conn.execute(_MEMBER, (member,)).fetchone() is None:
        raise KeyInvalid(f"No such member: {member}.")
    key = random_key()
    values = (role, member, _gateway(conn, gateway))
    conn.execute(
        _INSERT, (name.strip(), digest_of(key), sorted(set(scopes)), _places(conn, places), expires_at, *values)
    )
    return key


def _check_rights(
    scopes: Sequence[str], role: str | None, places: Sequence[str] | None, member: str | None, gateway: str | None
) -> None:
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not (scopes or role):
        raise KeyInvalid(f"Unknown scope {', '.join(unknown) or '(none given)'}. There are: {', '.join(SCOPES)}.")
    if role is None:
        if member is not None or gateway is not None:
            raise KeyInvalid("Only a key with the role member or gateway names one.")
        return
    if role not in ROLES:
        raise KeyInvalid(f"Unknown role {role}. There are: {', '.join(ROLES)}.")
    if scopes:
        raise KeyInvalid("A key has a role or scopes, not both.")
    if (role == "member") != (member is not None) or (role == "gateway") != (gateway is not None):
        raise KeyInvalid("A member's key names its member, a gateway's its gateway, and no other key does.")
    if places is not None and role in {"network_administrator", "member", "gateway"}:
        raise KeyInvalid(f"The role {role} isn't bound to places; for an administrator of some places: place_manager.")


def _places(conn: Connection, places: Sequence[str] | None) -> list[int] | None:
    if places is None:
        return None
    known: dict[str, int] = dict(conn.execute(_PLACES, (list(places),)).fetchall())
    strangers = sorted(set(places) - set(known))
    if strangers or not places:
        raise KeyInvalid(f"No such place: {', '.join(strangers) or '(none given)'}.")
    return sorted(known.values())


def _gateway(conn: Connection, code: str | None) -> int | None:
    if code is None:
        return None
    row = conn.execute(_GATEWAY, (code,)).fetchone()
    if row is None:
        raise KeyInvalid(f"No such gateway in service: {code}.")
    number: int = row[0]
    return number


def list_keys(conn: Connection) -> list[ApiKey]:
    """Every key, the newest first."""
    with conn.cursor(row_factory=class_row(ApiKey)) as cursor:
        return cursor.execute(_LIST).fetchall()


def revoke_key(conn: Connection, key_id: int) -> bool:
    """Revoke a key; False: there is none such, or it has ended already. The caller commits.

    An API that has just seen the key believes it for up to 10 s more.
    """
    return conn.execute(_REVOKE, (key_id,)).rowcount == 1
