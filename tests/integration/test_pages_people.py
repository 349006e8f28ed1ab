"""The pages of members: who sees them, what they change, and that nothing unescaped comes out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import httpx
import pytest

from tests.managed import Managed, managed

_MARKUP: Final = '<script>alert("x")</script>'
_OURS: Final = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        yield one


def get(network: Managed, who: str, path: str) -> httpx.Response:
    cookie = {"Cookie": f"__Host-maillage={network.keys[who]}", "Accept-Language": "en"}
    return network.api.get(path, headers=cookie)


def send(network: Managed, who: str, path: str, fields: dict[str, str], **headers: str) -> httpx.Response:
    cookie = {"Cookie": f"__Host-maillage={network.keys[who]}", "Accept-Language": "en"}
    return network.api.post(path, data=fields, headers={**cookie, **(headers or _OURS)})


def test_the_pages_are_for_the_staff_of_the_place(network: Managed) -> None:
    ref = network.someone()
    paths = ["", f"/{ref}", f"/{ref}/doors", "/new", f"/{ref}/edit", f"/{ref}/pin", f"/{ref}/cards/new"]
    paths += [f"/{ref}/proofs", f"/{ref}/consent"]
    for path in paths:
        for who in ("admin", "manager", "desk"):
            assert get(network, who, f"/manage/limoges/members{path}").status_code == 200, (who, path)
        for who in ("isle", "member"):
            assert get(network, who, f"/manage/limoges/members{path}").status_code == 404, (who, path)
        assert network.api.get(f"/manage/limoges/members{path}").status_code == 303, path
    for path in paths[3:]:
        assert get(network, "auditor", f"/manage/limoges/members{path}").status_code == 404, path
    assert get(network, "manager", f"/manage/limoges/members/{ref}/history").status_code == 200
    assert get(network, "desk", f"/manage/limoges/members/{ref}/history").status_code == 404
    assert get(network, "admin", f"/manage/limoges/members/{ref}/erase").status_code == 200
    assert get(network, "manager", f"/manage/limoges/members/{ref}/erase").status_code == 404


def test_another_place_s_member_is_as_one_that_is_not_there(network: Managed) -> None:
    theirs = network.someone("Paul Loin", home="isle")
    for path in ("", "/edit", "/pin", "/cards/new"):
        assert get(network, "manager", f"/manage/limoges/members/{theirs}{path}").status_code == 404
    assert send(network, "manager", f"/manage/limoges/members/{theirs}/suspend", {}).status_code == 404


def test_a_member_is_registered_found_by_the_card_and_shown_escaped(network: Managed) -> None:
    fields = {"name": _MARKUP, "email": "m@example.org", "home": "limoges"}
    made = send(network, "desk", "/manage/limoges/members/new", fields)
    assert made.status_code == 303
    home = made.headers["location"].partition("?")[0]
    given = send(network, "desk", f"{home}/cards/new", {"how": "number", "number": "04A1B2C3D4E5F6"})
    assert given.status_code == 303, given.text
    for path in (home, "/manage/limoges/members?q=e5f6", f"{home}/edit", f"{home}/cards/new"):
        shown = get(network, "desk", path).text
        assert _MARKUP not in shown
        assert "&lt;script&gt;" in shown, path
    again = send(network, "desk", "/manage/limoges/members/new", {**fields, "name": "Zoé", "email": "M@example.org"})
    assert again.status_code == 409
    assert "Another member has this e-mail address." in again.text
    assert 'value="Zoé"' in again.text, "what was typed stays"


def test_another_site_can_not_send_a_form(network: Managed) -> None:
    path = f"/manage/limoges/members/{network.someone('Ana')}/suspend"
    assert send(network, "manager", path, {}, **{"Sec-Fetch-Site": "cross-site"}).status_code == 422
    assert send(network, "manager", path, {}).status_code == 303


def test_who_saves_second_sees_what_the_first_saved(network: Managed) -> None:
    ref = network.someone("Léa Un")
    path = f"/manage/limoges/members/{ref}/edit"
    etag = network.get("admin", f"/v1/members/{ref}").headers["etag"]
    first = send(network, "desk", path, {"name": "Léa Deux", "home": "limoges", "etag": etag})
    assert first.status_code == 303
    second = send(network, "manager", path, {"name": "Léa Trois", "home": "limoges", "etag": etag})
    assert second.status_code == 412
    assert "meantime: Léa Deux" in second.text
    assert 'value="Léa Trois"' in second.text


def test_a_code_is_shown_once_and_a_lost_card_needs_two_steps(network: Managed) -> None:
    home = f"/manage/limoges/members/{network.someone('Ida')}"
    made = send(network, "desk", f"{home}/cards/new", {"how": "code", "once": "a1b2c3"})
    assert made.status_code == 201
    assert send(network, "desk", f"{home}/cards/new", {"how": "code", "once": "a1b2c3"}).text == made.text
    (card,) = network.get("desk", f"/v1/members/{home.rpartition('/')[2]}/cards").json()["cards"]
    assert get(network, "desk", f"{home}/cards/{card['ref']}/lost").status_code == 200
    lost = send(network, "desk", f"{home}/cards/{card['ref']}/lost", {})
    assert get(network, "desk", lost.headers["location"]).status_code == 200
    assert network.get("desk", f"/v1/cards/{card['ref']}").json()["status"] == "lost"


def test_the_home_is_named_and_a_link_asks_why_at_a_door(network: Managed) -> None:
    ref = network.someone("Rose Nom")
    shown = get(network, "manager", f"/manage/limoges/members/{ref}").text
    assert "<dt>Home place</dt><dd>Limoges</dd>" in shown
    assert f'href="/manage/limoges/doors/why?member={ref}"' in shown
    year = network.get("manager", f"/v1/members/{ref}").json()["created_at"][:4]
    since = shown.partition("<dt>Member since</dt><dd>")[2].partition("</dd>")[0]
    assert since.endswith(year) or int(since[-4:]) == int(year) + 1, "a new year has begun at the place"
