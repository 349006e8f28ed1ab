"""The pages of guests: who sees them, whose guests they show, and what a form of another site or of nobody does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.integration.test_guest_qr import READER
from tests.managed import Managed, managed

OURS = {"sec-fetch-site": "same-origin", "accept-language": "fr"}
STAFF = ("admin", "manager", "isle", "desk", "auditor")
MARKUP = "<script>alert(1)</script>\"'&amp;<b>x</b>"
DAY = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()
FORM = {"way": "hours", "name": "Ana", "place": "limoges", "day": DAY, "begins": "09:00", "ends": "12:00"}


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        one.sql("INSERT INTO pass (ref, member, everywhere) VALUES ('p-own1', %s, true) RETURNING ref", one.member)
        one.sql(READER)
        ((other,),) = one.sql("INSERT INTO member (name) VALUES ('Another') RETURNING ref")
        one.sql("INSERT INTO pass (member, everywhere) VALUES (%s, true) RETURNING ref", other)
        keys = {**one.keys, "other": one.key("other", role="member", member=other)}
        object.__setattr__(one, "keys", keys)
        yield one


def send(network: Managed, who: str | None, method: str, path: str, form: Any = None, **headers: str) -> httpx.Response:
    cookie = {} if who is None else {"cookie": f"__Host-maillage={network.keys[who]}"}
    given = {**OURS, **cookie, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return network.api.request(method, path, data=form, headers=given)


def invited(network: Managed, who: str = "member", **more: str) -> str:
    """Invite by the form; return the reference."""
    before = {one["ref"] for one in network.get(who, "/v1/guests").json()["guests"]}
    answer = send(network, who, "POST", "/me/guests", {**FORM, **more})
    assert answer.status_code == 200, answer.text
    (new,) = {one["ref"] for one in network.get(who, "/v1/guests").json()["guests"]} - before
    return str(new)


def test_members_have_the_page_and_nobody_else(network: Managed) -> None:
    assert send(network, "member", "GET", "/me/guests").status_code == 200
    for who in STAFF:
        assert send(network, who, "GET", "/me/guests").status_code == 404, who
        assert send(network, who, "POST", "/me/guests", FORM).status_code == 404, who
    away = send(network, None, "GET", "/me/guests?booking=x")
    assert (away.status_code, away.headers["location"]) == (303, "/sign-in?next=%2Fme%2Fguests%3Fbooking%3Dx")
    kept = send(network, None, "POST", "/me/guests", {**FORM, "name": MARKUP})
    assert kept.status_code == 401
    assert "<script>alert(1)" not in kept.text


def test_another_sites_form_does_nothing(network: Managed) -> None:
    before = network.get("member", "/v1/guests").json()
    for site in ("cross-site", "same-site"):
        assert send(network, "member", "POST", "/me/guests", FORM, sec_fetch_site=site).status_code == 422
    ref = invited(network)
    assert (
        send(network, "member", "POST", f"/me/guests/{ref}/cancel", {}, sec_fetch_site="cross-site").status_code == 422
    )
    assert [one["status"] for one in network.get("member", "/v1/guests").json()["guests"]] == [
        *(one["status"] for one in before["guests"]),
        "expected",
    ]
    assert send(network, "member", "POST", f"/me/guests/{ref}/cancel", {}).status_code == 303


def test_another_members_guest_is_as_one_that_isnt_there(network: Managed) -> None:
    ref = invited(network, "other", name="Theirs Alone")
    for path in (f"/me/guests/{ref}/cancel", "/me/guests/p-0000000000000000/cancel"):
        for method in ("GET", "POST"):
            answer = send(network, "member", method, path, {} if method == "POST" else None)
            assert answer.status_code == 404, (method, path)
            assert "Theirs Alone" not in answer.text
    assert "Theirs Alone" not in send(network, "member", "GET", "/me/guests").text
    assert (
        send(network, "member", "POST", "/me/guests", {**FORM, "way": "booking", "booking": "b-none"}).status_code
        == 404
    )
    assert send(network, "other", "POST", f"/me/guests/{ref}/cancel", {}).status_code == 303


def test_what_people_write_is_never_markup(network: Managed) -> None:
    wrong = send(network, "member", "POST", "/me/guests", dict.fromkeys(FORM, MARKUP) | {"email": MARKUP})
    assert wrong.status_code == 422
    assert "<script>alert(1)" not in wrong.text and "<b>x</b>" not in wrong.text
    ref = invited(network, name=MARKUP)
    for path in ("/me/guests", f"/me/guests/{ref}/cancel"):
        text = send(network, "member", "GET", path).text
        assert "&lt;script&gt;alert(1)" in text
        assert "<script>alert(1)" not in text and "<b>x</b>" not in text
    assert send(network, "member", "POST", f"/me/guests/{ref}/cancel", {}).status_code == 303


def test_a_refused_form_says_why_and_keeps_what_was_typed(network: Managed) -> None:
    cases = [
        ({"name": ""}, 422, "Écrivez le nom"),
        ({"day": "31/12"}, 422, "illisibles"),
        ({"begins": "soon"}, 422, "illisibles"),
        ({"day": "2020-01-01"}, 422, "à venir"),
        ({"place": ""}, 422, "Choisissez un lieu"),
        ({"way": "booking", "booking": ""}, 422, "Choisissez une réservation"),
        ({"place": "isle", "credential": "qr"}, 409, "pas de lecteur de QR"),
        ({"email": "nobody"}, 422, "n&#39;est pas valable"),
    ]
    for changed, status, words in cases:
        answer = send(network, "member", "POST", "/me/guests", {**FORM, "name": "Kept Name", **changed})
        assert (answer.status_code, words in answer.text) == (status, True), (changed, answer.text[:4000])
        assert 'value="Kept Name"' in answer.text or "name" in changed


def test_the_same_form_again_invites_once_and_shows_the_same_code(network: Managed) -> None:
    form = {**FORM, "name": "Only Once", "once": "a1b2c3d4e5f6"}
    first, second = (send(network, "member", "POST", "/me/guests", form) for _ in range(2))
    assert first.text == second.text
    assert 'id="code"' in first.text
    named = [one for one in network.get("member", "/v1/guests").json()["guests"] if one["name"] == "Only Once"]
    assert len(named) == 1


def test_hours_beyond_midnight_are_the_next_days(network: Managed) -> None:
    ref = invited(network, "other", begins="22:00", ends="01:00")
    (one,) = (one for one in network.get("other", "/v1/guests").json()["guests"] if one["ref"] == ref)
    assert datetime.fromisoformat(one["until"]) - datetime.fromisoformat(one["from"]) == timedelta(hours=3)
