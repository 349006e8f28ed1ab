"""The gateways in service, what they hold, and what the operator is told of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.wire import Address
from rights.store import Connection

_GATEWAYS = """
-- every gateway in service with its place's code and shard
SELECT g.id, g.code, g.place, p.code, p.shard FROM gateway g JOIN place p ON p.id = g.place WHERE g.retired_at IS NULL
"""
_DIGESTS = """
-- the digests of all entries in force at a place
SELECT encode(token, 'hex'), digest FROM list_entry WHERE until IS NULL AND place = %b
"""
_HELD = """
-- what gateways say that they hold; rows that the ingest writes just now are left to it
WITH free AS (
  SELECT gateway FROM gateway_state WHERE gateway = ANY(%(gateways)s::integer[]) ORDER BY gateway FOR UPDATE SKIP LOCKED
)
UPDATE gateway_state s SET list_version = h.version, list_fingerprint = h.fingerprint
FROM unnest(%(gateways)s::integer[], %(versions)s::integer[], %(fingerprints)s::text[])
  AS h (gateway, version, fingerprint)
JOIN free USING (gateway)
WHERE s.gateway = h.gateway AND (s.list_version, s.list_fingerprint) IS DISTINCT FROM (h.version, h.fingerprint)
"""
_ALARM = """
-- tell the operator, once an hour for the same thing
INSERT INTO alarm (kind, place, gateway, text, detail)
SELECT %(kind)s, %(place)s, %(gateway)s, %(text)s, %(detail)s::jsonb
WHERE NOT EXISTS (
  SELECT FROM alarm WHERE kind = %(kind)s AND gateway IS NOT DISTINCT FROM %(gateway)s::integer
    AND place IS NOT DISTINCT FROM %(place)s::integer AND text = %(text)s AND raised_at > now() - interval '1 hour'
)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A gateway in service."""

    id: int
    code: str
    place: int
    address: Address


def gateways(connection: Connection) -> list[Gateway]:
    """Return every gateway in service."""
    return [
        Gateway(id=number, code=code, place=place, address=Address(shard=shard, place=place_code, gateway=code))
        for number, code, place, place_code, shard in connection.execute(_GATEWAYS)
    ]


def raise_alarm(
    connection: Connection, *, kind: str, place: int, gateway: int | None, text: str, detail: str = "{}"
) -> None:
    """Tell the operator, once an hour for the same thing; ``detail`` is JSON."""
    values = {"kind": kind, "place": place, "gateway": gateway, "text": text, "detail": detail}
    connection.execute(_ALARM, values)


def held(connection: Connection, said: Mapping[int, tuple[int | None, str | None]]) -> None:
    """Keep which version, with which fingerprint, gateways (by id) say that they hold."""
    if said:
        versions, fingerprints = zip(*said.values(), strict=True)
        values = {"gateways": list(said), "versions": list(versions), "fingerprints": list(fingerprints)}
        connection.execute(_HELD, values)


def digests(connection: Connection, place: int) -> dict[str, bytes]:
    """Return the digest of each entry in force at ``place``, by token."""
    return dict(connection.execute(_DIGESTS, (place,)).fetchall())
