"""What the API answers at its edges: methods, bodies that are no JSON, numbers for times, who a key is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from api.privacy.routes import Caller
from tests.managed import Managed, managed


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        yield one


def test_allow_names_every_method_of_every_path(network: Managed) -> None:
    paths = network.api.get("/openapi.json").json()["paths"]
    several = 0
    for path, item in paths.items():
        wanted = {method.upper() for method in item} | ({"HEAD"} if "get" in item and path != "/v1/stream" else set())
        # another path may have the same form: /v1/members/import is also a /v1/members/{ref}
        answer = network.api.request("TRACE", path)
        assert answer.status_code == 405, path
        allowed = answer.headers["allow"].split(", ")
        assert wanted <= set(allowed), (path, allowed)
        assert allowed == sorted(set(allowed))
        assert answer.json()["detail"].endswith(f"{answer.headers['allow']}.")
        several += len(item) > 1
    assert several > 20


@pytest.mark.parametrize(
    "body",
    [b"\xff\xfe", b"\x80", b'{"name": "\xe9"}', b"[" * 100_000, b"{", b"", b"nul"],
    ids=["BOM", "byte", "Latin-1", "deep", "cut", "empty", "word"],
)
def test_a_body_that_is_no_json_is_said_to_be_none(network: Managed, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {network.keys['admin']}", "Content-Type": "application/json"}
    answer = network.api.post("/v1/members", content=body, headers=headers)
    assert answer.status_code == 422, answer.text
    told = answer.json()
    assert told["type"] == "urn:maillage:problem:bad-field"
    assert told["errors"][0]["where"] == "body"
    if body:
        assert "JSON" in told["detail"]


@pytest.mark.parametrize(
    "path", ["/v1/closures?since=0", "/v1/visitors?day=0", "/v1/audit?since=0", "/v1/occupancy?changed_since=0"]
)
def test_zero_is_not_1970(network: Managed, path: str) -> None:
    answer = network.get("admin", path)
    assert answer.status_code == 422, answer.text
    assert "expected a" in answer.json()["detail"]


@pytest.mark.parametrize("expires_s", [True, "30", 30.5])
def test_an_order_expires_after_a_number_of_seconds(network: Managed, expires_s: object) -> None:
    answer = network.post("admin", "/v1/places/limoges/doors/entry/unlock", {"expires_s": expires_s})
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["name"] == "expires_s"
    assert network.sql("SELECT count(*) FROM command") == [(0,)]


def test_every_key_learns_what_it_is(network: Managed) -> None:
    told = {}
    for who in network.keys:
        answer = network.get(who, "/v1/me")
        assert answer.status_code == 200, (who, answer.text)
        if who != "member":
            told[who] = Caller.model_validate_json(answer.content)
            assert told[who].name == who
    assert told["desk"].role == "front_desk"
    assert told["desk"].places == ["limoges"]
    assert "unlock" in told["desk"].permissions
    assert told["reader"].permissions == []
    assert told["admin"].places is None
    assert (told["old"].role, told["old"].scopes) == (None, ["access:manage"])
    assert (told["feed"].permissions, told["feed"].places) == (["events:read"], None)
    mine = network.get("member", "/v1/me")
    assert (mine.json()["ref"], mine.headers["etag"]) == (network.member, '"1"')


def test_a_stranger_is_nobody(network: Managed) -> None:
    assert network.api.get("/v1/me").status_code == 401
    assert network.api.get("/v1/me", headers={"X-Api-Key": "mk_wrong"}).status_code == 401
