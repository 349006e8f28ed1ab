"""Unassigned devices over HTTP: listed, assigned, dismissed, each only by those who may."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from api.devices.devices import Device, Devices
from api.unassigned.unassigned_devices import UnassignedDevices
from tests.managed import Managed, managed


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        yield one


def hear(network: Managed, address: str, kind: str | None = "desk_sensor", **more: Any) -> int:
    """Store a device as the ingest does."""
    row = {"driver": "chirpstack", "model": "VS341", "lacks": None, "said": "occupied", "place": "limoges", **more}
    found = network.sql(
        """
        INSERT INTO heard_device (gateway, place, driver, model, kind, lacks, address, key, first_at, last_at, times,
                                  said)
        SELECT g.id, g.place, %s, %s, %s, %s, %s, lower(%s), now(), now(), 3, %s
        FROM gateway g WHERE g.code = %s || '-1' RETURNING id
        """,
        row["driver"], row["model"], kind, row["lacks"], address, address, row["said"], row["place"],
    )  # fmt: skip
    return int(found[0][0])


PATH = "/v1/places/limoges/unassigned-devices"


def listed(network: Managed, who: str = "desk", query: str = "") -> dict[str, Any]:
    answer = network.get(who, PATH + query)
    assert answer.status_code == 200, answer.text
    found = UnassignedDevices.model_validate_json(answer.content).unassigned_devices
    return {one.address: one for one in found}


def test_one_call_makes_the_device(network: Managed) -> None:
    number = hear(network, "app/24e1")
    assert listed(network)["app/24e1"].said == "occupied"
    hear(network, "app/isle", place="isle")
    for who, places in (("manager", {"limoges"}), ("isle", {"isle"}), ("admin", {"limoges", "isle"})):
        found = network.get(who, "/v1/unassigned-devices").json()["unassigned_devices"]
        assert {one["place"] for one in found} == places
    assert network.post("desk", f"{PATH}/{number}/assign", {"desk": "desk-1"}).status_code == 403
    assert network.post("isle", f"{PATH}/{number}/assign", {"desk": "desk-1"}).status_code == 403
    refused = network.post("manager", f"{PATH}/{number}/assign", {"space": "open-space", "kind": "desk_sensor"})
    assert (refused.status_code, refused.json()["errors"][0]["name"]) == (422, "space")
    made = network.post("manager", f"{PATH}/{number}/assign", {"desk": "desk-1"})
    assert made.status_code == 201, made.text
    device = Device.model_validate_json(made.content)
    assert (device.code, device.gateway, device.kind, device.model) == (
        "seat-desk-1",
        "limoges-1",
        "desk_sensor",
        "VS341",
    )
    assert (device.desk, device.space, device.door, device.state) == ("desk-1", "open-space", None, None)
    assert network.get("desk", made.headers["location"]).json() == made.json()
    (row,) = network.sql(
        """SELECT d.code, k.code, s.code FROM device d JOIN desk k ON k.id = d.desk JOIN space s ON s.id = d.space
           WHERE d.address = 'app/24e1'"""
    )
    assert row == ("seat-desk-1", "desk-1", "open-space")
    assert "app/24e1" not in listed(network)
    assert network.post("manager", f"{PATH}/{number}/assign", {"desk": "desk-2"}).status_code == 404
    hear(network, "app/24E1")  # until the gateway has its configuration, it goes on to report it
    assert "app/24E1" not in listed(network)


def test_what_its_driver_needs_is_asked_for(network: Managed) -> None:
    number = hear(network, "app/24e2", kind=None, model=None, lacks="model")
    for body, field in (({"desk": "desk-2"}, "kind"), ({"desk": "desk-2", "kind": "desk_sensor"}, "model")):
        refused = network.post("manager", f"{PATH}/{number}/assign", body)
        assert (refused.status_code, refused.json()["errors"][0]["name"]) == (422, field)
    made = network.post("manager", f"{PATH}/{number}/assign", {"space": "room-1", "kind": "climate", "model": "WS301"})
    assert (made.status_code, made.json()["code"]) == (201, "climate-room-1")
    reader = hear(network, "hall#east", kind="reader", driver="esp_rfid", model=None)
    body = {"door": "entry", "side": "out", "address": "hall#east@192.168.1.20"}
    assert network.post("manager", f"{PATH}/{reader}/assign", body).json()["code"] == "reader-entry-out"


def test_a_dismissed_one_is_hidden_and_can_be_assigned(network: Managed) -> None:
    number = hear(network, "app/neighbour")
    assert network.call("isle", "DELETE", f"{PATH}/{number}").status_code == 403
    assert network.call("desk", "DELETE", f"{PATH}/{number}").status_code == 403
    assert network.call("manager", "DELETE", f"{PATH}/{number}").status_code == 204
    assert "app/neighbour" not in listed(network)
    assert listed(network, query="?dismissed=true")["app/neighbour"].dismissed
    assert network.get("isle", PATH).status_code == 403
    assert network.get("reader", PATH).status_code == 403
    made = network.post("admin", f"{PATH}/{number}/assign", {"space": "open-space"})
    assert (made.status_code, made.json()["kind"]) == (201, "presence_sensor")


def test_a_place_s_devices_show_how_they_are(network: Managed) -> None:
    network.sql(
        """
        WITH d AS (
          INSERT INTO device (gateway, place, code, kind, driver, address, space)
          SELECT g.id, g.place, 'counter', 'counter', 'chirpstack', 'app/counter', s.id
          FROM gateway g JOIN space s ON s.place = g.place AND s.code = 'room-1' WHERE g.code = 'limoges-1'
          RETURNING id, place
        )
        INSERT INTO device_state (device, place, reported_at, heard_at, expect_every_s, battery, rssi, snr, troubles,
                                  counted_nobody)
        SELECT id, place, now(), now(), 4500, 9.04, -110, 3.5, '{low_battery}', true FROM d RETURNING device
        """
    )
    found = Devices.model_validate_json(network.get("desk", "/v1/places/limoges/devices").content).devices
    (state,) = [one.state for one in found if one.code == "counter"]
    assert state is not None and state.heard_at is not None
    assert (state.battery, state.rssi, state.snr, state.expect_every_s) == (9.0, -110, 3.5, 4500)
    assert (state.troubles, state.silent_since) == (["low_battery", "stuck"], None)
