"""Operators: people whose keys reach what they have at that moment, and whom the audit names until they are erased."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from database.chain import LINES, Line, check
from tests.managed import Managed, managed


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        yield one


def _operator(network: Managed, name: str, *roles: dict[str, Any]) -> str:
    made = network.post("admin", "/v1/operators", {"name": name, "roles": list(roles)})
    assert made.status_code == 201, made.text
    ref: str = made.json()["ref"]
    return ref


def _key(network: Managed, operator: str, role: str, places: list[str] | None = None) -> Any:
    return network.post("admin", "/v1/keys", {"name": "own", "role": role, "places": places, "operator": operator})


def _me(network: Managed, key: str) -> Any:
    return network.api.get("/v1/me", headers={"Authorization": f"Bearer {key}"})


def test_a_key_of_an_operator_reaches_what_they_have_and_ends_with_them(network: Managed) -> None:
    codes = ["isle", "limoges"]
    ref = _operator(network, "Anne Martin", {"role": "place_manager", "places": codes})
    refused = _key(network, ref, "auditor")
    assert (refused.status_code, "role auditor" in refused.text) == (409, True), refused.text
    key = _key(network, ref, "place_manager").json()["key"]
    me = _me(network, key).json()
    assert me["operator"] == {"ref": ref, "name": "Anne Martin"}
    assert me["places"] == sorted(codes)
    assert "operators:write" not in me["permissions"]

    changed = {"name": "Anne Martin", "roles": [{"role": "place_manager", "places": codes[:1]}]}
    assert network.change("admin", "PUT", f"/v1/operators/{ref}", changed).status_code == 200
    assert _me(network, key).json()["places"] == codes[:1]
    # it makes keys for what its operator has now, and no other
    headers = {"Authorization": f"Bearer {key}"}
    made = [
        network.api.post("/v1/keys", json={"name": "desk", "role": "front_desk", "places": [code]}, headers=headers)
        for code in codes
    ]
    assert [one.status_code for one in made] == [201, 403]
    desk = made[0].json()["key"]
    nothing = {"name": "Anne Martin", "roles": [{"role": "auditor", "places": codes[:1]}]}
    assert network.change("admin", "PUT", f"/v1/operators/{ref}", nothing).status_code == 200
    assert _me(network, key).status_code == 401

    assert network.change("admin", "PUT", f"/v1/operators/{ref}", changed).status_code == 200
    assert _me(network, key).status_code == 200
    assert network.call("admin", "POST", f"/v1/operators/{ref}/end", if_match='"1"').status_code == 412
    assert network.call("admin", "POST", f"/v1/operators/{ref}/end", if_match="*").status_code == 200
    assert [_me(network, one).status_code for one in (key, desk)] == [401, 401]
    assert network.change("admin", "PUT", f"/v1/operators/{ref}", changed).status_code == 409


def test_the_audit_names_the_operator_until_they_are_erased(network: Managed) -> None:
    ref = _operator(network, "Bruno Petit", {"role": "network_administrator"})
    key = _key(network, ref, "network_administrator").json()["key"]
    headers = {"Authorization": f"Bearer {key}"}
    made = network.api.post("/v1/organisations", json={"code": "bruno", "name": "B"}, headers=headers)
    assert made.status_code == 201
    lines = network.get("auditor", "/v1/audit?action=organisation%20created").json()["lines"]
    assert (lines[0]["actor_name"], lines[0]["actor"].split(" ")[1]) == ("Bruno Petit", f"operator:{ref}")
    export = network.get("admin", f"/v1/operators/{ref}/export").json()
    assert [one["subject"] for one in export["audit"]] != []
    assert len(export["keys"]) == 1

    erased = network.change("admin", "DELETE", f"/v1/operators/{ref}")
    assert (erased.status_code, erased.json()) == (200, {"erased": {"keys": 1}})
    assert _me(network, key).status_code == 401
    assert network.get("admin", f"/v1/operators/{ref}").status_code == 404
    line = network.get("auditor", "/v1/audit?action=organisation%20created").json()["lines"][0]
    assert (line["actor_name"], line["actor"]) == (None, lines[0]["actor"])
    assert network.sql("SELECT count(*) FROM audit_detail WHERE body::text LIKE '%%Bruno%%'") == [(0,)]
    *_, last = check(Line(*row) for row in network.sql(LINES.decode(), 1))
    assert (last.broken, last.erased > 0) == (None, True)


def test_only_administrators_write_operators_and_managers_see_their_own_places(network: Managed) -> None:
    here = _operator(network, "Ici", {"role": "front_desk", "places": ["limoges"]})
    there = _operator(network, "Ailleurs", {"role": "front_desk", "places": ["isle"]})
    assert network.post("manager", "/v1/operators", {"name": "x", "roles": []}).status_code == 403
    assert network.get("manager", f"/v1/operators/{here}").status_code == 200
    assert network.get("manager", f"/v1/operators/{there}").status_code == 404
    assert network.get("desk", "/v1/operators").status_code == 403
