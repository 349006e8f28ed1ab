"""SQL about gateways' configurations: what has changed, the versions, those that operators hold gateways at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Final

from rights.fleet import Target
from rights.store import Connection

KEPT: Final = 50
"""Versions of a gateway that are kept, beside the one that it uses and the one that it is held at."""

_DIRTY = """
-- what may have changed since the last look
DELETE FROM configuration_dirty RETURNING place, gateway
"""
_JOINED = """
-- the places with a gateway that has joined
SELECT DISTINCT place FROM gateway WHERE retired_at IS NULL AND revoked_at IS NULL AND sealing_key IS NOT NULL
ORDER BY place
"""
_NEWEST = """
-- the newest version of gateways
SELECT DISTINCT ON (gateway) gateway, version, fingerprint, made_of FROM gateway_configuration
WHERE gateway = ANY(%s::integer[]) ORDER BY gateway, version DESC
"""
_HOLDS = """
-- the versions that operators hold gateways at
SELECT gateway, version, c.body FROM configuration_hold h JOIN gateway_configuration c USING (gateway, version)
WHERE gateway = ANY(%s::integer[])
"""
_BODY = """
-- one version
SELECT body FROM gateway_configuration WHERE gateway = %s AND version = %s
"""
_WRITE = """
-- new versions
INSERT INTO gateway_configuration (gateway, place, version, body, fingerprint, made_of, back_to)
SELECT * FROM unnest(%b::integer[], %b::integer[], %b::integer[], %b::text[], %b::text[], %b::text[], %b::integer[])
"""
_PRUNE = """
-- versions that nobody will go back to
DELETE FROM gateway_configuration c
WHERE c.gateway = ANY(%(gateways)s::integer[])
  AND c.version <= (
    SELECT n.version FROM gateway_configuration n WHERE n.gateway = c.gateway
    ORDER BY n.version DESC OFFSET %(kept)s LIMIT 1)
  AND NOT EXISTS (SELECT FROM configuration_hold h WHERE (h.gateway, h.version) = (c.gateway, c.version))
  AND NOT EXISTS (SELECT FROM gateway_state s WHERE (s.gateway, s.config_version) = (c.gateway, c.version))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The newest version of a gateway."""

    target: Target
    made_of: str


@dataclass(frozen=True, slots=True, kw_only=True)
class New:
    """A version to be written."""

    gateway: int
    place: int
    version: int
    body: str
    fingerprint: str
    made_of: str
    back_to: int | None


def joined(connection: Connection) -> list[int]:
    """Return the places with a gateway that has joined."""
    return [place for (place,) in connection.execute(_JOINED)]


def take_dirty(connection: Connection) -> tuple[set[int], set[int]]:
    """Take what may have changed: places, and gateways that get a new version in any case."""
    found = connection.execute(_DIRTY).fetchall()
    return {place for place, _ in found}, {gateway for _, gateway in found if gateway is not None}


def newest(connection: Connection, ids: Sequence[int]) -> dict[int, Stored]:
    """Return the newest version of each of these gateways that has one."""
    return {
        gateway: Stored(target=Target(version=version, fingerprint=fingerprint), made_of=made_of)
        for gateway, version, fingerprint, made_of in connection.execute(_NEWEST, (list(ids),))
    }


def holds(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[int, str]]:
    """Return the version, and its body, that each of these gateways is held at."""
    return {gateway: (version, body) for gateway, version, body in connection.execute(_HOLDS, (list(ids),))}


def body(connection: Connection, gateway: int, version: int) -> str | None:
    """Return the body of a version."""
    row = connection.execute(_BODY, (gateway, version)).fetchone()
    return None if row is None else str(row[0])


def write(connection: Connection, fresh: Sequence[New]) -> None:
    """Write new versions, and drop those that are too old."""
    if fresh:
        columns = zip(*map(astuple, fresh), strict=True)
        connection.execute(_WRITE, [list(column) for column in columns])
        connection.execute(_PRUNE, {"gateways": [one.gateway for one in fresh], "kept": KEPT})
