"""What hubs send again is not news, however fresh the message is (case 6)."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.unit.gateway.place_parts import AT, Bench, S, badge

MINUTE = 60.0
DEVICES: list[dict[str, Any]] = [
    {"code": "reader-in", "driver": "esp_rfid", "address": "gare/in#in", "door": "entry"},
    {"code": "contact", "driver": "zigbee2mqtt", "address": "home/z2m/contact", "door": "entry"},
    {"code": "room", "driver": "zigbee2mqtt", "address": "home/z2m/salle/presence"},
    {"code": "desk", "driver": "chirpstack", "address": "app/24e124535b000001", "model": "VS341"},
    {"code": "counter", "driver": "chirpstack", "address": "app/24e124535b000002", "model": "VS350"},
]
ROOM = "home/z2m/salle/presence"
HUB = "home/z2m/bridge/state"


class Hall(Bench):
    """A place whose hub's base topic has two levels."""

    def said(
        self, payload: dict[str, Any], ago_s: float | None = None, *, topic: str = ROOM, after_s: float = 2.0
    ) -> Any:
        """Hear a message; the device itself spoke ``ago_s`` before it arrives. Return the events."""
        self.events.clear()
        if ago_s is not None:
            when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=self.at, seconds=after_s - ago_s)
            payload = payload | {"last_seen": when.isoformat(timespec="milliseconds").replace("+00:00", "Z")}
        self.hear("zigbee2mqtt", topic, json.dumps(payload).encode(), after_s)
        return self.events

    def presence(self) -> list[bool | None]:
        return [event["occupied"] for event in self.events if event["kind"] == "desk"]

    def links(self) -> list[float]:
        told: list[dict[str, Any]] = [dict(event) for event in self.events]
        return [event["value"] for event in told if event.get("what") == "link"]


@pytest.fixture
def hall() -> Hall:
    made = Hall()
    made.build(devices=DEVICES)
    return made


def test_a_state_of_hours_ago_says_nothing_of_now(hall: Hall) -> None:
    hall.said({"presence": False}, 0)
    assert hall.presence() == [False]
    hall.said({"presence": True, "illuminance": 3}, 3 * 3600, after_s=3 * 3600 + 3)
    assert [(event["kind"], event.get("occupied")) for event in hall.events] == [("desk", None)]
    hall.said({"presence": True}, 0)
    assert hall.presence() == [True]


def test_a_time_outs_nobody_bears_the_time_of_the_last_movement(hall: Hall) -> None:
    hall.said({"occupancy": True}, 0)
    hall.said({"occupancy": False}, 30 * MINUTE, after_s=30 * MINUTE)
    assert hall.presence() == [False]


def test_what_was_said_before_the_hub_fell_silent_is_not_said_now(hall: Hall) -> None:
    hall.said({"presence": True}, 0)
    hall.said({"state": "offline"}, topic=HUB)
    assert hall.links() == [0.0, 0.0], "the hub of a base of two levels is heard: its contact and its room are gone"
    hall.said({"state": "online"}, topic=HUB, after_s=10 * MINUTE)
    assert hall.events == []
    hall.said({"presence": True}, 10 * MINUTE + 10)
    assert (hall.presence(), hall.links()) == ([], []), "the same word as before the outage"
    hall.said({"presence": False}, 5 * MINUTE)
    assert hall.presence() == [False], "a word of meanwhile"


def test_a_hub_that_gives_no_times_sends_what_it_remembers_when_it_starts(hall: Hall) -> None:
    hall.said({"presence": True})
    hall.said({"state": "offline"}, topic=HUB)
    hall.said({"state": "online"}, topic=HUB, after_s=3 * 3600)
    hall.said({"presence": True}, after_s=1)
    assert (hall.presence(), hall.links()) == ([None], [])
    hall.said({"presence": True}, after_s=20)
    assert (hall.presence(), hall.links()) == ([True], [1.0])


def test_the_nearest_hub_that_speaks_is_a_devices_own(hall: Hall) -> None:
    hall.said({"state": "online"}, topic=HUB)
    hall.said({"state": "offline"}, topic="home/bridge/state")
    assert hall.events == [], "another hub, above"
    hall.said({"type": "device_leave", "data": {"friendly_name": "salle/presence"}}, topic="home/z2m/bridge/event")
    assert [event["device"] for event in hall.events] == ["room"]
    assert hall.links() == [0.0]


def test_a_door_is_not_moved_by_what_a_hub_remembers(hall: Hall) -> None:
    hall.said({"contact": True}, 0, topic="home/z2m/contact")
    hall.said({"contact": False}, 2 * 3600, topic="home/z2m/contact")
    assert hall.events == [], "no opening, none forced"
    hall.hear("esp_rfid", "gare/in/send", json.dumps(
        {"type": "INFO", "src": "door", "desc": "Door Open", "hostname": "in", "time": AT // S - 9 * 3600}
    ).encode())  # fmt: skip
    assert [event.get("state") for event in hall.events] == ["open"], "a board's clock is hours off: it isn't asked"


def test_a_board_without_the_time_still_opens(hall: Hall) -> None:
    hall.hear("esp_rfid", "gare/in/send", badge("in", time=12))
    assert [event["kind"] for event in hall.events] == ["access"]


def uplink(eui: str, data: str, at: int) -> bytes:
    when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)
    message = {"deviceInfo": {"devEui": eui}, "fPort": 85, "data": base64.b64encode(bytes.fromhex(data)).decode()}
    return json.dumps(message | {"time": when.isoformat()}).encode()


def test_an_uplink_that_lay_in_a_queue(hall: Hall) -> None:
    eui = "24e124535b000001"
    hall.hear("chirpstack", f"application/app/device/{eui}/event/up", uplink(eui, "030001", hall.at))
    hall.hear("chirpstack", f"application/app/device/{eui}/event/up", uplink(eui, "030000", hall.at - 7200 * S))
    assert hall.presence() == [True], "what is older than what is known changes nothing"
    eui = "24e124535b000002"
    hall.events.clear()
    hall.hear("chirpstack", f"application/app/device/{eui}/event/up", uplink(eui, "05cc05000200", hall.at - 7200 * S))
    assert [(one["entered"], one["left"]) for one in hall.events if one["kind"] == "count"] == [(5, 2)], "they came"


@pytest.mark.parametrize("seen", [12, "2031-01-01T00:00:00+00:00", "yesterday", "2026-11-25T12:00:00", True, -5, 1e300])
def test_a_hubs_time_that_can_not_be_is_nobodys(hall: Hall, seen: Any) -> None:
    if seen == 12:
        seen = str(hall.at / 1_000_000)
    hall.said({"presence": True, "last_seen": seen})
    assert hall.presence() == [True]


def test_the_gateways_own_clock_may_jump(hall: Hall) -> None:
    hall.said({"presence": True}, 0)
    hall.said({"state": "offline"}, topic=HUB)
    hall.place.clock_stepped(3600.0)
    hall.at += 3600 * S
    hall.said({"presence": False}, 0)
    assert hall.presence() == [False]
