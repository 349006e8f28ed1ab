"""The member's pages of seats and bookings: for whom they are, whose objects they show, markup, other sites' forms."""

from __future__ import annotations

import html
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from psycopg.types.json import Jsonb

from tests.managed import Managed, managed
from tests.waiting import until

OURS = {"sec-fetch-site": "same-origin"}
PAGES = (
    "/me/seats",
    "/me/seats?near=45.83,1.26",
    "/me/seats?when=then&day=2001-02-30&from=x&until=25:00&seats=%00&kind=nothing",
    "/me/bookings",
    "/me/bookings?past=all&done=booked&ref=x",
    "/me/bookings/new",
    "/me/bookings/new?place=limoges",
    "/me/bookings/new?place=limoges&day=0001-01-01&from=24:00&until=",
    "/me/bookings/confirm?place=limoges&thing=resource:laser",
    "/me/bookings/calendar",
)
NAME = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        one.sql(
            "INSERT INTO pass (ref, member, everywhere, label) VALUES ('p-own1', %s, true, %s) RETURNING 1",
            one.member,
            NAME,
        )
        one.sql("UPDATE place SET name = %s, address = %s WHERE code = 'limoges' RETURNING 1", NAME, NAME)
        one.sql("UPDATE space SET name = %s WHERE code <> 'place' RETURNING 1", NAME)
        for place in ("limoges", "isle"):
            body = {"code": "laser", "name": NAME, "kind": "machine", "units": 1, "hour_cents": 1000}
            assert one.post("admin", f"/v1/places/{place}/resources", body).status_code == 201
        one.post("admin", "/v1/places/limoges/resources", {**event(), "code": "night", "name": NAME})
        until(lambda: one.api.get("/v1/places/limoges").json()["name"] == NAME, deadline_s=60, what="the name is known")
        yield one


@pytest.fixture(autouse=True)
def _empty(network: Managed) -> None:
    network.sql("WITH w AS (DELETE FROM waiting), b AS (DELETE FROM booking) SELECT 1")


def event() -> dict[str, Any]:
    starts = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    times = {"from": starts.isoformat(), "until": (starts + timedelta(hours=2)).isoformat()}
    return {"kind": "event", "units": 2, **times}


def hours(first: int = 9, last: int = 11) -> dict[str, str]:
    day = (datetime.now(UTC) + timedelta(days=2)).replace(hour=0, minute=0, second=0, microsecond=0)
    return {"from": (day + timedelta(hours=first)).isoformat(), "until": (day + timedelta(hours=last)).isoformat()}


def booked(network: Managed, who: str = "member", **more: Any) -> str:
    """Make a booking of the laser; return its reference."""
    made = network.post(who, "/v1/bookings", {"place": "limoges", "resource": "laser", **hours(), **more})
    assert made.status_code == 201, made.text
    return str(made.json()["ref"])


def visit(
    network: Managed, who: str | None, method: str, path: str, data: Any = None, **headers: str
) -> httpx.Response:
    cookie = {} if who is None else {"cookie": f"__Host-maillage={network.keys[who]}"}
    return network.api.request(
        method, path, data=data, headers={**cookie, **{k.replace("_", "-"): v for k, v in headers.items()}}
    )


def forms(ref: str, entry: str, series: str) -> list[tuple[str, dict[str, str]]]:
    when = {"day": "2030-01-01", "from": "09:00", "until": "10:00"}
    return [
        ("/me/bookings/confirm", {"place": "limoges", "thing": "resource:laser", **when}),
        (f"/me/bookings/{ref}", {"etag": "*", **when}),
        (f"/me/bookings/{ref}/cancel", {}),
        (f"/me/bookings/{ref}/again", {}),
        (f"/me/bookings/series/{series}/cancel", {}),
        (f"/me/bookings/waiting/{entry}/accept", {}),
        (f"/me/bookings/waiting/{entry}/decline", {}),
        (f"/me/bookings/waiting/{entry}/leave", {}),
        ("/me/bookings/calendar/feeds", {}),
        ("/me/bookings/calendar/feeds/1/end", {}),
        ("/me/bookings/calendar/own", {"url": "https://example.org/x.ics"}),
        ("/me/bookings/calendar/own/1/end", {}),
    ]


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_for_members(network: Managed, path: str) -> None:
    answer = visit(network, "member", "GET", path)
    assert answer.status_code == 200, answer.text[:500]
    assert NAME not in answer.text
    geolocation = "geolocation=(self)" if path.startswith("/me/seats") else "geolocation=()"
    assert geolocation in answer.headers["permissions-policy"]
    for who in ("desk", "manager", "isle", "auditor", "admin", "reader"):
        assert visit(network, who, "GET", path).status_code == 404, who
    assert visit(network, None, "GET", path).headers["location"].startswith("/sign-in?next=")


