"""API keys: their SQL, their rules and their shape in requests and answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Self

from psycopg.rows import DictRow
from pydantic import Field, model_validator

from api.http.models import Answer, Body, Code, Moment, Name, Ref, time_of
from api.http.roles import Role

_KEYS: Final = """
SELECT k.id, k.name, k.role, k.scopes, k.created_at, k.expires_at, k.revoked_at, k.last_used_at, k.member, k.operator,
       k.made_by,
       (SELECT g.code::text FROM gateway g WHERE g.id = k.gateway) AS gateway,
       CASE WHEN k.places IS NOT NULL THEN
         ARRAY(SELECT p.code::text FROM place p WHERE p.id = ANY(k.places) ORDER BY p.code)
       END AS places
FROM api_key k
"""
# Every key, newest first.
ALL: Final = _KEYS + "ORDER BY k.id DESC"
# The keys that the caller could have created, without browsers' sessions, newest first; or the one with this number.
FIND: Final = (
    _KEYS
    + """
WHERE (%(id)s::integer IS NULL OR k.id = %(id)s)
  AND caller_makes_key(k.role, k.scopes, k.places, k.member, k.gateway)
  AND NOT EXISTS (SELECT FROM sign_in_session s WHERE s.key = k.id)
ORDER BY k.id DESC LIMIT 5000
"""
)
INSERT: Final = """
INSERT INTO api_key (name, digest, scopes, places, expires_at, role, member, gateway, operator)
VALUES (%(name)s, %(digest)s, %(scopes)s, %(places)s, %(expires_at)s, %(role)s, %(member)s, %(gateway)s, %(operator)s)
RETURNING id
"""
REVOKE: Final = "UPDATE api_key SET revoked_at = now() WHERE id = %(id)s AND revoked_at IS NULL RETURNING id"
PLACES: Final = "SELECT code::text AS code, id FROM place WHERE code = ANY(%(codes)s)"
GATEWAY: Final = "SELECT id FROM gateway WHERE code = %(code)s AND retired_at IS NULL"


def check_holder(role: Role, places: Sequence[str] | None, member: str | None, gateway: str | None) -> None:
    """Check that a key of ``role`` names what belongs to it.

    Raises:
        ValueError: it names a member, a gateway or places that its role doesn't have, or lacks one.
    """
    if (role == "member") != (member is not None) or (role == "gateway") != (gateway is not None):
        raise ValueError("a member's key names its member, a gateway's its gateway, and no other key does")
    if places is not None and role in ("network_administrator", "member", "gateway"):
        raise ValueError(f"the role {role} isn't bound to places; for an administrator of some places: place_manager")


class KeyMade(Body):
    """A new key. Name it by its purpose: the audit keeps its name for ever."""

    name: Name
    role: Role
    places: list[Code] | None = Field(default=None, min_length=1, max_length=2000, description="null: all.")
    member: Ref | None = Field(default=None, description="With the role `member`: whose own key it is.")
    gateway: Code | None = Field(default=None, description="With the role `gateway`: the gateway's code.")
    operator: Ref | None = Field(default=None, description="Whose own key it is; they must have the role.")
    expires_at: Moment | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        check_holder(self.role, self.places, self.member, self.gateway)
        return self


class Key(Answer):
    """A key without its secret."""

    id: int
    name: str
    role: Role | None
    scopes: list[str] = Field(description="Of keys without a role.")
    places: list[str] | None
    member: str | None
    gateway: str | None
    operator: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    made_by: int | None = Field(description="The key that created it, with which it ends; null: the database's owner.")


class NewKey(Key):
    """A key that was just created."""

    key: str = Field(description="Shown only once; only its hash is stored.")


class KeyList(Answer):
    """The keys that the caller could have created, newest first."""

    keys: list[Key]


def key_json(row: DictRow) -> dict[str, Any]:
    """Format a row of ``FIND`` or ``ALL`` for an answer."""
    kept = ("id", "name", "role", "scopes", "places", "member", "gateway", "operator", "made_by")
    times = ("created_at", "expires_at", "revoked_at", "last_used_at")
    return {**{name: row[name] for name in kept}, **{name: time_of(row[name]) for name in times}}
