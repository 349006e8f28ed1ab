"""What is public, over HTTP without a key: nobody is found out by it; and what keys see beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import psycopg
import pytest

from api.keys.owner import create_key
from api.present.models import NetworkOccupancy, PlaceOccupancy
from tests.api_server import Centre, Listening, api_process
from tests.conftest import Database
from tests.waiting import until


@pytest.fixture(scope="module")
def centre(own: Database) -> Iterator[Centre]:
    with closing(Centre(own.url)) as centre:
        centre.place("felletin", public_numbers=True)
        centre.place("isle", latitude=45.80)
        for place in ("felletin", "isle"):
            centre.gateway(place)
            for space, present in (("place", 1), ("open-space", 1), ("room-1", 0)):
                centre.state(place, space, present=present)
        yield centre


@pytest.fixture(scope="module")
def keys(own: Database, centre: Centre) -> dict[str, dict[str, str]]:
    with psycopg.connect(own.url) as conn:
        conn.execute("INSERT INTO member (ref, name, home) SELECT 'm-own1', 'J', id FROM place WHERE code = 'isle'")
        made = {
            "network": create_key(conn, "network", role="availability_reader"),
            "isle": create_key(conn, "isle", role="place_manager", places=["isle"]),
            "member": create_key(conn, "member", role="member", member="m-own1"),
        }
    return {name: {"Authorization": f"Bearer {key}"} for name, key in made.items()}


@pytest.fixture(scope="module")
def api(centre: Centre, own: Database) -> Iterator[httpx.Client]:
    with api_process(own.as_login("api_1")) as client:
        yield client


def get(api: httpx.Client, place: str, key: dict[str, str] | None = None, **query: str) -> dict[str, Any]:
    answer = api.get(f"/v1/places/{place}/occupancy", headers=key, params=query)
    assert answer.status_code == 200
    PlaceOccupancy.model_validate_json(answer.content)
    body: dict[str, Any] = answer.json()
    return body


def still(api: httpx.Client, place: str) -> list[Any]:
    """All that is public of a place, but for how old it is."""
    answers: list[Any] = []
    for path in (f"/v1/places/{place}/occupancy", f"/v1/places/{place}/occupancy?explain=true"):
        body = api.get(path).json()
        answers.append([{**one, "at": None} for one in (body, *body.pop("spaces"))])
    near = {"near": "45.8,1.26"}
    for query in (near, {**near, "kind": "open_space"}, {**near, "kind": "meeting_room", "seats": "4"}):
        offers = api.get("/v1/availability", params=query).json()
        answers.append([{**one, "at": None} for kind in ("places", "unknown") for one in offers[kind]])
        answers.append(offers["counts"])
    answers += [api.get(f"/v1/places/{place}/{path}").text for path in ("badge.svg", "badge.svg?lang=fr", "trust", "")]
    return answers


@pytest.mark.parametrize("place", ["felletin", "isle"])
def test_nobody_is_found_out_without_a_key(
    api: httpx.Client, centre: Centre, keys: dict[str, dict[str, str]], place: str
) -> None:
    def shows(present: int) -> None:
        until(lambda: get(api, place, keys["network"])["present"] == present, what=f"{place} holds {present}")

    shows(1)
    before = still(api, place)
    with api.stream("GET", "/v1/stream", params={"place": place}) as response:
        listening = Listening(response)
        listening.events(1)
        for present in (0, 2, 3, 1):
            for space in ("open-space", "place"):
                centre.state(place, space, present=present, low=max(0, present - 1), high=present + 2, quality="live")
            shows(present)
            assert still(api, place) == before
        centre.state(place, present=29)
        (event,) = listening.events(1)
    assert event["data"]["present"] == (29 if place == "felletin" else None)
    assert event["data"]["band"] == (None if place == "felletin" else {"from": 28, "to": 30})
    assert event["data"]["changed_at"] is None
    centre.state(place, present=1)
    shows(1)


def test_a_key_shows_the_numbers_of_its_places(api: httpx.Client, keys: dict[str, dict[str, str]]) -> None:
    seen = {
        name: [get(api, place, keys.get(name))["present"] for place in ("felletin", "isle")]
        for name in ("network", "isle", "member", "nobody")
    }
    assert seen == {"network": [1, 1], "isle": [None, 1], "member": [None, None], "nobody": [None, None]}
    for name, numbers in seen.items():
        answer = api.get("/v1/occupancy", headers=keys.get(name))
        NetworkOccupancy.model_validate_json(answer.content)
        assert [one["present"] for one in answer.json()["places"]] == numbers
        assert answer.headers["cache-control"] == ("private, no-cache" if name in ("network", "isle") else "no-cache")
        same = {"If-None-Match": answer.headers["etag"], **keys.get(name, {})}
        assert api.get("/v1/occupancy", headers=same).status_code == 304
        with api.stream("GET", "/v1/stream", headers=keys.get(name)) as response:
            events = Listening(response).events(2)
        found = {event["data"]["place"]: event["data"]["present"] for event in events}
        assert [found["felletin"], found["isle"]] == numbers
    assert set(get(api, "isle", keys["isle"], explain="true")["why"]) == {"place", "open-space", "room-1"}
    assert get(api, "isle", explain="true")["why"] is None
    for path in ("/v1/occupancy", "/v1/places/isle/occupancy", "/v1/stream", "/v1/availability?near=45,1"):
        assert api.get(path, headers={"X-Api-Key": "mk_" + "0" * 40}).status_code == 401, path


def test_a_manager_says_what_is_public(api: httpx.Client, keys: dict[str, dict[str, str]], centre: Centre) -> None:
    profile = api.get("/v1/places/isle/profile", headers=keys["isle"])
    assert (profile.json()["public_threshold"], profile.json()["public_numbers"]) == (3, False)
    for value in (0, 1001, None):
        body = {"public_threshold": value}
        refused = api.patch("/v1/places/isle/profile", json=body, headers={**keys["isle"], "If-Match": "*"})
        assert refused.status_code == 422, value
    body = {"public_threshold": 5, "public_numbers": True}
    changed = api.patch("/v1/places/isle/profile", json=body, headers={**keys["isle"], "If-Match": "*"})
    assert changed.status_code == 200, changed.text
    until(lambda: get(api, "isle")["band"] == {"from": 0, "to": 5}, what="the place shows its own band")
    centre.state("isle", present=6)
    until(lambda: get(api, "isle")["present"] == 6, what="it shows numbers above")
    assert [space["band"] for space in get(api, "isle")["spaces"]] == [{"from": 0, "to": 6}] * 2
