"""API keys: made, listed and revoked by an operator (``maillage key …``), held only as digests."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from psycopg.rows import class_row

from api.errors import KeyInvalid
from database.pool import Connection

SCOPES: Final = ("events:read", "access:manage", "admin")
PREFIX: Final = "mk_"
_RANDOM_BYTES: Final = 32

_INSERT: Final = """
INSERT INTO api_key (name, digest, scopes, places, expires_at) VALUES (%s, %s, %s, %s, %s)
"""
_PLACES: Final = "SELECT code, id FROM place WHERE code = ANY(%s)"
# Every key with its places' codes, the newest first; never a digest.
_LIST: Final = """
SELECT k.id, k.name, k.scopes, k.created_at, k.expires_at, k.revoked_at, k.last_used_at,
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
    scopes: list[str]
    places: list[str] | None
    """Codes of the only places that it may see; None: the whole network."""
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


def digest_of(key: str) -> bytes:
    """SHA-256 of a key: it has 256 random bits, so that a slow hash would add nothing."""
    return sha256(key.encode()).digest()


def create_key(
    conn: Connection,
    name: str,
    scopes: Sequence[str],
    *,
    places: Sequence[str] | None = None,
    expires_at: datetime | None = None,
) -> str:
    """Make a key and return it: it is shown this once. ``places`` are codes; the caller commits.

    Raises:
        KeyInvalid: no name, no or unknown scopes, an unknown place, an end that has passed or has no zone.
    """
    if not name.strip():
        raise KeyInvalid("A key needs a name that tells who uses it.")
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise KeyInvalid(f"Unknown scope {', '.join(unknown) or '(none given)'}. There are: {', '.join(SCOPES)}.")
    if expires_at is not None and (expires_at.tzinfo is None or expires_at <= datetime.now(UTC)):
        raise KeyInvalid("A key must end in the future, at a time with its zone.")
    ids: list[int] | None = None
    if places is not None:
        known: dict[str, int] = dict(conn.execute(_PLACES, (list(places),)).fetchall())
        strangers = sorted(set(places) - set(known))
        if strangers or not places:
            raise KeyInvalid(f"No such place: {', '.join(strangers) or '(none given)'}.")
        ids = sorted(known.values())
    key = PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
    conn.execute(_INSERT, (name.strip(), digest_of(key), sorted(set(scopes)), ids, expires_at))
    return key


def list_keys(conn: Connection) -> list[ApiKey]:
    """Every key, the newest first."""
    with conn.cursor(row_factory=class_row(ApiKey)) as cursor:
        return cursor.execute(_LIST).fetchall()


def revoke_key(conn: Connection, key_id: int) -> bool:
    """End a key; False: there is none such, or it has ended already. The caller commits.

    An API that has just seen the key believes it for up to 10 s more.
    """
    return conn.execute(_REVOKE, (key_id,)).rowcount == 1
