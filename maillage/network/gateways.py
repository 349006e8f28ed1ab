"""``maillage network gateways``: what each gateway must know of its place, from the database into one file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import psycopg
from pydantic import SecretStr

from gateway.config import GatewayConfig
from gateway.contract.configuration import Device, Door
from gateway.drivers import DriverError
from gateway.drivers.registry import described
from maillage.network.errors import SelectionError

_GATEWAYS = """
-- the gateways in service, of some places or of all
SELECT g.id, g.code, p.id, p.code, p.shard, p.time_zone
FROM gateway g JOIN place p ON p.id = g.place
WHERE g.retired_at IS NULL AND (%(places)s::text[] IS NULL OR p.code = ANY(%(places)s))
ORDER BY g.code
"""
_DEVICES = """
-- their devices
SELECT d.gateway, d.code, d.kind, d.driver, d.model, d.address, o.code, d.side, d.uid_reversed, d.bits,
  extract(epoch FROM d.expect_every)::integer, s.code, k.code
FROM device d LEFT JOIN door o ON o.id = d.door LEFT JOIN space s ON s.id = d.space LEFT JOIN desk k ON k.id = d.desk
WHERE d.gateway = ANY(%s) AND d.retired_at IS NULL
ORDER BY d.gateway, d.id
"""
_DOORS = """
-- the doors that they have a device at, with what they join
SELECT DISTINCT d.gateway, o.id, o.code, f.code, t.code, o.unlock_s, o.held_after_s
FROM device d JOIN door o ON o.id = d.door JOIN space t ON t.id = o.to_space LEFT JOIN space f ON f.id = o.from_space
WHERE d.gateway = ANY(%s) AND d.retired_at IS NULL
ORDER BY d.gateway, o.id
"""


def export_gateways(
    connection: psycopg.Connection[Any],
    *,
    password: Callable[[str], str] | None,
    list_key: str | None,
    card_key: str,
    muster_key: Callable[[str], str] | None = None,
    places: list[str] | None = None,
) -> tuple[GatewayConfig, ...]:
    """Return the configuration of every gateway in service, in the order of their codes.

    A door is opened by its lock, or where none is listed by the reader on its ``in`` side, if its driver can unlock.
    A door that several gateways have devices at is given to each.

    Args:
        password: gives a gateway's broker password by its code (``passwords.gateway_password``); None: none is written.
        list_key: the public key (base64) that signs access lists and commands.
        card_key: the network's key for card tokens (hexadecimal).
        muster_key: gives a place's key for its muster by its code (``passwords.muster_key``); None: nobody may read who
            is inside.
        places: codes of places; None: all.

    Raises:
        SelectionError: a device's driver is not installed here, so it isn't known whether it can unlock.
    """
    rows = connection.execute(_GATEWAYS, {"places": places}).fetchall()
    ids = [row[0] for row in rows]
    devices: defaultdict[int, list[Device]] = defaultdict(list)
    locks: dict[tuple[int, str], str] = {}
    for (
        gateway,
        code,
        kind,
        driver,
        model,
        address,
        door,
        side,
        uid_reversed,
        bits,
        expect_every_s,
        space,
        desk,
    ) in connection.execute(_DEVICES, (ids,)).fetchall():
        devices[gateway].append(
            Device(
                code=code,
                driver=driver,
                kind=kind,
                model=model,
                address=address,
                door=door,
                side=side,
                uid_reversed=uid_reversed,
                bits=bits,
                expect_every_s=expect_every_s,
                space=space,
                desk=desk,
            )
        )
        try:
            capabilities = described(driver).capabilities
        except DriverError as error:
            raise SelectionError(
                f"device {code}: {error.reason}. Install its package here as on the gateways."
            ) from error
        if kind == "lock":
            locks[gateway, door] = code
        elif kind == "reader" and "unlocks" in capabilities and side == "in":
            locks.setdefault((gateway, door), code)
    doors: defaultdict[int, list[Door]] = defaultdict(list)
    for gateway, _, code, from_space, to_space, unlock_s, held_after_s in connection.execute(_DOORS, (ids,)).fetchall():
        doors[gateway].append(
            Door(
                code=code,
                lock=locks.get((gateway, code)),
                unlock_s=unlock_s,
                held_after_s=held_after_s,
                from_space=from_space,
                to_space=to_space,
            )
        )
    return tuple(
        GatewayConfig(
            shard=shard,
            place=place,
            gateway=code,
            time_zone=time_zone,
            mqtt_password=SecretStr(password(code)) if password is not None else None,
            list_key=list_key,
            card_key=SecretStr(card_key),
            muster_key=SecretStr(muster_key(place)) if muster_key is not None else None,
            doors=tuple(doors[gateway]),
            devices=tuple(devices[gateway]),
        )
        for gateway, code, _, place, shard, time_zone in rows
    )
