"""The present, from the database to the wire: board, listener, stream; as the API's own user."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.api_server import Centre, Listening, api_process
from tests.conftest import Database
from tests.waiting import until


@pytest.fixture
def centre(database: Database) -> Iterator[Centre]:
    centre = Centre(database.url)
    centre.place("limoges", latitude=45.83, longitude=1.26)
    centre.place("pau", latitude=43.30, longitude=-0.37, department="64")
    yield centre
    centre.close()


@pytest.fixture
def api(centre: Centre, database: Database) -> Iterator[httpx.Client]:
    with api_process(database.as_login("api_1")) as client:
        yield client


def test_a_place_never_heard_of_is_unknown(api: httpx.Client) -> None:
    answer = api.get("/v1/places/limoges/occupancy").json()
    assert answer["quality"] == "unknown"
    assert answer["present"] is None
    assert answer["at"] is None
    assert answer["capacity"] == 30
    assert [space["space"] for space in answer["spaces"]] == ["open-space", "room-1"]


def test_a_notified_row_is_served_and_streamed(api: httpx.Client, centre: Centre) -> None:
    with api.stream("GET", "/v1/stream") as response:
        listening = Listening(response)
        first = listening.events(2)
        assert {event["data"]["place"] for event in first} == {"limoges", "pau"}
        centre.state("limoges", present=7, low=6, high=9)
        (event,) = listening.events(1)
    assert event["event"] == "occupancy"
    assert (event["data"]["place"], event["data"]["present"], event["data"]["quality"]) == ("limoges", 7, "live")
    served = api.get("/v1/places/limoges/occupancy")
    assert served.json() == event["data"]
    assert served.headers["etag"]
    again = api.get("/v1/places/limoges/occupancy", headers={"If-None-Match": served.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_network_is_304_until_something_changes(api: httpx.Client, centre: Centre) -> None:
    centre.state("pau", present=3)
    first = until(lambda: _network_with(api, "pau", 3), what="pau has 3")
    same = api.get("/v1/occupancy", headers={"If-None-Match": first.headers["etag"]})
    assert same.status_code == 304
    centre.state("pau", present=4)
    until(lambda: _network_with(api, "pau", 4), what="pau has 4")
    assert api.get("/v1/occupancy", headers={"If-None-Match": first.headers["etag"]}).status_code == 200
    since = api.get("/v1/occupancy", params={"changed_since": first.json()["cursor"]}).json()
    assert [place["place"] for place in since["places"]] == ["pau"]


def _network_with(api: httpx.Client, place: str, present: int) -> httpx.Response | None:
    answer = api.get("/v1/occupancy")
    found = {row["place"]: row["present"] for row in answer.json()["places"]}
    return answer if found[place] == present else None
