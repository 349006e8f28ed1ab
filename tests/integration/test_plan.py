"""A place's plan over HTTP, and how its doors, desks and gateways are now, on a real database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.alarms.routes import Alarms
from api.places.live import Live
from api.plans.plans import Plan
from gateway.contract.stored_events import DOOR_STATES, KINDS
from tests.managed import Managed, managed
from tests.operated import door

PLAN = "/v1/places/limoges/plan"


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        door(one, contact=True)
        yield one


def drawn(**fields: Any) -> dict[str, Any]:
    spaces = [{"space": "open-space", "x": 20, "y": 20, "width": 300, "height": 200}]
    desks = [{"desk": "desk-1", "x": 40, "y": 80, "width": 60, "height": 40, "rotation": 90}]
    return {"width": 800, "height": 400, "spaces": spaces, "desks": desks, **fields}


def test_a_plan_is_laid_out_until_somebody_draws_it(network: Managed) -> None:
    first = network.get("desk", PLAN)
    assert first.headers["etag"] == '"0"'
    plan = Plan.model_validate(first.json())
    assert not plan.drawn
    assert {one.space for one in plan.spaces} == {"open-space", "room-1"}
    assert {one.desk for one in plan.desks} == {"desk-1", "desk-2"}
    for desk in plan.desks:  # each in its space
        space = next(one for one in plan.spaces if one.space == desk.space)
        assert space.x <= desk.x and desk.x + desk.width <= space.x + space.width
        assert space.y <= desk.y and desk.y + desk.height <= space.y + space.height

    saved = network.call("manager", "PUT", PLAN, drawn(), if_match='"0"')
    assert saved.status_code == 200, saved.text
    plan = Plan.model_validate(saved.json())
    assert plan.drawn and saved.headers["etag"] == '"1"'
    (one,) = [desk for desk in plan.desks if desk.desk == "desk-1"]
    assert (one.x, one.y, one.rotation) == (40, 80, 90)
    assert {desk.desk for desk in plan.desks} == {"desk-1", "desk-2"}  # what wasn't drawn is laid out
    (line,) = network.sql("SELECT count(*) FROM audit WHERE subject LIKE 'plan of place %%'")
    assert line[0] == 1

    again = network.call("manager", "PUT", PLAN, drawn(), if_match='"0"')
    assert again.status_code == 412
    assert network.change("manager", "PUT", PLAN, drawn(width=900)).status_code == 200


def test_a_plan_that_makes_no_sense_is_refused(network: Managed) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        (drawn(desks=[{"desk": "no-such", "x": 0, "y": 0}]), "no-such"),
        (drawn(desks=[{"desk": "desk-1", "x": 790, "y": 0}]), "lie within"),
        (drawn(desks=[{"desk": "desk-1", "x": -1, "y": 0}]), "greater"),
        (drawn(desks=[{"desk": "desk-1", "x": 1, "y": 0}, {"desk": "desk-1", "x": 1, "y": 0}]), "twice"),
        (drawn(width=99_999), "less"),
    ]
    for body, text in cases:
        answer = network.call("manager", "PUT", PLAN, body, if_match="*")
        assert answer.status_code == 422, answer.text
        assert text in answer.text
    assert network.call("manager", "PUT", PLAN, drawn()).status_code == 428
    for who in ("desk", "auditor", "isle", "member"):
        assert network.call(who, "PUT", PLAN, drawn(), if_match="*").status_code in (403, 404), who
    assert network.get("isle", PLAN).status_code == 403


def test_doors_desks_and_gateways_say_how_they_are(network: Managed) -> None:
    answer = network.get("auditor", "/v1/places/limoges/live")
    live = Live.model_validate(answer.json())
    (entry,) = live.doors
    assert (entry.state, entry.contact, entry.served, entry.online) == (None, True, True, False)
    assert {one.state for one in live.desks} == {"unknown"}
    assert not any(one.sensor for one in live.desks)

    network.centre.gateway("limoges", online=True)
    contact, place, stream = network.sql(
        "SELECT d.id, d.place, (SELECT min(id) FROM stream) FROM device d WHERE d.code = 'contact'"
    )[0]
    now = datetime.now(UTC)
    for seq, (state, age) in enumerate([("open", 30), ("held", 10), ("closed", 60 * 72)], 500):
        network.sql(
            "INSERT INTO event (at, received_at, tx, stream, seq, place, device, kind, state)"
            " VALUES (%s, now(), nextval('event_batch'), %s, %s, %s, %s, %s, %s) RETURNING seq",
            now - timedelta(minutes=age), stream, seq, place, contact, KINDS["door"], DOOR_STATES[state],
        )  # fmt: skip
    live = Live.model_validate(network.get("manager", "/v1/places/limoges/live").json())
    assert (live.doors[0].state, live.doors[0].online) == ("held", True)
    network.sql("DELETE FROM event WHERE kind = %s AND at > now() - interval '1 day' RETURNING seq", KINDS["door"])
    live = Live.model_validate(network.get("manager", "/v1/places/limoges/live").json())
    assert live.doors[0].state == "closed"  # looked for further back
    assert network.get("isle", "/v1/places/limoges/live").status_code == 403


def test_each_level_of_a_lockdown_is_told_apart(network: Managed) -> None:
    def locked() -> tuple[bool, bool, bool]:
        live = Live.model_validate(network.get("auditor", "/v1/places/limoges/live").json())
        return live.network_locked, live.locked, live.doors[0].locked

    assert locked() == (False, False, False)
    for level, path, body in (
        (0, "/v1", {"confirm": "network"}),
        (1, "/v1/places/limoges", {}),
        (2, "/v1/places/limoges/doors/entry", {}),
    ):
        assert network.post("admin", f"{path}/lockdown", body).status_code == 202
        assert [number for number, one in enumerate(locked()) if one] == [level]
        assert network.post("admin", f"{path}/release", body).status_code == 202
    assert locked() == (False, False, False)


def test_an_evacuation_lasts_until_each_gateway_has_released(network: Managed) -> None:
    def evacuated() -> bool:
        return Live.model_validate(network.get("desk", "/v1/places/limoges/live").json()).evacuated

    def ordered(do: str, gateway: str, outcome: str) -> None:
        network.sql(
            "INSERT INTO command (place, gateway, do_what, ordered_by, ordered_at, expires_at, outcome, outcome_at)"
            " SELECT place, id, %s, 'x', now(), now() + interval '1 minute', %s, clock_timestamp() FROM gateway"
            " WHERE code = %s RETURNING id",
            do, outcome, gateway,
        )  # fmt: skip

    network.sql(
        "INSERT INTO gateway (place, code) SELECT id, 'limoges-2' FROM place WHERE code = 'limoges' RETURNING id"
    )
    ordered("evacuate", "limoges-1", "failed")
    assert not evacuated()
    for gateway in ("limoges-1", "limoges-2"):
        ordered("evacuate", gateway, "done")
    assert evacuated()
    ordered("release", "limoges-1", "done")
    assert evacuated()
    ordered("release", "limoges-2", "done")
    assert not evacuated()


def test_a_sensor_at_a_desk_is_believed_as_long_as_its_space(network: Managed) -> None:
    gateway, place, desk, space = network.sql(
        "SELECT g.id, k.place, k.id, k.space FROM desk k JOIN gateway g ON g.place = k.place"
        " WHERE g.code = 'limoges-1' AND k.code = 'desk-1'"
    )[0]
    (sensor,) = network.sql(
        "INSERT INTO device (gateway, place, code, kind, driver, address, space, desk)"
        " VALUES (%s, %s, 'seat-1', 'desk_sensor', 'zigbee2mqtt', 'zigbee2mqtt/seat-1', %s, %s) RETURNING id",
        gateway, place, space, desk,
    )[0]  # fmt: skip

    def state() -> str:
        live = Live.model_validate(network.get("desk", "/v1/places/limoges/live").json())
        return next(one.state for one in live.desks if one.desk == "desk-1")

    network.centre.state("limoges", "open-space", present=1)
    fold = "jsonb_build_object('desks', jsonb_build_object(%s::text, jsonb_build_array(true, 1)))"
    network.sql(f"UPDATE space_state SET fold = {fold} WHERE space = %s RETURNING space", str(sensor), space)
    assert state() == "taken"
    silent = "jsonb_build_object('silent', jsonb_build_array(%s::integer))"
    network.sql(f"UPDATE space_state SET fold = fold || {silent} WHERE space = %s RETURNING space", sensor, space)
    assert state() == "silent"
    network.sql("DELETE FROM gateway_state RETURNING gateway")
    network.sql("UPDATE space_state SET fold = fold - 'silent', at = now() - interval '1 day' RETURNING space")
    assert state() == "unknown"


def test_an_alarm_says_its_kind_in_both_languages(network: Managed) -> None:
    network.sql(
        "INSERT INTO alarm (kind, place, text) SELECT 'door_forced', id, 'Entry opened without being unlocked'"
        " FROM place WHERE code = 'limoges' RETURNING id"
    )
    (one,) = Alarms.model_validate(network.get("desk", "/v1/alarms?place=limoges").json()).alarms
    assert (one.words.fr, one.words.en) == ("porte forcée", "door forced")
