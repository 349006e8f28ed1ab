"""The pages of a member's passes, cards, doors and data: for whom, of whom, and what people wrote comes out escaped."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
import pytest

from tests.integration.test_api_manage import make_lists
from tests.managed import managed
from tests.operated import Door, door

NUMBER: Final = "0A0B0C0D"
MARKUP: Final = "<script>alert(1)</script>\"'&<b>"
OURS: Final = {"sec-fetch-site": "same-origin"}
PATHS: Final = (
    "/me/passes", "/me/cards", "/me/cards/open/limoges/entry", "/me/data", "/me/data/all", "/me/data/erase",
)  # fmt: skip
FORMS: Final = ("/me/cards/open/limoges/entry", "/me/data/erase")


@pytest.fixture(scope="module")
def at(postgres_url: str, _template: str) -> Iterator[Door]:
    with managed(postgres_url, _template) as network:
        stand = door(network)
        network.centre.gateway("limoges")
        network.card(network.member, NUMBER)
        passed = {"label": MARKUP, "everywhere": True}
        assert network.post("admin", f"/v1/members/{network.member}/passes", passed).status_code == 201
        network.change("manager", "PUT", "/v1/places/limoges/policy", {"members_open": True})
        make_lists(network)
        stand.read(datetime.now(UTC) - timedelta(minutes=5), card=NUMBER, member="m-own1", reason="space_full")
        yield stand


def _ask(at: Door, who: str, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
    cookie = {"cookie": f"__Host-maillage={at.network.keys[who]}"} if who else {}
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return at.network.api.request(method, path, data=body, headers={"accept-language": "fr", **cookie, **given})


@pytest.mark.parametrize("path", PATHS)
def test_pages_are_a_members_and_nobody_elses(at: Door, path: str) -> None:
    assert _ask(at, "member", "GET", path).status_code == 200
    for who in ("admin", "manager", "desk", "isle", "auditor"):
        assert _ask(at, who, "GET", path).status_code == 404, who
    answer = _ask(at, "", "GET", path)
    assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/sign-in")


@pytest.mark.parametrize("path", FORMS)
def test_forms_are_a_members_own_pages_only(at: Door, path: str) -> None:
    for who in ("admin", "manager", "desk", "isle", "auditor"):
        assert _ask(at, who, "POST", path, {"word": "EFFACER"}, **OURS).status_code == 404, who
    assert _ask(at, "", "POST", path, {}, **OURS).status_code == 401
    for other in (
        {},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
    ):
        assert _ask(at, "member", "POST", path, {"word": "EFFACER", "etag": "*"}, **other).status_code in (
            401,
            403,
            422,
        )
    assert at.network.sql("SELECT count(*) FROM command") == [(0,)]
    assert at.network.sql("SELECT 1 FROM member WHERE ref = 'm-own1'") == [(1,)]


def test_another_member_s_things_are_not_there(at: Door) -> None:
    other = at.network.someone("Lise Autre")
    card = at.network.card(other, "0A0B0C10")
    for path in (f"/me/cards/{card}/lost", f"/me/cards/{card}/doors", "/me/passes/statements/s-none"):
        assert _ask(at, "member", "GET", path).status_code == 404
    assert _ask(at, "member", "POST", f"/me/cards/{card}/lost", {}, **OURS).status_code == 404
    assert at.network.sql("SELECT status FROM card WHERE ref = %s", card) == [("active",)]
    at.network.sql("INSERT INTO pass (member, everywhere) VALUES (%s, true) RETURNING ref", other)
    make_lists(at.network)
    key = at.network.post("admin", f"/v1/members/{other}/key", {}).json()["key"]
    body = {"place": "limoges", "door": "entry"}
    order = at.network.api.post("/v1/me/unlock", json=body, headers={"authorization": f"Bearer {key}"}).json()["id"]
    path = f"/me/cards/open/limoges/entry?order={order}"
    assert _ask(at, "member", "GET", path).status_code == 404
    at.network.sql("DELETE FROM command RETURNING 1")


def test_an_order_is_shown_on_its_door_only(at: Door) -> None:
    made = _ask(at, "member", "POST", "/me/cards/open/limoges/entry", {"once": "abc123"}, **OURS)
    assert made.status_code == 303
    where = made.headers["location"]
    assert _ask(at, "member", "GET", where).status_code == 200
    again = _ask(at, "member", "POST", "/me/cards/open/limoges/entry", {"once": "abc123"}, **OURS)
    assert again.headers["location"] == where, "sent twice, opened once"
    assert at.network.sql("SELECT count(*) FROM command") == [(1,)]
    assert _ask(at, "member", "GET", where.replace("limoges", "isle")).status_code == 404
    for bad in ("order=..%2F..%2Fme", "order=o-none", "sent=%3Cscript%3E", "sent=nothing"):
        answer = _ask(at, "member", "GET", f"/me/cards/open/limoges/entry?{bad}")
        assert answer.status_code in (200, 404)
        assert "<script>" not in answer.text
    assert _ask(at, "member", "GET", "/me/cards/open/limoges/cellar").status_code == 404
    assert _ask(at, "member", "POST", "/me/cards/open/nowhere/entry", {}, **OURS).status_code == 404
    at.network.sql("DELETE FROM command RETURNING 1")


def test_what_people_wrote_comes_out_escaped(at: Door) -> None:
    sql = at.network.sql
    sql("UPDATE member SET name = %s, email = 'x@example.org' WHERE ref = 'm-own1' RETURNING 1", MARKUP)
    sql("UPDATE place SET name = %s WHERE code = 'limoges' RETURNING 1", MARKUP)
    sql("UPDATE door SET name = %s RETURNING 1", MARKUP)
    sql(
        "INSERT INTO consent (member, guardian, given_on, seen_by)"
        " VALUES ('m-own1', %s, '2026-01-01', 'x') RETURNING 1",
        MARKUP,
    )
    sql("INSERT INTO organisation (code, name) VALUES ('org', %s) RETURNING 1", MARKUP)
    sql(
        "UPDATE member SET organisation = (SELECT id FROM organisation WHERE code = 'org')"
        " WHERE ref = 'm-own1' RETURNING 1"
    )
    shown = 0
    for path in PATHS:
        text = _ask(at, "member", "GET", path).text
        assert "<script>alert" not in text, path
        assert "'&<b>" not in text, path
        shown += "&lt;script&gt;alert(1)" in text
    assert shown >= 5
    typed = _ask(at, "member", "POST", "/me/data/erase", {"word": MARKUP}, **OURS)
    assert typed.status_code == 422
    assert "<script>alert" not in typed.text
    assert "&lt;script&gt;alert(1)" in typed.text, "what was typed stays"


def test_an_erasure_needs_the_word_and_the_revision(at: Door) -> None:
    for body in ({}, {"word": "oui"}, {"word": "ERASE"}):
        assert _ask(at, "member", "POST", "/me/data/erase", body, **OURS).status_code == 422
    assert _ask(at, "member", "POST", "/me/data/erase", {"word": "EFFACER", "etag": '"99"'}, **OURS).status_code == 412
    assert at.network.sql("SELECT 1 FROM member WHERE ref = 'm-own1'") == [(1,)]
    assert _ask(at, "member", "GET", "/me/data/erased").status_code == 404, "who is signed in isn't erased"
    assert _ask(at, "", "GET", "/me/data/erased").status_code == 200


def test_a_session_of_another_browser_is_ended_here(at: Door) -> None:
    assert _ask(at, "member", "POST", "/me/sessions/999999/end", {}, **OURS).status_code == 404
    assert _ask(at, "admin", "POST", "/me/sessions/999999/end", {}, **OURS).status_code == 404