def test_what_a_person_wrote_is_no_markup(network: Managed) -> None:
    ref = booked(network)
    for path in (
        "/me",
        "/me/bookings",
        f"/me/bookings/{ref}",
        f"/me/guests?booking={ref}",
        "/me/bookings/new?place=limoges",
    ):
        text = visit(network, "member", "GET", path).text
        assert NAME not in text
        assert html.escape(NAME) in text, path
    typed = visit(network, "member", "GET", "/me/seats", None).text
    assert NAME not in typed
    answer = network.api.get(
        "/me/seats", params={"near": NAME}, headers={"cookie": f"__Host-maillage={network.keys['member']}"}
    )
    assert answer.status_code == 200
    assert NAME not in answer.text
    refused = visit(network, "member", "POST", "/me/bookings/calendar/own", {"url": NAME}, **OURS)
    assert (refused.status_code, NAME in refused.text) == (422, False)
    wrong = {"place": "limoges", "thing": "resource:laser", "day": NAME, "from": NAME, "until": NAME}
    refused = visit(network, "member", "POST", "/me/bookings/confirm", wrong, **OURS)
    assert (refused.status_code, NAME in refused.text) == (422, False)
    assert html.escape(NAME) in refused.text, "what was typed stays"


def test_another_members_objects_are_as_if_they_were_not_there(network: Managed) -> None:
    other = network.someone("Ana")
    network.sql("INSERT INTO pass (member, everywhere) VALUES (%s, true) RETURNING 1", other)
    theirs = booked(network, "desk", member=other)
    waits = network.post(
        "desk", "/v1/waiting", {"place": "limoges", "resource": "laser", "member": network.someone(), **hours()}
    )
    more = {"member": other, "rule": "FREQ=WEEKLY;COUNT=2", "place": "limoges", "resource": "laser", **hours(14, 15)}
    series = network.post("desk", "/v1/booking-series", more)
    assert series.status_code == 201, series.text
    refs = (theirs, waits.json().get("ref", "w-none"), series.json()["ref"])
    assert visit(network, "member", "GET", f"/me/bookings/{theirs}").status_code == 404
    assert visit(network, "member", "GET", f"/me/bookings/series/{refs[2]}").status_code == 404
    for path, fields in forms(*refs):
        if any(ref in path for ref in refs) or path.endswith("1/end"):
            assert visit(network, "member", "POST", path, fields, **OURS).status_code == 404, path
    assert network.get("admin", f"/v1/bookings/{theirs}").json()["status"] == "booked"


def test_forms_are_for_members_from_our_own_pages(network: Managed) -> None:
    ref = booked(network)
    for path, fields in forms(ref, "w-0000", "s-0000"):
        for who in ("desk", "manager", "isle", "auditor"):
            assert visit(network, who, "POST", path, fields, **OURS).status_code in (403, 404), (who, path)
        assert visit(network, None, "POST", path, fields, **OURS).status_code == 401, path
        for headers in ({}, {"sec_fetch_site": "cross-site"}, {"origin": "https://evil.example"}):
            assert visit(network, "member", "POST", path, fields, **headers).status_code == 422, path
    (one,) = network.get("member", "/v1/bookings").json()["bookings"]
    assert one["status"] == "booked"
    assert network.get("member", "/v1/calendar-feeds").json()["feeds"] == []


def test_the_same_form_sent_twice_books_once(network: Managed) -> None:
    day = f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d}"
    fields = {
        "place": "limoges",
        "thing": "space:open-space",
        "day": day,
        "from": "09:00",
        "until": "10:00",
        "once": "abc1",
    }
    answers = [visit(network, "member", "POST", "/me/bookings/confirm", fields, **OURS) for _ in range(2)]
    assert {one.status_code for one in answers} == {303}
    assert len({one.headers["location"] for one in answers}) == 1
    assert len(network.get("member", "/v1/bookings").json()["bookings"]) == 1


