"""Configurations of the small place to test with, as the centre would sign them."""

from __future__ import annotations

import base64
from typing import Any, Final

from gateway.contract.configuration import SEALED_FOR, Configuration, Secrets
from gateway.contract.sealed import new_pair, seal
from gateway.contract.signing import public_key
from rights.packing import configuration_message
from tests.unit.gateway.place_parts import KEY, SEED

SEALING_KEY, SEALING_PUBLIC = new_pair()
READER: Final = {"code": "reader-in", "driver": "esp_rfid", "kind": "reader", "address": "gare/in#in", "door": "entry"}
DESK: Final = {"code": "desk", "driver": "zigbee2mqtt", "kind": "desk_sensor", "address": "z/desk"}


def body(version: int, *devices: dict[str, Any], **changes: Any) -> str:
    """A configuration of one door, opened by its reader, and of ``devices`` more."""
    sealed = seal(SEALING_PUBLIC, Secrets(card_key=KEY).model_dump_json().encode(), SEALED_FOR)
    said = {
        "version": version,
        "shard": 5,
        "place": "gare",
        "gateway": "gare-1",
        "time_zone": "Europe/Paris",
        "doors": [{"code": "entry"}],
        "devices": [READER, *devices],
        "list_keys": [public_key(SEED)],
        "sealed": base64.b64encode(sealed).decode(),
        **changes,
    }
    return Configuration.model_validate(said).model_dump_json(exclude_defaults=True)


def configured(version: int, *devices: dict[str, Any], seed: str = SEED, **changes: Any) -> bytes:
    """The signed message of ``body``."""
    return configuration_message(body(version, *devices, **changes), seed)
