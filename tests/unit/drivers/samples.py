"""The published samples, and drivers with a device for each of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gateway.contract.configuration import Device
from gateway.drivers import Decoded

FOLDER = Path(__file__).parents[2] / "data" / "devices"
AT = 1_760_000_000_000_000


def load(name: str) -> list[dict[str, Any]]:
    samples: list[dict[str, Any]] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return samples


def device(driver: str, address: str, **more: Any) -> Device:
    return Device.model_validate({"code": "d1", "driver": driver, "address": address} | more)


def told(said: Decoded) -> list[dict[str, Any]]:
    """The events as plain dictionaries, so that a test may ask any of them for any key."""
    return [dict(event) for event in said.events]
