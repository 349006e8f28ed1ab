"""A place fitted out over HTTP, on a real database: made, changed, moved, retired; nonsense is refused."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest

from api.desks.desks import Desk, Desks
from api.devices.devices import Device, Devices
from api.doors.building import BuiltDoor
from api.gateways.fitting_routes import Gateway, Gateways
from api.places.models import PlaceDetail
from api.places.profile import Profile
from api.spaces.spaces import Space, Spaces
from tests.managed import Managed, managed
from tests.waiting import until

HALL = "/v1/places/limoges/spaces/open-space"
LOCK = {"gateway": "limoges-1", "code": "lock", "kind": "lock", "driver": "esp_rfid", "address": "limoges#lock"}


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        yield one


def made(network: Managed, path: str, body: dict[str, Any], who: str = "manager") -> str:
    """Add something; return its path."""
    answer = network.post(who, path, body)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


def refused(answer: httpx.Response) -> tuple[int, str, str]:
    """The status, the first field that a problem names, and what it says."""
    body = answer.json()
    return answer.status_code, body["errors"][0]["name"] if body.get("errors") else "", body["detail"]


def sensor(desk: str, code: str, **fields: Any) -> dict[str, Any]:
    address = f"zigbee2mqtt/{code}"
    return {
        "gateway": "limoges-1",
        "code": code,
        "kind": "desk_sensor",
        "driver": "zigbee2mqtt",
        "address": address,
        "desk": desk,
        **fields,
    }


def test_a_place_is_made_described_and_opened(network: Managed) -> None:
    body = {"code": "guéret", "name": "La Quincaillerie", "latitude": 46.17, "longitude": 1.87}
    assert refused(network.post("admin", "/v1/places", body))[:2] == (422, "code")
    path = made(network, "/v1/places", {**body, "code": "gueret", "siret": "19870669900321"}, "admin")
    assert refused(network.post("admin", "/v1/places", {**body, "code": "gueret"}))[:2] == (409, "code")
    assert network.post("manager", "/v1/places", {**body, "code": "mine"}).status_code == 403
    profile = Profile.model_validate_json(network.get("admin", path).content)
    assert (profile.status, profile.siret, profile.time_zone) == ("preparation", "19870669900321", "Europe/Paris")

    def listed() -> bool:
        return "gueret" in {one["id"] for one in network.api.get("/v1/places?limit=2000").json()["places"]}

    until(lambda: network.api.get("/v1/places/gueret").status_code == 200, what="the API has read it")
    assert not listed()
    made_ready = network.api.get("/v1/places?status=preparation").json()["places"]
    assert [one["id"] for one in made_ready] == ["gueret"]
    prices = [{"category": "coworking", "unit": "half_day", "amount": 900}]
    change = {"status": "open", "prices": prices, "equipment": ["laser cutter"], "contact_name": "Zoé", "fibre": True}
    assert network.change("admin", "PATCH", path, change).status_code == 200
    until(listed, what="it is on the list")
    public = network.api.get("/v1/places/gueret")
    detail = PlaceDetail.model_validate_json(public.content)
    assert (detail.equipment, detail.fibre, detail.desks) == (["laser cutter"], True, 0)
    assert "Zoé" not in public.text
    assert "Zoé" not in network.get("admin", "/v1/audit?limit=50").text, "the audit doesn't repeat who to call"
    renamed = network.change("admin", "PATCH", path, {"code": "creuse"})
    assert refused(renamed)[:2] == (422, "code")
    assert "never changes" in renamed.text


def test_a_closed_place_offers_no_seat(network: Managed) -> None:
    network.centre.state("isle", "open-space", present=1)
    near = "/v1/availability?near=45.80,1.26&radius_km=1&seats=1"
    until(lambda: network.api.get(near).json()["counts"]["free"] == 1, what="Isle has a free seat")
    assert network.change("isle", "PATCH", "/v1/places/isle/profile", {"status": "closed"}).status_code == 200
    until(lambda: sum(network.api.get(near).json()["counts"].values()) == 0, what="Isle is no longer offered")
    asked = {"member": network.member, "place": "isle", "from": "2199-01-01T09:00:00Z", "until": "2199-01-01T10:00:00Z"}
    assert refused(network.post("admin", "/v1/bookings", asked))[:2] == (409, "place")
    now = network.api.get("/v1/places/isle/occupancy").json()
    assert (now["open"], now["free"]) == (False, {"low": 0, "high": 0})
    reader = network.sql("SELECT n.open FROM place_opening n JOIN place p ON p.id = n.place WHERE p.code = 'isle'")
    assert reader == [(False,)]
    assert network.change("isle", "PATCH", "/v1/places/isle/profile", {"status": "open"}).status_code == 200


def test_spaces_and_desks_come_move_and_go(network: Managed) -> None:
    annex = made(
        network, "/v1/places/limoges/spaces", {"code": "annex", "name": "Annexe", "kind": "workshop", "capacity": 1}
    )
    desk = made(network, "/v1/places/limoges/desks", {"code": "annex-1", "name": "Poste", "space": "annex"})
    Space.model_validate_json(network.get("auditor", annex).content)
    Spaces.model_validate_json(network.get("desk", "/v1/places/limoges/spaces").content)
    Desks.model_validate_json(network.get("desk", "/v1/places/limoges/desks").content)
    device = made(network, "/v1/places/limoges/devices", sensor("annex-1", "seat-a1"))
    assert network.get("manager", device).json()["space"] == "annex"
    full = network.post("manager", "/v1/places/limoges/desks", {"code": "annex-2", "name": "X", "space": "annex"})
    assert refused(full)[:2] == (409, "capacity")
    assert "raise its capacity" in full.text
    assert refused(network.change("manager", "PATCH", annex, {"capacity": 0}))[:2] == (409, "capacity")
    moved = network.change("manager", "PATCH", desk, {"space": "open-space", "name": "Poste bleu"})
    assert Desk.model_validate_json(moved.content).space == "open-space"
    assert network.get("manager", device).json()["space"] == "open-space", "the sensor goes with its desk"
    assert refused(network.change("manager", "PATCH", desk, {"retired": True}))[2].endswith(
        "Desk annex-1 is still in use by device seat-a1: move or retire that first."
    )
    assert refused(network.change("manager", "PATCH", HALL, {"retired": True}))[:2] == (409, "retired")
    assert refused(network.change("manager", "PATCH", HALL, {"parent": "open-space"}))[:2] == (422, "parent")
    assert refused(network.change("manager", "PATCH", "/v1/places/limoges/spaces/place", {"retired": True}))[0] == 409
    for path in (device, desk, annex):
        gone = network.change("manager", "PATCH", path, {"retired": True})
        assert gone.json()["retired_at"], gone.text
        assert network.get("manager", path).status_code == 200, "history keeps it"
    listed = network.get("manager", "/v1/places/limoges/spaces").json()["spaces"]
    assert [one["code"] for one in listed] == ["place", "open-space", "room-1"]
    assert "annex" in network.get("manager", "/v1/places/limoges/spaces?retired=true").text
    until(lambda: "annex" not in network.api.get("/v1/places/limoges").text, what="the public sees it no longer")
    refusal = network.post("manager", "/v1/places/limoges/desks", {"code": "a3", "name": "X", "space": "annex"})
    assert refused(refusal)[:2] == (422, "space")


def test_a_second_change_of_one_version_is_refused(network: Managed) -> None:
    etag = network.get("manager", HALL).headers["etag"]

    def name(who: str) -> int:
        return network.call(who, "PATCH", HALL, {"name": f"By {who}"}, if_match=etag).status_code

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(name, ("admin", "manager"))) == [200, 412]
    late = network.call("manager", "PATCH", HALL, {"name": "Late"}, if_match=etag)
    assert "key:" in late.json()["detail"], "who was faster is named"


def test_a_manager_changes_only_their_own_place(network: Managed) -> None:
    assert network.change("isle", "PATCH", HALL, {"name": "Mine"}).status_code == 403
    assert network.post("isle", "/v1/places/limoges/devices", sensor("desk-1", "theirs")).status_code == 403
    assert network.post("manager", "/v1/places/limoges/gateways", {"code": "limoges-9"}).status_code == 403
    assert network.change("auditor", "PATCH", HALL, {"name": "Mine"}).status_code == 403
    with psycopg.connect(network.database.as_login("api_1")) as connection:
        connection.execute("SELECT enter(%s, '', '')", (network.keys["manager"],))
        for statement in (
            "UPDATE desk SET place = (SELECT id FROM place WHERE code = 'isle')",
            "DELETE FROM device",
            "UPDATE gateway SET place = 1",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                connection.execute(statement.encode())


def test_devices_are_checked_moved_and_replaced(network: Managed) -> None:
    devices = "/v1/places/limoges/devices"
    odd = sensor("desk-1", "seat-1", address="no topic")
    assert refused(network.post("manager", devices, odd))[:2] == (422, "address")
    assert refused(network.post("manager", devices, {**odd, "driver": "nobody"}))[:2] == (422, "driver")
    wrong = {**LOCK, "driver": "chirpstack", "address": "a/b", "door": "entry"}
    assert refused(network.post("manager", devices, wrong))[:2] == (422, "kind")
    assert refused(network.post("manager", devices, LOCK))[:2] == (422, "door")
    seat = made(network, devices, sensor("desk-1", "seat-1"))
    assert refused(network.post("manager", devices, sensor("desk-1", "seat-2")))[:2] == (409, "desk")
    twin = sensor("desk-2", "seat-2", address="zigbee2mqtt/seat-1")
    assert refused(network.post("manager", devices, twin))[:2] == (409, "address")
    network.sql(
        "INSERT INTO event (at, received_at, tx, stream, seq, place, device, kind, state)"
        " SELECT now(), now(), 1, 1, 1, place, id, 5, 1 FROM device WHERE code = 'seat-1' RETURNING 1"
    )
    moved = network.change("manager", "PATCH", seat, {"desk": "desk-2"})
    assert (moved.status_code, moved.json()["desk"]) == (200, "desk-2")
    history = network.sql(
        "SELECT k.code::text FROM event e JOIN device v ON v.id = e.device JOIN desk k ON k.id = v.desk"
        " WHERE e.kind = 5"
    )
    assert history == [("desk-1",)], "what it said at the first desk stays there"
    listed = Devices.model_validate_json(network.get("manager", f"{devices}?retired=true").content).devices
    assert [(one.desk, one.retired_at is None) for one in listed if one.code == "seat-1"] == [
        ("desk-2", True),
        ("desk-1", False),
    ]
    new = network.change("manager", "PATCH", seat, {"address": "zigbee2mqtt/new", "expect_every_s": 600})
    assert Device.model_validate_json(new.content).expect_every_s == 600
    assert refused(network.change("manager", "PATCH", seat, {"code": "seat-9"}))[:2] == (422, "code")


def test_a_door_isnt_left_without_a_lock_unasked(network: Managed) -> None:
    door = made(network, "/v1/places/limoges/doors", {"code": "back", "name": "Arrière", "to_space": "open-space"})
    BuiltDoor.model_validate_json(network.get("manager", door).content)
    same = {"from_space": "open-space"}
    assert refused(network.change("manager", "PATCH", door, same))[:2] == (422, "to_space")
    lock = made(network, "/v1/places/limoges/devices", {**LOCK, "door": "back"})
    second = made(network, "/v1/places/limoges/gateways", {"code": "limoges-2"}, "admin")
    Gateways.model_validate_json(network.get("auditor", "/v1/places/limoges/gateways").content)
    asked = network.change("manager", "PATCH", lock, {"retired": True})
    assert refused(asked)[:2] == (409, "confirm_no_lock")
    assert network.get("manager", lock).json()["retired_at"] is None
    busy = network.change("admin", "PATCH", "/v1/places/limoges/gateways/limoges-1", {"retired": True})
    assert refused(busy)[:2] == (409, "retired")
    first = "/v1/places/limoges/gateways/limoges-1"
    network.sql(
        "INSERT INTO gateway_state (gateway, place, online, heard_at, changed_at, spool_depth)"
        " SELECT id, place, true, now(), now(), 7 FROM gateway WHERE code = 'limoges-1' RETURNING 1"
    )
    unsent = network.change("admin", "PATCH", first, {"devices_to": "limoges-2", "retired": True})
    assert refused(unsent)[:2] == (409, "confirm_unsent")
    network.sql("UPDATE gateway_state SET spool_depth = 0 RETURNING 1")
    over = network.change("admin", "PATCH", first, {"devices_to": "limoges-2", "retired": True})
    assert Gateway.model_validate_json(over.content).devices == 0, over.text
    assert network.get("admin", second).json()["devices"] >= 1
    assert network.change("admin", "PATCH", first, {"retired": False}).status_code == 200
    lock = lock.replace("limoges-1", "limoges-2")
    assert refused(network.change("manager", "PATCH", door, {"retired": True}))[:2] == (409, "retired")
    gone = network.change("manager", "PATCH", lock, {"retired": True, "confirm_no_lock": True})
    assert gone.status_code == 200, gone.text
    carried_out = (
        "INSERT INTO command (place, gateway, door, do_what, ordered_by, ordered_at, expires_at, outcome)"
        " SELECT g.place, g.id, o.id, {}, 'x', clock_timestamp(), now() + interval '1 minute', 'done'"
        " FROM gateway g JOIN door o ON o.place = g.place AND o.code = 'back' WHERE g.code = 'limoges-2' RETURNING 1"
    )
    network.sql(carried_out.format("'evacuate'"))
    held_open = network.change("manager", "PATCH", door, {"retired": True})
    assert refused(held_open)[:2] == (409, "retired")
    assert "an evacuation in force" in held_open.text
    network.sql(carried_out.format("'release'"))
    assert network.change("manager", "PATCH", door, {"retired": True}).status_code == 200
    assert '"back"' not in network.get("manager", "/v1/places/limoges/doors").text
    assert network.get("manager", "/v1/places/limoges/doors/back/rules").status_code == 404


def test_one_device_is_not_two_however_its_address_is_written(network: Managed) -> None:
    path = "/v1/places/limoges/devices"
    climate = {"gateway": "limoges-1", "code": "air-1", "kind": "climate", "driver": "chirpstack", "model": "VS350"}
    climate |= {"address": "1/24E124ABCDEF0001", "space": "open-space"}
    reader = {**LOCK, "code": "twice-1", "kind": "reader", "address": "twice#in", "door": "entry"}
    for first, other in ((climate, "1/24e124abcdef0001"), (reader, "twice#in@10.0.0.7")):
        one = made(network, path, first)
        second = {**first, "code": f"{first['code']}-again", "address": other}
        assert refused(network.post("manager", path, second))[:2] == (409, "address")
        another = made(network, path, {**second, "address": other.replace("0001", "0002").replace("#in", "#out")})
        assert refused(network.change("manager", "PATCH", another, {"address": other}))[:2] == (409, "address")
        assert network.change("manager", "PATCH", one, {"address": other}).status_code == 200
        for each in (one, another):
            body = {"retired": True, "confirm_no_lock": True}
            assert network.change("manager", "PATCH", each, body).status_code == 200


def test_an_etag_from_before_a_move_is_none_of_the_moved_device(network: Managed) -> None:
    air = {"gateway": "limoges-1", "code": "moves-1", "kind": "climate", "driver": "zigbee2mqtt", "address": "z/moves"}
    device = made(network, "/v1/places/limoges/devices", {**air, "space": "open-space"})
    before = network.get("manager", device).headers["etag"]
    assert network.call("manager", "PATCH", device, {"space": "place"}, if_match=before).status_code == 200
    late = network.call("manager", "PATCH", device, {"address": "z/late"}, if_match=before)
    assert late.status_code == 412, late.text
    assert network.get("manager", device).json()["address"] == "z/moves"


def test_of_changes_with_one_etag_at_once_one_is_made(network: Managed) -> None:
    places = "/v1/places/limoges"
    made(network, f"{places}/doors", {"code": "race", "name": "Course", "to_space": "open-space"})
    air = {"gateway": "limoges-1", "code": "race-1", "kind": "climate", "driver": "zigbee2mqtt", "address": "z/race"}
    device = made(network, f"{places}/devices", {**air, "space": "open-space"})
    changes: list[tuple[str, list[dict[str, Any]]]] = [
        (f"{places}/profile", [{"contact_name": name} for name in ("Ana", "Bea", "Cleo", "Dora")]),
        (f"{places}/doors/race", [{"name": name} for name in ("A", "B", "C", "D")]),
        (device, [{"address": "z/1"}, {"address": "z/2"}, {"space": "place"}, {"retired": True}]),
    ]
    for path, bodies in changes:
        etag = network.get("manager", path).headers["etag"]
        with ThreadPoolExecutor(len(bodies)) as pool:
            sent = [pool.submit(network.call, "manager", "PATCH", path, body, if_match=etag) for body in bodies]
            statuses = sorted(one.result(60).status_code for one in sent)
        assert statuses[0] == 200, path
        assert set(statuses[1:]) <= {409, 412}, (path, statuses)
