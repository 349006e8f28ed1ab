"""Seats for a window, near a commune, by what a place has and a pass; why a place isn't offered; the inventory."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from api.inventory.routes import Inventory
from api.keys.owner import create_key
from api.places.hours import Hours
from api.present.availability_models import Availability
from tests.api_server import Centre, api_process, codes
from tests.conftest import Database
from tests.waiting import until

ALWAYS = {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
START = (datetime.now(UTC) + timedelta(days=9)).replace(hour=9, minute=0, second=0, microsecond=0)
WINDOW = {"from": f"{START:%Y-%m-%dT%H:%M:%SZ}", "until": f"{START + timedelta(hours=3):%Y-%m-%dT%H:%M:%SZ}"}


@pytest.fixture(scope="module")
def centre(own: Database) -> Iterator[Centre]:
    centre = Centre(own.url)
    always = {"opening_hours": json.dumps(ALWAYS), "department": "87"}
    prices = json.dumps([{"category": "coworking", "unit": "half_day", "amount": 900}])
    centre.place("limoges", latitude=45.83, longitude=1.26, equipment=["Imprimante 3D"], prices=prices, **always)
    centre.place("isle", latitude=45.80, longitude=1.22, accessibility=["step-free"], **always)
    centre.place("panazol", latitude=45.84, longitude=1.31, opening_hours="{}", department="87")
    centre.place("couzeix", latitude=45.87, longitude=1.24, status="preparation", **always)
    centre.place("feytiat", latitude=45.81, longitude=1.33, status="building", department="87")
    for code in ("limoges", "isle"):
        centre.state(code, "open-space", present=4, low=3, high=5)
    centre.conn.execute("INSERT INTO member (ref) VALUES ('m-aaaa'), ('m-bbbb')")
    yield centre
    centre.close()


@pytest.fixture(scope="module")
def api(centre: Centre, own: Database) -> Iterator[httpx.Client]:
    with api_process(own.as_login("api_1")) as client:
        yield client


@pytest.fixture(scope="module")
def keys(own: Database, centre: Centre) -> dict[str, dict[str, str]]:
    """Keys of two members and of an administrator of the network."""
    del centre
    with psycopg.connect(own.url) as connection:
        made = {one: create_key(connection, one, role="member", member=one) for one in ("m-aaaa", "m-bbbb")}
        made["admin"] = create_key(connection, "admin", role="network_administrator")
    return {name: {"Authorization": f"Bearer {key}"} for name, key in made.items()}


def ask(api: httpx.Client, key: dict[str, str] | None = None, /, **question: Any) -> dict[str, Any]:
    answer = api.get("/v1/availability", params=question, headers=key)
    assert answer.status_code == 200, answer.text
    Availability.model_validate_json(answer.content)
    body: dict[str, Any] = answer.json()
    return body


def reasons(body: dict[str, Any]) -> dict[str, str]:
    return {row["place"]: row["reason"] for row in body["not_offered"]}


def test_near_a_commune_by_its_name(api: httpx.Client) -> None:
    body = ask(api, near="limoges 87")
    assert body["near"]["code"] == "87085"
    assert codes(body["places"], "place") == ["limoges", "isle"]
    assert body["places"][0]["distance_km"] < 3
    assert reasons(body) == {"couzeix": "preparation", "feytiat": "building", "panazol": "closed"}
    several = api.get("/v1/availability", params={"near": "st-denis"}).json()
    assert (several["type"], several["errors"][0]["name"]) == ("urn:maillage:problem:ambiguous", "near")
    assert {"93066", "97411"} <= {one["code"] for one in several["candidates"]}


def test_each_reason_in_both_languages(api: httpx.Client, centre: Centre) -> None:
    assert reasons(ask(api, near="45.83,1.26", equipment="laser"))["limoges"] == "no_equipment"
    found = ask(api, near="45.83,1.26", equipment="imprimante 3d")
    assert (codes(found["places"], "place"), reasons(found)["isle"]) == (["limoges"], "no_equipment")
    isle = next(row for row in found["not_offered"] if row["place"] == "isle")
    assert isle["text"] == {
        "en": "Not in the place's equipment: imprimante 3d.",
        "fr": "Équipement absent : imprimante 3d.",
    }
    assert reasons(ask(api, near="45.83,1.26", accessibility="step-free"))["limoges"] == "no_accessibility"
    dear = ask(api, near="45.83,1.26", price_unit="half_day", max_price=800)
    assert reasons(dear)["limoges"] == "too_dear"
    fair = ask(api, near="45.83,1.26", price_unit="half_day", max_price=900)
    assert codes(fair["places"], "place") == ["limoges"]
    key = centre.key()
    assert reasons(ask(api, key, near="45.83,1.26", seats=21))["limoges"] == "full"
    assert reasons(ask(api, key, near="45.83,1.26", seats=25))["limoges"] == "too_small"


def test_a_window_counts_what_is_booked_at_any_instant_of_it(api: httpx.Client, centre: Centre) -> None:
    def row(**more: Any) -> dict[str, Any]:
        body = ask(api, near="45.83,1.26", **WINDOW, **more)
        rows: list[dict[str, Any]] = [*body["places"], *body["unknown"], *body["not_offered"]]
        return next(one for one in rows if one["place"] == "limoges")

    assert row()["unbooked"] == 24
    space, place = centre.space("limoges", "open-space")
    later = START + timedelta(hours=2)
    for member, hours in (("m-aaaa", 1), ("m-bbbb", 4)):
        centre.conn.execute(
            "INSERT INTO booking (member, place, space, starts_at, ends_at) VALUES (%s, %s, %s, %s, %s)",
            (member, place, space, later, later + timedelta(hours=hours)),
        )
    until(lambda: row()["unbooked"] == 22, what="the bookings are known")
    assert row(seats=23)["reason"] == "booked"
    assert row(seats=25)["reason"] == "too_small"
    before = ask(api, near="45.83,1.26", **{**WINDOW, "until": f"{later:%Y-%m-%dT%H:%M:%SZ}"})
    assert next(one for one in before["unknown"] if one["place"] == "limoges")["unbooked"] == 24


def test_my_pass_is_valid_there(api: httpx.Client, centre: Centre, keys: dict[str, dict[str, str]]) -> None:
    _, isle = centre.space("isle")
    hours = json.dumps({**ALWAYS, f"{START:%a}".lower(): [["08:00", "09:00"]]})
    centre.conn.execute(
        "INSERT INTO schedule (code, name, hours) VALUES ('early', 'Early', %s)", (hours,)
    )  # the place's zone is at most two hours ahead: the window is after nine
    for ref, more, values in (
        ("p-aaaa", "valid_until", START + timedelta(hours=1)),
        ("p-bbbb", "schedule", None),
        ("p-cccc", "valid_until", None),
    ):
        value = "(SELECT id FROM schedule WHERE code = 'early')" if more == "schedule" else "%s"
        query = f"INSERT INTO pass (ref, member, {more}) VALUES (%s, 'm-aaaa', {value})"
        centre.conn.execute(query.encode(), (ref,) if more == "schedule" else (ref, values))
        centre.conn.execute("INSERT INTO pass_place (pass, place) VALUES (%s, %s)", (ref, isle))
    expected = {"p-aaaa": "pass_not_valid", "p-bbbb": "pass_hours", "p-cccc": None}
    for ref, reason in expected.items():
        found = reasons(ask(api, keys["admin"], near="45.83,1.26", **WINDOW, **{"pass": ref}))
        assert (found.get("isle"), found["limoges"]) == (reason, "pass_elsewhere"), ref
    mine = ask(api, keys["m-aaaa"], near="45.83,1.26", **WINDOW, **{"pass": "mine"})
    assert codes(mine["unknown"], "place") == ["isle"]
    none = ask(api, keys["m-bbbb"], near="45.83,1.26", **{"pass": "mine"})
    assert {none["places"] == [], reasons(none)["isle"]} == {True, "pass_elsewhere"}
    for headers, status in ((keys["m-bbbb"], 422), ({}, 401)):
        answer = api.get("/v1/availability", params={"near": "45.83,1.26", "pass": "p-cccc"}, headers=headers)
        assert answer.status_code == status, "another member's pass isn't told"


def test_alternatives_to_a_place(api: httpx.Client) -> None:
    body = ask(api, place="panazol")
    assert (body["asked"]["offered"], body["asked"]["reason"]) == (False, "closed")
    assert codes(body["places"], "place") == ["limoges", "isle"], "nearest to the place that was asked for"
    assert ask(api, place="limoges")["asked"]["offered"] is True


def test_an_area_needs_no_point(api: httpx.Client) -> None:
    assert codes(ask(api, department="87")["places"], "place") == ["isle", "limoges"]
    assert codes(ask(api, bbox="1.2,45.7,1.25,45.85")["places"], "place") == ["isle"]
    assert ask(api, department="01")["places"] == []


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ({}, "give a point or a commune"),
        ({"near": "1.26,45.83"}, "did you swap them? Latitude comes first: 45.83,1.26"),
        ({"near": "45.83,120"}, "no place is within 1,000 km: is this the point"),
        ({"near": "120.5,45.83"}, "did you swap them? Latitude comes first: 45.83,120.5"),
        ({"near": "45.83,1.26", "until": WINDOW["from"], "from": WINDOW["until"]}, "ends before it begins"),
        ({"near": "45.83,1.26", "from": WINDOW["from"]}, "both `from` and `until`"),
        ({"near": "45.83,1.26", "at": "2020-01-01T00:00:00Z"}, "in the past"),
        ({"near": "45.83,1.26", "at": f"{START + timedelta(days=3650):%Y-%m-%dT%H:%M:%SZ}"}, "more than a year ahead"),
        ({"near": "45.83,1.26", "at": WINDOW["from"], "until": WINDOW["until"]}, "not both"),
        ({"near": "45.83,1.26", "sort": "chance"}, "add `at`"),
        ({"near": "45.83,1.26", "max_price": 5}, "needs `price_unit`"),
    ],
)
def test_bad_questions(api: httpx.Client, question: dict[str, Any], said: str) -> None:
    answer = api.get("/v1/availability", params=question)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


def test_hours_in_the_syntax_of_openstreetmap(api: httpx.Client, keys: dict[str, dict[str, str]]) -> None:
    key = keys["admin"]
    path = "/v1/places/panazol/hours"
    before = api.get(path, headers=key)
    headers = {**key, "If-Match": before.headers["etag"]}
    wrong = api.patch(path, json={"opening_hours_osm": "Mo-Fr 09:00-18:00; Sa 25:00-30:00"}, headers=headers)
    assert wrong.status_code == 422
    assert "at character 23, from '25:00-30:00'" in wrong.json()["detail"]
    text = "Mo-Fr 09:00-12:00,14:00-18:00; PH off"
    answer = api.patch(path, json={"opening_hours_osm": text}, headers=headers)
    Hours.model_validate_json(answer.content)
    body = answer.json()
    assert (body["opening_hours_osm"], body["opening_hours"]["mon"]) == (text, [["09:00", "12:00"], ["14:00", "18:00"]])
    headers["If-Match"] = answer.headers["etag"]
    plain = api.patch(path, json={"opening_hours": {"sat": [["10:00", "12:00"]]}}, headers=headers).json()
    assert plain["opening_hours_osm"] == "Sa 10:00-12:00", "the text of before is gone"


def test_the_inventory_holds_what_is_not_open_yet(api: httpx.Client) -> None:
    answer = api.get("/v1/inventory")
    Inventory.model_validate_json(answer.content)
    status = {row["id"]: row["status"] for row in answer.json()["places"]}
    assert (status["couzeix"], status["feytiat"], status["limoges"]) == ("preparation", "building", "open")
    assert api.get("/v1/inventory", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    only = api.get("/v1/inventory", params={"status": "building", "format": "geojson"}).json()
    assert [(one["id"], one["geometry"]["coordinates"]) for one in only["features"]] == [("feytiat", [1.33, 45.81])]
    rows = list(csv.DictReader(api.get("/v1/inventory?format=csv").text.splitlines()))
    assert next(row for row in rows if row["id"] == "limoges")["opening_hours"] == "24/7"
    assert codes(api.get("/v1/places").json()["places"]) == ["isle", "limoges", "panazol"]
