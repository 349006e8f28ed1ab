"""What was typed is kept: the page of a refused form has an address, and a long form outlives its session."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.managed import Managed, managed

OURS = {"sec-fetch-site": "same-origin", "accept": "text/html"}
FORM = "/manage/limoges/members/new"


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        yield one


def visit(network: Managed, key: str, method: str, path: str, data: Any = None, **headers: str) -> httpx.Response:
    given = {**OURS, "cookie": f"__Host-maillage={key}", **{name.replace("_", "-"): v for name, v in headers.items()}}
    with httpx.Client(base_url=network.api.base_url, timeout=60) as browser:
        return browser.request(method, path, data=data, headers=given)


def refused(network: Managed, who: str = "desk", **headers: str) -> httpx.Response:
    wrong = {"name": "Typed <Here>", "email": "no address"}
    return visit(network, network.keys[who], "POST", FORM, wrong, **headers)


def test_a_refused_forms_page_has_an_address_for_its_session_only(network: Managed) -> None:
    at_once = refused(network)
    assert at_once.status_code == 422, "scripts, and browsers that don't say where they go"
    moved = refused(network, sec_fetch_mode="navigate")
    assert moved.status_code == 303
    where = moved.headers["location"]
    assert where.startswith(f"{FORM}?kept=")
    again = [visit(network, network.keys["desk"], "GET", where) for _ in range(2)]
    for one in again:
        assert (one.status_code, one.headers["cache-control"]) == (422, "no-store")
        assert "Typed &lt;Here&gt;" in one.text
        assert one.headers["content-security-policy"] == at_once.headers["content-security-policy"]
    other = visit(network, network.keys["manager"], "GET", where)
    assert (other.status_code, "Typed" in other.text) == (200, False), "another session gets the form"
    nobody = visit(network, "", "GET", where)
    assert nobody.headers["location"].startswith("/sign-in?next=")
    sealed = b"".join(bytes(row[0]) for row in network.sql("SELECT sealed FROM refused_form"))
    assert b"Typed" not in sealed
    assert where.partition("kept=")[2].encode() not in sealed
    network.sql("UPDATE refused_form SET expires_at = now() - interval '1 s' RETURNING 1")
    late = visit(network, network.keys["desk"], "GET", where)
    assert (late.status_code, "Typed" in late.text) == (200, False), "later too"


def test_a_form_whose_address_is_no_page_is_kept_too(network: Managed) -> None:
    desk, ref = network.keys["desk"], network.someone("No Card")
    path = f"/manage/limoges/members/{ref}/cards/none/lost"
    moved = visit(network, desk, "POST", path, {"x": "y"}, sec_fetch_mode="navigate")
    where = moved.headers["location"]
    assert (moved.status_code, where.partition("?")[0]) == (303, path)
    assert visit(network, desk, "GET", where).status_code == 404


def test_of_one_session_the_last_twenty_are_kept(network: Managed) -> None:
    found = [refused(network, sec_fetch_mode="navigate").headers["location"] for _ in range(22)]
    assert visit(network, network.keys["desk"], "GET", found[-1]).status_code == 422
    assert network.sql("SELECT count(*) FROM refused_form")[0][0] <= 20


def test_a_long_form_outlives_its_session(network: Managed) -> None:
    gone = "mk_" + "0" * (len(network.keys["desk"]) - 3)
    long = "Déjà tapé, " * 4_000
    kept = visit(network, gone, "POST", FORM, {"name": "Ana", "note": long})
    assert kept.status_code == 401
    assert long in html.unescape(kept.text)
    other_site = visit(network, gone, "POST", FORM, {"note": long}, sec_fetch_site="cross-site")
    assert other_site.status_code == 303
    assert long not in other_site.text
    longer = visit(network, gone, "POST", FORM, {"note": long * 3})
    assert longer.status_code == 303, "so long a form is read of nobody"
