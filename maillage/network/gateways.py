"""``maillage network gateways``: what each gateway must know of its place, from the database into one file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import psycopg
from pydantic import SecretStr

from gateway.config import GatewayConfig
from gateway.contract.configuration import Device, Door
from gateway.drivers import DriverError
from gateway.drivers.registry import described, with_locks
from maillage.network.errors import SelectionError
from rights.card_secret import place_key
from rights.layout import layouts


def export_gateways(
    connection: psycopg.Connection[Any],
    *,
    password: Callable[[str], str] | None,
    list_key: str | None,
    card_secret: bytes | None,
    muster_key: Callable[[str], str] | None = None,
    places: list[str] | None = None,
) -> tuple[GatewayConfig, ...]:
    """Return the configuration of every gateway in service, in the order of their codes.

    A door is opened by its lock, or where none is listed by the reader on its ``in`` side, if its driver can unlock.
    A door that several gateways have devices at is given to each.

    Args:
        password: gives a gateway's password by its code, at a broker without certificates; None: none.
        list_key: the public key (base64) that signs access lists and commands.
        card_secret: the network's card secret, from which each place's key is derived; None: no key is written.
        muster_key: gives a place's key for its muster by its code (``rights.place_secrets.muster_key``); None: nobody
            may read who is inside.
        places: codes of places; None: all.

    Raises:
        SelectionError: a device's driver is not installed here, so it isn't known whether it can unlock.
    """
    found = [
        (
            layout,
            tuple(Door.model_validate(door) for door in layout.doors),
            tuple(Device.model_validate(device) for device in layout.devices),
        )
        for layout in layouts(connection, codes=places)
    ]
    for _, _, devices in found:
        _check_drivers(devices)
    return tuple(
        GatewayConfig(
            shard=layout.gateway.address.shard,
            place=layout.gateway.address.place,
            gateway=layout.gateway.code,
            time_zone=layout.time_zone,
            mqtt_password=SecretStr(password(layout.gateway.code)) if password is not None else None,
            list_key=list_key,
            card_key=SecretStr(
                place_key(card_secret, layout.gateway.address.place).hex() if card_secret is not None else ""
            ),
            muster_key=SecretStr(muster_key(layout.gateway.address.place)) if muster_key is not None else None,
            doors=with_locks(doors, devices),
            devices=devices,
        )
        for layout, doors, devices in found
    )


def _check_drivers(devices: Iterable[Device]) -> None:
    for device in devices:
        try:
            described(device.driver)
        except DriverError as error:
            raise SelectionError(
                f"device {device.code}: {error.reason}. Install its package here as on the gateways."
            ) from error
