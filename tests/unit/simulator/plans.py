"""Places as the network's generator makes them: desks, a meeting room, an entry and a lab behind a door."""

from __future__ import annotations

from typing import Any

from gateway.config import GatewayConfig

APPLICATION = "17c82e96-be03-4f38-aef3-f83d48582d97"


def place(number: int, *, desks: int = 8, rooms: int = 1, lab: bool = False, keypads: bool = False) -> GatewayConfig:
    """Return place ``p-NUMBER`` with its one gateway."""
    code = f"p-{number}"
    devices: list[dict[str, Any]] = [
        _reader(code, "entry-in", "entry", "in"),
        _reader(code, "entry-out", "entry", "out"),
    ]
    doors: list[dict[str, Any]] = [{"code": "entry", "lock": "entry-in", "to_space": "place"}]
    devices += [
        {
            "code": f"desk-{desk}",
            "driver": "chirpstack",
            "model": "VS340" if desk % 5 == 0 else "VS341",
            "address": f"{APPLICATION}/24e1{number:06x}{desk:06x}",
            "space": "open-space",
            "desk": f"d{desk}",
        }
        for desk in range(desks)
    ]
    devices += [
        {"code": f"room-{room}", "driver": "zigbee2mqtt", "address": f"z2m-{code}/room-{room}", "space": f"room-{room}"}
        for room in range(rooms)
    ]
    if lab:
        devices += [_reader(code, "lab-in", "lab", "in"), _reader(code, "lab-out", "lab", "out")]
        devices.append({"code": "lab", "driver": "zigbee2mqtt", "address": f"z2m-{code}/lab", "space": "fab-lab"})
        doors.append({"code": "lab", "lock": "lab-in", "from_space": "open-space", "to_space": "fab-lab"})
    for door in doors if keypads else ():
        keypad = {"code": f"keypad-{door['code']}", "driver": "zigbee2mqtt", "kind": "keypad", "door": door["code"]}
        devices.append(keypad | {"address": f"z2m-{code}/keypad-{door['code']}"})
    return GatewayConfig.model_validate(
        {"shard": number % 64, "place": code, "gateway": f"{code}-1", "doors": doors, "devices": devices}
    )


def _reader(place_code: str, code: str, door: str, side: str) -> dict[str, Any]:
    return {"code": code, "driver": "esp_rfid", "address": f"{place_code}/{code}#{code}", "door": door, "side": side}
