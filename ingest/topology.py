"""Reads the network's topology from the database."""

from __future__ import annotations

from typing import Any

import psycopg

from occupancy.topology import Device, Gateway, Space, Topology

_BASE = """
-- which tables these are: a restore makes them anew, under other numbers
SELECT coalesce(to_regclass('stream')::oid::bigint, 0)
"""

_SPACES = """
-- every space with its place
SELECT id, place, parent, capacity, retired_at IS NOT NULL FROM space
"""

_ZONES = """
-- every place's time zone
SELECT id, time_zone FROM place
"""

_GATEWAYS = """
-- every gateway in service, not shut out, with its place's code and shard
SELECT g.id, g.code, g.place, p.code, p.shard FROM gateway g JOIN place p ON p.id = g.place
WHERE g.retired_at IS NULL AND g.revoked_at IS NULL
"""

_DEVICES = """
-- every device with where it senses and where its door leads; of those with one code the one in service last
SELECT d.id, d.gateway, d.code, d.kind, d.space, d.desk IS NOT NULL, d.side, d.door, o.code,
       o.from_space, o.to_space, (extract(epoch FROM d.expect_every) * 1000000)::bigint,
       d.retired_at IS NOT NULL
FROM device d LEFT JOIN door o ON o.id = d.door
ORDER BY d.retired_at NULLS LAST, d.id
"""


def load(connection: psycopg.Connection[Any]) -> Topology:
    """Return the whole network's topology as it is now."""
    row = connection.execute(_BASE).fetchone()
    base: int = row[0] if row is not None else 0
    spaces = [
        Space(id=i, place=place, parent=parent, capacity=capacity, retired=retired)
        for i, place, parent, capacity, retired in connection.execute(_SPACES)
    ]
    gateways = [
        Gateway(id=i, code=code, place=place, place_code=place_code, shard=shard)
        for i, code, place, place_code, shard in connection.execute(_GATEWAYS)
    ]
    devices = [
        (
            gateway,
            code,
            Device(
                id=i, kind=kind, space=space, at_desk=desk, side=side, door=door, door_code=door_code,
                door_from=door_from, door_to=door_to, expect_every=expect_every, retired=retired,
            ),
        )
        for i, gateway, code, kind, space, desk, side, door, door_code, door_from, door_to, expect_every, retired
        in connection.execute(_DEVICES)
    ]  # fmt: skip
    zones = dict(connection.execute(_ZONES).fetchall())
    return Topology.build(gateways, spaces, devices, zones, base=base)
