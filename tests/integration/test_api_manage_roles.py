"""Every route that needs a key against every role: which permission it asks for, and that nobody else gets in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import pytest
from fastapi.routing import APIRoute
from pydantic import SecretStr

from api.app import create_app
from api.http.roles import HELD, OF_SCOPES, PERMISSIONS, Permission
from api.http.session import PERMISSION_MARK
from api.http.settings import ApiSettings
from tests.managed import Managed, managed

PUBLIC: Final = frozenset(
    (
        "/v1/places",
        "/v1/places/{place}",
        "/v1/places/{place}/occupancy",
        "/v1/places/{place}/badge.svg",
        "/v1/places/{place}/forecast",
        "/v1/places/{place}/history",
        "/v1/places/{place}/usual",
        "/v1/history",
        "/v1/places/{place}/trust",
        "/v1/occupancy",
        "/v1/stream",
        "/v1/availability",
        "/v1/enrolment",
        "/v1/feeds/{secret}.ics",
        "/v1/inventory",
        "/v1/reports",
        "/v1/reports/columns",
        "/v1/reports/network",
        "/v1/reports/departments/{department}",
        "/v1/reports/places/{place}",
        "/v1/places/{place}/bookable",
    )
)
ROLES: Final[dict[str, frozenset[Permission]]] = {
    "admin": HELD["network_administrator"],
    "manager": HELD["place_manager"],
    "desk": HELD["front_desk"],
    "auditor": HELD["auditor"],
    "reader": HELD["availability_reader"],
    "gateway": HELD["gateway"],
    "member": HELD["member"],
    "old": OF_SCOPES["access:manage"],
    "feed": OF_SCOPES["events:read"],
}


def _routes() -> list[APIRoute]:
    app = create_app(ApiSettings(database_url=SecretStr("postgresql://nowhere/nothing")))
    return [
        one
        for one in app.router.routes
        if isinstance(one, APIRoute) and one.path.startswith("/v1/") and one.path not in PUBLIC
    ]


ANY_KEY: Final = {
    ("GET", "/v1/me"),
    ("GET", "/v1/sessions"),
    ("DELETE", "/v1/sessions/{number}"),
    *((method, "/v1/passkeys") for method in ("GET", "POST")),
    ("POST", "/v1/passkeys/options"),
    *((method, "/v1/passkeys/{number}") for method in ("PATCH", "DELETE")),
    *((method, "/v1/password") for method in ("GET", "PUT", "DELETE")),
    *((method, "/v1/second-factor") for method in ("POST", "DELETE")),
    *(("POST", f"/v1/second-factor/{path}") for path in ("confirm", "recovery-codes")),
    *((method, "/v1/me/report-mail") for method in ("GET", "PUT")),  # one's own
    ("GET", "/v1/slots"),
    *(("GET", f"/v1/places/{{place}}/{path}") for path in ("resources", "resources/{resource}")),
    *(("GET", f"/v1/places/{{place}}/{path}") for path in ("booking-rules", "booking-rules/{kind}")),
}
"""What any key that works may ask: who am I? And what can be booked, when, by which rules: without a person."""
GUARDED: Final = [(route, method) for route in _routes() for method in sorted(route.methods or ())]


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        yield one


def test_every_route_that_is_not_public_names_its_permission() -> None:
    assert len(GUARDED) > 50
    for route, method in GUARDED:
        named = (route.openapi_extra or {}).get(PERMISSION_MARK)
        said = f"{method} {route.path} doesn't say which permission it asks for (api.http.session.guarded)"
        assert named or (named == [] and (method, route.path) in ANY_KEY), said
        assert set(named) <= set(PERMISSIONS)


@pytest.mark.parametrize(("route", "method"), GUARDED, ids=lambda one: one if isinstance(one, str) else one.path)
def test_each_role_gets_in_where_it_may_and_nowhere_else(network: Managed, route: APIRoute, method: str) -> None:
    path = route.path
    for name in route.param_convertors:
        path = path.replace(f"{{{name}}}", "999999" if "number" in name else "x-0000")
    needed = set((route.openapi_extra or {})[PERMISSION_MARK])
    body: dict[str, str] | None = None if method == "GET" else {}
    for who, held in ROLES.items():
        answer = network.call(who, method, path, body)
        told = (who, method, path, answer.status_code, answer.text)
        assert answer.status_code < 500 or answer.status_code == 503, told
        assert (answer.status_code == 403) == (needed != set() and needed.isdisjoint(held)), told
        assert answer.headers["cache-control"] == "no-store", told
        assert answer.headers["x-request-id"], told
    assert network.api.request(method, path, json=body).status_code == 401
    stranger = network.api.request(method, path, json=body, headers={"Authorization": "Bearer mk_nobody"})
    assert stranger.status_code == 401


def test_a_desk_gives_no_card_and_no_pin_that_opens_elsewhere(network: Managed) -> None:
    ref = network.someone("Wide Pass", who="desk")
    card = network.card(ref, "4A110001", who="desk")
    made = network.post("admin", f"/v1/members/{ref}/passes", {"label": "Partout", "everywhere": True})
    assert made.status_code == 201, made.text
    for who in ("desk", "manager"):
        etag = network.get(who, f"/v1/members/{ref}").headers["etag"]
        for answer in (
            network.post(who, f"/v1/members/{ref}/cards", {"number": "4A110002"}),
            network.post(who, f"/v1/members/{ref}/cards", {"code_digits": 8}),
            network.call(who, "PUT", f"/v1/members/{ref}/pin", {"pin": "918273"}, if_match=etag),
        ):
            assert answer.status_code == 403, answer.text
            assert "ask a network administrator" in answer.text
    lost = network.change("desk", "PATCH", f"/v1/cards/{card}", {"status": "lost"})
    assert lost.status_code == 200, lost.text
    assert network.change("desk", "PATCH", f"/v1/cards/{card}", {"status": "active"}).status_code != 200
    assert network.change("desk", "POST", f"/v1/cards/{card}/reissue", {"number": "4A110003"}).status_code == 403
    assert network.post("admin", f"/v1/members/{ref}/cards", {"number": "4A110004"}).status_code == 201


def test_a_key_ends_with_the_one_that_made_it(network: Managed) -> None:
    def make(who: str, name: str, role: str) -> dict[str, Any]:
        answer = network.post(who, "/v1/keys", {"name": name, "role": role, "places": ["limoges"]})
        assert answer.status_code == 201, answer.text
        told: dict[str, Any] = answer.json()
        return told

    first = make("admin", "first", "place_manager")
    wider = replace(network, keys={**network.keys, "first": first["key"]})
    second = wider.post("first", "/v1/keys", {"name": "second", "role": "front_desk", "places": ["limoges"]}).json()
    assert second["made_by"] == first["id"]
    wider = replace(wider, keys={**wider.keys, "second": second["key"]})
    assert wider.get("second", "/v1/members").status_code == 200
    assert network.call("admin", "DELETE", f"/v1/keys/{first['id']}").status_code == 200
    assert network.get("admin", f"/v1/keys/{second['id']}").json()["revoked_at"] is not None
    assert wider.get("second", "/v1/members").status_code == 401
