"""Reads from the database what gateways must know of their places: doors and devices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from gateway.contract.wire import Address
from rights.configuring import Layout
from rights.fleet import Gateway
from rights.store import Connection

_GATEWAYS = """
-- the gateways in service, of some places or of all
SELECT g.id, g.code, p.id, p.code, p.shard, p.time_zone, CASE WHEN g.revoked_at IS NULL THEN g.sealing_key END
FROM gateway g JOIN place p ON p.id = g.place
WHERE g.retired_at IS NULL AND (%(codes)s::text[] IS NULL OR p.code = ANY(%(codes)s))
  AND (%(places)s::integer[] IS NULL OR p.id = ANY(%(places)s))
  AND (NOT %(joined)s::boolean OR (g.sealing_key IS NOT NULL AND g.revoked_at IS NULL))
ORDER BY g.code
"""
_DEVICES = """
-- their devices in service
SELECT d.gateway, d.code, d.kind, d.driver, d.model, d.address, o.code, d.side, d.uid_reversed, d.bits, d.inverted,
  extract(epoch FROM d.expect_every)::integer, s.code, k.code
FROM device d LEFT JOIN door o ON o.id = d.door LEFT JOIN space s ON s.id = d.space LEFT JOIN desk k ON k.id = d.desk
WHERE d.gateway = ANY(%s::integer[]) AND d.retired_at IS NULL
ORDER BY d.gateway, d.id
"""
_DOORS = """
-- the doors in service that they have a device at, with what they join
SELECT DISTINCT d.gateway, o.id, o.code, o.unlock_s, o.held_after_s, f.code, t.code
FROM device d JOIN door o ON o.id = d.door JOIN space t ON t.id = o.to_space LEFT JOIN space f ON f.id = o.from_space
WHERE d.gateway = ANY(%s::integer[]) AND d.retired_at IS NULL AND o.retired_at IS NULL
ORDER BY d.gateway, o.id
"""
_DEVICE: Final = (
    *("code", "kind", "driver", "model", "address", "door", "side", "uid_reversed", "bits", "inverted"),
    *("expect_every_s", "space", "desk"),
)
_DOOR: Final = ("code", "unlock_s", "held_after_s", "from_space", "to_space")


def layouts(
    connection: Connection,
    *,
    codes: Sequence[str] | None = None,
    places: Sequence[int] | None = None,
    joined: bool = False,
) -> list[Layout]:
    """Return the layouts of the gateways in service, in the order of their codes.

    Args:
        codes: only these places'.
        places: likewise, by id.
        joined: only of gateways that have joined and aren't shut out.
    """
    values = {"codes": codes, "places": places, "joined": joined}
    rows = connection.execute(_GATEWAYS, values).fetchall()
    ids = [row[0] for row in rows]
    devices: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    doors: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    if ids:
        for gateway, *device in connection.execute(_DEVICES, (ids,)):
            devices[gateway].append(dict(zip(_DEVICE, device, strict=True)))
        for gateway, _, *door in connection.execute(_DOORS, (ids,)):
            doors[gateway].append(dict(zip(_DOOR, door, strict=True)))
    return [
        Layout(
            gateway=Gateway(
                id=number, code=code, place=place, address=Address(shard=shard, place=place_code, gateway=code)
            ),
            time_zone=time_zone,
            sealing_key=None if sealing_key is None else bytes(sealing_key),
            doors=tuple(doors[number]),
            devices=tuple(devices[number]),
        )
        for number, code, place, place_code, shard, time_zone, sealing_key in rows
    ]