def test_an_event_is_signed_up_for_and_each_rule_has_its_words(network: Managed) -> None:
    fields = {"place": "limoges", "thing": "event:night"}
    made = visit(network, "member", "POST", "/me/bookings/confirm", fields, **OURS)
    assert made.status_code == 303, made.text[:300]
    assert visit(network, "member", "GET", made.headers["location"]).status_code == 200
    past = {"place": "limoges", "thing": "resource:laser", "day": "2020-01-01", "from": "09:00", "until": "10:00"}
    refused = visit(network, "member", "POST", "/me/bookings/confirm", past, accept_language="fr", **OURS)
    assert refused.status_code == 409
    assert "Ce créneau est passé" in html.unescape(refused.text)


def test_slots_have_seats_and_rooms(network: Managed) -> None:
    def found(**more: Any) -> dict[str, Any]:
        query = {"place": "limoges", "minutes": 60, "limit": 500, **hours(9, 12), **more}
        answer = network.api.get(
            "/v1/slots", params=query, headers={"Authorization": f"Bearer {network.keys['member']}"}
        )
        assert answer.status_code == 200, answer.text
        answered: dict[str, Any] = answer.json()
        return answered

    assert found()["spaces"] == []
    spaces = {one["space"]: one for one in found(spaces="true")["spaces"]}
    assert {code: one["kind"] for code, one in spaces.items()} == {"open-space": "seat", "room-1": "room"}
    assert [one["units"] for one in spaces["open-space"]["slots"]] == [24] * 9
    for space in ("open-space", "room-1"):
        made = network.post("member", "/v1/bookings", {"place": "limoges", "space": space, **hours(10, 11)})
        assert made.status_code == 201, made.text
    spaces = {one["space"]: one for one in found(spaces="true")["spaces"]}
    assert [one["units"] for one in spaces["open-space"]["slots"]] == [24, 23, 23, 23, 23, 23, 23, 23, 24]
    assert [one["from"][11:16] for one in spaces["room-1"]["slots"]] == ["09:00", "11:00"]
    only = found(space="room-1")
    assert (only["resources"], [one["space"] for one in only["spaces"]]) == ([], ["room-1"])


def test_availability_of_named_places(network: Managed) -> None:
    answer = network.get("member", "/v1/availability?only=isle&only=limoges").json()
    names = [one["place"] for kind in ("places", "unknown", "not_offered") for one in answer[kind]]
    assert sorted(names) == ["isle", "limoges"]
    answer = network.get("member", "/v1/availability?only=isle&near=45.83,1.26").json()
    assert [one["place"] for kind in ("places", "unknown", "not_offered") for one in answer[kind]] == ["isle"]
    assert network.get("member", "/v1/availability?only=nowhere").status_code == 404


def test_a_time_that_the_rules_refuse_does_not_look_full(network: Managed) -> None:
    def shown(days: int, first: str, last: str) -> tuple[str, str]:
        day = f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}"
        query = f"place=limoges&day={day}&from={first}&until={last}"
        chosen = visit(network, "member", "GET", f"/me/bookings/new?{query}", accept_language="fr").text
        one = visit(
            network, "member", "GET", f"/me/bookings/confirm?{query}&thing=resource:laser", accept_language="fr"
        )
        return html.unescape(chosen), html.unescape(one.text)

    path = "/v1/places/limoges/booking-rules/all"
    network.change("admin", "PUT", path, {"notice_minutes": 4320, "ahead_days": 20})
    daily = {day: [["08:00", "20:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
    network.sql("UPDATE place SET opening_hours = %s WHERE code = 'limoges' RETURNING 1", Jsonb(daily))
    try:
        for days, first, last, said in (
            (1, "10:00", "12:00", "Réservable jusqu'au"),
            (30, "10:00", "12:00", "Réservable à partir du"),
            (8, "05:00", "07:00", "fermé pendant une partie"),
            (-8, "10:00", "12:00", "passé"),
        ):
            for page in shown(days, first, last):
                assert "liste d'attente" not in page.lower()
                assert "pas libre à ce" not in page
                assert days < 0 or said in page
        assert all("Réserver" in page and "chip warn" not in page for page in shown(8, "10:00", "12:00"))
    finally:
        network.sql("UPDATE place SET opening_hours = NULL WHERE code = 'limoges' RETURNING 1")
        network.sql("DELETE FROM booking_rule RETURNING 1")
