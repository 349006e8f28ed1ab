"""Resources: each unit is booked by itself, any free one is given under any race, members book for themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from api.bookings import bookings
from api.resources import public_routes, resources
from tests.integration.test_api_manage import wrong
from tests.managed import Managed, managed

PLACE = "/v1/places/limoges/resources"


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        one.sql("INSERT INTO pass (ref, member, everywhere) VALUES ('p-own1', %s, true) RETURNING ref", one.member)
        yield one


def test_a_unit_is_booked_once_and_any_free_one_is_found(network: Managed) -> None:
    made = network.post("manager", PLACE, {"code": "laser", "name": "Laser", "kind": "machine", "units": 2})
    assert made.status_code == 201, made.text
    assert resources.Resource.model_validate_json(made.content).units == ["1", "2"]
    body = {"member": network.someone(), "place": "limoges", "resource": "laser"}
    first = network.post("desk", "/v1/bookings", {**body, **_hours(3, 9, 12)})
    assert first.status_code == 201, first.text
    booked = bookings.Booking.model_validate_json(first.content)
    other = {"1": "2", "2": "1"}[booked.unit or ""]
    again = network.post("desk", "/v1/bookings", {**body, "unit": booked.unit, **_hours(3, 11, 13)})
    assert wrong(again) == (409, "from")
    assert (again.json()["rule"], again.json()["contact"]["name"]) == ("taken", "Limoges")
    ends = booked.ends.astimezone(ZoneInfo("Europe/Paris"))
    assert f"until {ends:%H:%M} on {ends:%A %Y-%m-%d}" in again.json()["detail"]
    any_ = network.post("desk", "/v1/bookings", {**body, **_hours(3, 11, 13)})
    assert any_.json()["unit"] == other
    assert wrong(network.post("desk", "/v1/bookings", {**body, **_hours(3, 11, 12)})) == (409, "from")
    moved = network.change("desk", "PATCH", any_.headers["location"], {"unit": booked.unit})
    assert wrong(moved) == (409, "from")
    assert network.change("desk", "DELETE", first.headers["location"]).json()["status"] == "cancelled"
    moved = network.change("desk", "PATCH", any_.headers["location"], {"unit": booked.unit})
    assert moved.json()["unit"] == booked.unit
    assert wrong(network.change("manager", "PATCH", f"{PLACE}/laser", {"retired": True})) == (409, "retired")
    network.change("desk", "DELETE", any_.headers["location"])
    assert network.change("manager", "PATCH", f"{PLACE}/laser", {"units": 1}).json()["units"] == ["1"]
    assert network.change("manager", "PATCH", f"{PLACE}/laser", {"retired": True}).json()["retired_at"]
    assert wrong(network.post("desk", "/v1/bookings", {**body, **_hours(4, 9, 10)})) == (422, "resource")


def test_everybody_sees_when_things_are_free_and_nobody_by_whom(network: Managed) -> None:
    network.sql("UPDATE place SET opening_hours = NULL WHERE code = 'limoges' RETURNING 1")
    for body in (
        {"code": "brodeuse", "name": "Brodeuse", "kind": "machine", "units": 2},
        {"code": "fete", "name": "Fête", "kind": "event", "units": 1, **_hours(4, 18, 20)},
    ):
        assert network.post("manager", PLACE, body).status_code == 201

    def seen() -> dict[str, Any]:
        answer = network.api.get("/v1/places/limoges/bookable")
        assert answer.status_code == 200, answer.text
        found = public_routes.Bookable.model_validate_json(answer.content)
        assert network.member not in answer.text
        things = {one.resource: one.model_dump() for one in found.resources}
        return things | {one.resource: one.model_dump() for one in found.events}

    assert {name: seen()["brodeuse"][name] for name in ("units", "free", "changes_at")} == {
        "units": 2, "free": 2, "changes_at": None,
    }  # fmt: skip
    assert seen()["fete"]["full"] is False
    now = datetime.now(UTC).replace(microsecond=0)
    ends = [now + timedelta(hours=hours) for hours in (5, 3)]
    for unit, end in zip(("1", "2"), ends, strict=True):
        when = {"from": (now - timedelta(minutes=5)).isoformat(), "until": end.isoformat()}
        wanted = {"member": network.someone(), "place": "limoges", "resource": "brodeuse", "unit": unit}
        made = network.post("desk", "/v1/bookings", {**wanted, **when})
        assert made.status_code == 201, made.text
    signed = {"member": network.someone(), "place": "limoges", "resource": "fete"}
    assert network.post("desk", "/v1/bookings", signed).status_code == 201
    assert {name: seen()["brodeuse"][name] for name in ("free", "changes_at")} == {"free": 0, "changes_at": ends[1]}
    assert seen()["fete"]["full"] is True
    assert network.api.get("/v1/places/nowhere/bookable").status_code == 404


def test_exactly_the_free_units_are_given_in_a_race(network: Managed) -> None:
    units, clients = 5, 16
    network.post("manager", PLACE, {"code": "scope", "name": "Scope", "kind": "equipment", "units": units})
    members = [network.someone(f"Racer {number}") for number in range(clients)]

    def book(member: str) -> tuple[int, str | None]:
        body = {"member": member, "place": "limoges", "resource": "scope", **_hours(5, 9, 12)}
        answer = network.post("desk", "/v1/bookings", body)
        return answer.status_code, answer.json().get("unit")

    with ThreadPoolExecutor(clients) as pool:
        answers = list(pool.map(book, members))
    assert Counter(status for status, _ in answers) == {201: units, 409: clients - units}
    assert sorted(unit for status, unit in answers if unit) == [str(unit + 1) for unit in range(units)]


def test_the_last_seat_of_a_space_is_given_once(network: Managed) -> None:
    network.sql("UPDATE space SET capacity = 2 WHERE code = 'open-space' AND place = 2 RETURNING 1")
    members = [network.someone(f"Guest {number}", home="isle") for number in range(8)]

    def book(member: str) -> int:
        body = {"member": member, "place": "isle", "space": "open-space", **_hours(5, 9, 12)}
        return network.post("admin", "/v1/bookings", body).status_code

    with ThreadPoolExecutor(8) as pool:
        assert Counter(pool.map(book, members)) == {201: 2, 409: 6}


def test_the_database_refuses_a_unit_twice(network: Managed) -> None:
    network.post("manager", PLACE, {"code": "saw", "name": "Saw", "kind": "machine", "units": 1, "space": "open-space"})
    insert = """
    INSERT INTO booking (member, place, unit, starts_at, ends_at)
    SELECT %s, 1, u.id, now() + interval '9 days', now() + %s * interval '1 day' FROM resource_unit u
    JOIN resource r ON r.id = u.resource WHERE r.code = 'saw' RETURNING space, holds_seat, one_party
    """
    row = network.sql(insert, network.someone(), 10)[0]
    assert row == (network.centre.space("limoges", "open-space")[0], False, False), "where the unit is; without a seat"
    with pytest.raises(psycopg.errors.ExclusionViolation):
        network.sql(insert, network.someone(), 11)


def test_desks_and_rooms_are_what_they_are(network: Managed) -> None:
    desks = network.post("manager", PLACE, {"code": "desks", "name": "Postes", "kind": "desk", "space": "open-space"})
    assert desks.json()["units"] == ["desk-1", "desk-2"]
    twice = {"code": "more", "name": "Encore", "kind": "desk", "desks": ["desk-1"]}
    assert wrong(network.post("manager", PLACE, twice)) == (409, "desks")
    room = {"code": "salle", "name": "Salle", "kind": "room", "space": "room-1"}
    assert network.post("manager", PLACE, room).json()["units"] == ["1"]
    member = network.someone()
    body = {"member": member, "place": "limoges", **_hours(6, 9, 12)}
    assert network.post("desk", "/v1/bookings", {**body, "space": "room-1"}).status_code == 201
    assert wrong(network.post("desk", "/v1/bookings", {**body, "resource": "salle"})) == (409, "from"), "one room"
    desk = network.post("desk", "/v1/bookings", {**body, "resource": "desks", "unit": "desk-2"})
    assert (desk.json()["space"], desk.json()["unit"]) == ("open-space", "desk-2")
    held = network.sql("SELECT space, unit IS NOT NULL FROM public_bookings() WHERE place = 1 AND unit IS NOT NULL")
    assert (network.centre.space("limoges", "open-space")[0], True) in held


def test_an_event_takes_its_room_and_as_many_as_it_holds(network: Managed) -> None:
    body = {"code": "atelier", "name": "Atelier", "kind": "event", "units": 2, "space": "room-1", **_hours(7, 18, 20)}
    assert network.post("manager", PLACE, body).status_code == 201
    member = network.someone()
    room = {"member": member, "place": "limoges", "space": "room-1", **_hours(7, 19, 21)}
    assert wrong(network.post("desk", "/v1/bookings", room)) == (409, "from")
    sign_up = {"place": "limoges", "resource": "atelier"}
    for one in (network.someone("Une"), network.someone("Deux")):
        signed = network.post("desk", "/v1/bookings", {**sign_up, "member": one})
        assert (signed.json()["from"], signed.status_code) == (_utc(body["from"]), 201), signed.text
    full = network.post("desk", "/v1/bookings", {**sign_up, "member": member})
    assert (wrong(full), full.json()["rule"]) == ((409, "from"), "taken")
    later = network.change("manager", "PATCH", f"{PLACE}/atelier", _hours(8, 18, 20))
    assert later.status_code == 200, later.text
    assert network.post("desk", "/v1/bookings", room).status_code == 201, "the room moved with the event"
    off = network.change("manager", "PATCH", f"{PLACE}/atelier", {"retired": True})
    assert off.status_code == 200, off.text
    assert network.sql("SELECT count(*) FROM booking WHERE label = 'Atelier' AND cancelled_at IS NULL") == [(0,)]


def test_a_member_books_for_oneself_only(network: Managed) -> None:
    network.post("manager", PLACE, {"code": "drill", "name": "Drill", "kind": "equipment", "units": 3})
    body = {"place": "limoges", "resource": "drill", **_hours(10, 9, 12)}
    mine = network.call("member", "POST", "/v1/bookings", body, idempotency_key="tap-1")
    assert (mine.status_code, mine.json()["member"], mine.json()["pass"]) == (201, network.member, "p-own1"), mine.text
    again = network.call("member", "POST", "/v1/bookings", body, idempotency_key="tap-1")
    assert (again.status_code, again.json()["ref"]) == (201, mine.json()["ref"]), "the same request is made once"
    other = network.call("member", "POST", "/v1/bookings", {**body, "unit": "1"}, idempotency_key="tap-1")
    assert other.status_code == 409, "the key was used for another request"
    assert wrong(network.post("member", "/v1/bookings", {**body, "member": network.someone()})) == (422, "member")
    theirs = network.post("desk", "/v1/bookings", {**body, "member": network.someone()}).headers["location"]
    assert network.get("member", theirs).status_code == 404
    assert network.call("member", "DELETE", theirs, if_match="*").status_code == 404
    acts = network.get("member", f"{mine.headers['location']}/history").json()["history"]
    bookings.History.model_validate({"history": acts})
    assert [act["action"] for act in acts] == ["booking created"]
    assert network.change("member", "DELETE", mine.headers["location"]).json()["status"] == "cancelled"
    acts = network.get("desk", f"{mine.headers['location']}/history").json()["history"]
    assert [act["action"] for act in acts] == ["booking created", "booking changed"]
    network.sql("UPDATE pass SET revoked_at = now() WHERE ref = 'p-own1' RETURNING 1")
    try:
        refused = network.post("member", "/v1/bookings", {**body, **_hours(11, 9, 12)})
    finally:
        network.sql("UPDATE pass SET revoked_at = NULL WHERE ref = 'p-own1' RETURNING 1")
    assert (refused.status_code, refused.json()["rule"]) == (409, "pass")


@pytest.mark.parametrize(
    ("starts", "ends", "expected"),
    [
        (timedelta(hours=3), timedelta(hours=2), (422, "body")),
        (timedelta(days=-1), timedelta(hours=-22), (409, "from")),
        (timedelta(days=3660), timedelta(days=3660, hours=1), (409, "from")),
        (timedelta(days=1), timedelta(days=60), (409, "until")),
    ],
)
def test_windows_that_no_place_accepts(
    network: Managed, starts: timedelta, ends: timedelta, expected: tuple[int, str]
) -> None:
    now = datetime.now(UTC)
    body = {"member": network.member, "place": "limoges", "space": "open-space"}
    window = {"from": (now + starts).isoformat(), "until": (now + ends).isoformat()}
    assert wrong(network.post("desk", "/v1/bookings", {**body, **window})) == expected


def _hours(after: int, first: int, last: int) -> dict[str, Any]:
    """From one hour to another of a day to come, UTC; days of other tests don't meet."""
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=after + 20)
    return {
        "from": (day + timedelta(hours=first)).isoformat(),
        "until": (day + timedelta(hours=last)).isoformat(),
    }


def _utc(text: str) -> str:
    return datetime.fromisoformat(text).strftime("%Y-%m-%dT%H:%M:%S.000Z")
