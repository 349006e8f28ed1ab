"""Another person's objects, and a role that ends while its holder looks at a page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
import psycopg
import pytest

from api.sign_in import owner
from tests.integration.test_guest_qr import READER
from tests.managed import Managed, managed

MISSING: Final = (403, 404)


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        one.sql(
            "WITH made AS (INSERT INTO pass (ref, member) VALUES ('p-own1', 'm-own1') RETURNING ref)"
            " INSERT INTO pass_place (pass, place)"
            " SELECT made.ref, p.id FROM made, place p WHERE p.code = 'limoges' RETURNING 1"
        )
        one.sql(READER)
        yield one


def browser(network: Managed, key: str) -> httpx.Client:
    headers = {"sec-fetch-site": "same-origin", "cookie": f"__Host-maillage={key}"}
    return httpx.Client(base_url=network.api.base_url, timeout=60, headers=headers)


def test_nothing_of_a_member_is_another_members(network: Managed) -> None:
    now = datetime.now(UTC)
    times = {"from": (now + timedelta(hours=2)).isoformat(), "until": (now + timedelta(hours=3)).isoformat()}

    def made(path: str, **body: Any) -> Any:
        answer = network.post("member", path, body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    card = network.card("m-own1", "0A0B0C1F")
    booking = made("/v1/bookings", place="limoges", space="room-1", **times)["ref"]
    guest = made(f"/v1/bookings/{booking}/guests", name="Ana")["ref"]
    own = made("/v1/guests", place="limoges", name="Nora", credential="qr", **times)["ref"]
    ((other,),) = network.sql(
        "INSERT INTO member (name, home) SELECT 'Other', id FROM place WHERE code = 'limoges' RETURNING ref"
    )
    network.sql("INSERT INTO pass (member, everywhere) VALUES (%s, true) RETURNING ref", other)
    keys = {"other": network.key("other", role="member", member=other), "isle": network.keys["isle"]}
    before = network.sql("SELECT count(*) FROM audit WHERE action NOT LIKE 'read %%'")
    asked: list[tuple[str, str, Any]] = [
        ("GET", f"/v1/bookings/{booking}", None),
        ("GET", f"/v1/bookings/{booking}/guests", None),
        ("GET", f"/v1/bookings/{booking}/history", None),
        ("POST", f"/v1/bookings/{booking}/guests", {"name": "Eve"}),
        ("DELETE", f"/v1/bookings/{booking}/guests/{guest}", None),
        ("DELETE", f"/v1/bookings/{booking}", None),
        ("PATCH", f"/v1/bookings/{booking}", times),
        ("DELETE", f"/v1/guests/{own}", None),
        ("DELETE", f"/v1/guests/{guest}", None),
        ("GET", f"/v1/visitors/{own}/qr.svg", None),
        ("PATCH", f"/v1/visitors/{own}", {"status": "cancelled"}),
        ("GET", f"/v1/cards/{card}", None),
        ("POST", f"/v1/cards/{card}/lost", None),
        ("GET", "/v1/members/m-own1", None),
        ("GET", "/v1/members/m-own1/passes", None),
        ("GET", "/v1/members/m-own1/consent", None),
        ("PUT", "/v1/members/m-own1/pin", {"pin": "4711"}),
        ("POST", "/v1/me/unlock", {"place": "limoges", "door": "entry", "card": card}),
        ("GET", "/v1/places/limoges/plan", None),
        ("GET", "/v1/places/limoges/live", None),
        ("GET", "/v1/places/limoges/door-events", None),
        ("POST", "/v1/operators/u-0000000000000000/invitation", {}),
    ]
    reached = []
    for who, key in keys.items():
        headers = {"Authorization": f"Bearer {key}", "If-Match": "*"}
        for method, path, body in asked:
            answer = network.api.request(method, path, json=body, headers=headers)
            if answer.status_code not in (*MISSING, 409) or "Nora" in answer.text or "Ana" in answer.text:
                reached.append((who, method, path, answer.status_code, answer.text[:200]))
    assert not reached
    assert network.sql("SELECT count(*) FROM audit WHERE action NOT LIKE 'read %%'") == before
    with browser(network, keys["other"]) as theirs:
        for path in (
            f"/me/bookings/{booking}",
            f"/me/guests/{own}/cancel",
            f"/me/cards/{card}/lost",
            f"/me/cards/{card}/doors",
        ):
            assert theirs.get(path).status_code == 404, path


def test_a_manager_who_loses_a_place_sees_nothing_of_it_from_then_on(network: Managed) -> None:
    roles = [{"role": "place_manager", "places": ["limoges", "isle"]}]
    made = network.post("admin", "/v1/operators", {"name": "Ada", "email": "ada@example.org", "roles": roles})
    assert made.status_code == 201, made.text
    ref = made.json()["ref"]
    with psycopg.connect(network.database.url) as conn:
        path = owner.path_to_sign_in(conn, operator=ref)
    with browser(network, "") as nobody:
        answer = nobody.post(path, data={"ref": ref, "role": "place_manager"})
    with browser(network, answer.cookies["__Host-maillage"]) as ada:
        for page in ("/manage/limoges", "/manage/limoges/members", "/manage/isle"):
            assert ada.get(page).status_code == 200, page
        navigating = {"sec-fetch-mode": "navigate"}
        refused = ada.post("/manage/limoges/members/new", data={"name": "", "home": "limoges"}, headers=navigating)
        kept = refused.headers["location"]
        assert ada.get(kept).status_code == 422, "what was typed is there again"
        body = {"name": "Ada", "email": "ada@example.org", "roles": [{"role": "place_manager", "places": ["isle"]}]}
        assert network.change("admin", "PUT", f"/v1/operators/{ref}", body).status_code == 200
        for page in ("/manage/limoges", "/manage/limoges/members", "/manage/limoges/now", kept):
            assert ada.get(page).status_code == 404, page
        assert ada.post("/manage/limoges/members/new", data={"name": "Eve", "home": "limoges"}).status_code == 404
        assert ada.get("/manage/isle").status_code == 200
        assert network.call("admin", "POST", f"/v1/operators/{ref}/end", if_match="*").status_code == 200
        assert ada.get("/manage/isle").status_code == 303, "signed out"
