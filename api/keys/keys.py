"""API keys over HTTP: made and ended by who may, shown once, never told again."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Self

from psycopg.rows import DictRow
from pydantic import Field, model_validator

from api.http.models import Answer, Body, Code, Moment, Name, Ref, time_of
from api.http.roles import Role

# The keys that the caller could have made, the newest first; one of them by its number.
FIND: Final = """
SELECT k.id, k.name, k.role, k.scopes, k.created_at, k.expires_at, k.revoked_at, k.last_used_at, k.member, k.made_by,
       (SELECT g.code::text FROM gateway g WHERE g.id = k.gateway) AS gateway,
       CASE WHEN k.places IS NOT NULL THEN
         ARRAY(SELECT p.code::text FROM place p WHERE p.id = ANY(k.places) ORDER BY p.code)
       END AS places, 0 AS revision
FROM api_key k
WHERE (%(id)s::integer IS NULL OR k.id = %(id)s)
  AND caller_makes_key(k.role, k.scopes, k.places, k.member, k.gateway)
ORDER BY k.id DESC LIMIT 5000
"""
INSERT: Final = """
INSERT INTO api_key (name, digest, scopes, places, expires_at, role, member, gateway)
VALUES (%(name)s, %(digest)s, '{}', %(places)s, %(expires_at)s, %(role)s, %(member)s, %(gateway)s) RETURNING id
"""
REVOKE: Final = "UPDATE api_key SET revoked_at = coalesce(revoked_at, now()) WHERE id = %(id)s RETURNING id"
PLACES: Final = "SELECT code::text AS code, id FROM place WHERE code = ANY(%(codes)s)"
GATEWAY: Final = "SELECT id FROM gateway WHERE code = %(code)s AND retired_at IS NULL"


class KeyMade(Body):
    """A new key. Name it by what it is for: the audit keeps its name for good."""

    name: Name
    role: Role
    places: list[Code] | None = Field(default=None, min_length=1, max_length=2000, description="null: all.")
    member: Ref | None = Field(default=None, description="Of the role `member`: whose own key it is.")
    gateway: Code | None = Field(default=None, description="Of the role `gateway`: its code.")
    expires_at: Moment | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.role == "member") != (self.member is not None):
            raise ValueError("a key of the role member names its member, and no other key does")
        if (self.role == "gateway") != (self.gateway is not None):
            raise ValueError("a key of the role gateway names its gateway, and no other key does")
        if self.places is not None and self.role in ("network_administrator", "member", "gateway"):
            raise ValueError(f"the role {self.role} isn't bound to places; an administrator of some is a place_manager")
        return self


class Key(Answer):
    """What may be told of a key."""

    id: int
    name: str
    role: Role | None
    scopes: list[str] = Field(description="Of old keys without a role.")
    places: list[str] | None
    member: str | None
    gateway: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    made_by: int | None = Field(description="The key that made it, with which it ends; null: the database's owner did.")


class NewKey(Key):
    """A key that was just made."""

    key: str = Field(description="Shown this once; only its hash is kept.")


class KeysTold(Answer):
    """The keys that the caller could have made, the newest first."""

    keys: list[Key]


def key_json(row: DictRow) -> dict[str, Any]:
    """A row of ``FIND`` as it is told."""
    kept = ("id", "name", "role", "scopes", "places", "member", "gateway", "made_by")
    times = ("created_at", "expires_at", "revoked_at", "last_used_at")
    return {**{name: row[name] for name in kept}, **{name: time_of(row[name]) for name in times}}
