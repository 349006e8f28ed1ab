"""The present, from the database to the wire: board, listener, stream; as the API's own user."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from psycopg import sql

from tests.api_server import Centre, Listening, api_process
from tests.conftest import Database
from tests.waiting import until


@pytest.fixture(scope="module")
def centre(own: Database) -> Iterator[Centre]:
    centre = Centre(own.url)
    centre.place("limoges", latitude=45.83, longitude=1.26)
    for number, code in enumerate(("pau", "dax", "agen", "niort", "tulle")):
        centre.place(code, latitude=43.0, longitude=float(number))
    yield centre
    centre.close()


@pytest.fixture(scope="module")
def api(centre: Centre, own: Database) -> Iterator[httpx.Client]:
    with api_process(own.as_login("api_1")) as client:
        client.headers.update(centre.key())
        yield client


def occupancy(api: httpx.Client, place: str) -> dict[str, Any]:
    answer = api.get(f"/v1/places/{place}/occupancy")
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


def shows(api: httpx.Client, place: str, present: int | None) -> dict[str, Any]:
    def there() -> dict[str, Any] | None:
        body = occupancy(api, place)
        return body if body["present"] == present else None

    found = until(there, what=f"{place} shows {present}")
    assert found is not None
    return found


def test_rows_are_served_streamed_and_conditional(api: httpx.Client, centre: Centre) -> None:
    never = occupancy(api, "limoges")
    assert (never["quality"], never["present"], never["at"], never["capacity"]) == ("unknown", None, None, 30)
    assert [space["space"] for space in never["spaces"]] == ["open-space", "room-1"]
    with api.stream("GET", "/v1/stream") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        listening = Listening(response)
        assert {event["data"]["place"] for event in listening.events(6)} >= {"limoges", "pau"}
        centre.state("limoges", present=7, low=6, high=9)
        (event,) = listening.events(1)
    assert event["event"] == "occupancy"
    assert (event["data"]["place"], event["data"]["present"], event["data"]["quality"]) == ("limoges", 7, "live")
    served = api.get("/v1/places/limoges/occupancy")
    assert served.json() == event["data"]
    again = api.get("/v1/places/limoges/occupancy", headers={"If-None-Match": served.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")

    first = api.get("/v1/occupancy")
    same = {"If-None-Match": first.headers["etag"]}
    assert api.get("/v1/occupancy", headers=same).status_code == 304
    centre.state("pau", "open-space", present=4)
    until(lambda: api.get("/v1/occupancy", headers=same).status_code == 200, what="the network has changed")
    assert [space["present"] for space in occupancy(api, "pau")["spaces"]] == [4, None]
    for since in (first.json()["cursor"], event["data"]["changed_at"]):
        changed = api.get("/v1/occupancy", params={"changed_since": since}).json()
        assert "pau" in [row["place"] for row in changed["places"]]
    cursor = api.get("/v1/occupancy").json()["cursor"]
    assert api.get("/v1/occupancy", params={"changed_since": cursor}).json()["places"] == []


def test_a_stream_goes_on_from_where_it_was_cut(api: httpx.Client, centre: Centre) -> None:
    centre.state("dax", present=1)
    shows(api, "dax", 1)
    with api.stream("GET", "/v1/stream") as response:
        first = Listening(response).events(6)
    for present in (2, 3, 4):
        centre.state("dax", present=present)
    shows(api, "dax", 4)
    with api.stream("GET", "/v1/stream", headers={"Last-Event-ID": first[-1]["id"]}) as response:
        (event,) = Listening(response).events(1)
        assert (event["data"]["place"], event["data"]["present"]) == ("dax", 4)
        assert event["id"] > first[-1]["id"]
    with api.stream("GET", "/v1/stream", params={"place": "pau"}) as response:
        listening = Listening(response)
        listening.events(1)
        centre.state("dax", present=5)
        centre.state("pau", present=6)
        assert [event["data"]["place"] for event in listening.events(1)] == ["pau"]
    with api.stream("GET", "/v1/stream", params={"bbox": "0.5,42,1.5,44"}) as response:
        assert [event["data"]["place"] for event in Listening(response).events(1)] == ["dax"]
    for foreign in ("1795252350655000-00000000-7", "anything"):  # another replica's, or nobody's
        with api.stream("GET", "/v1/stream", headers={"Last-Event-ID": foreign}) as response:
            assert len({event["data"]["place"] for event in Listening(response).events(6)}) == 6


def test_numbers_grow_stale_by_the_apis_own_clock_and_come_back_by_a_heartbeat(
    api: httpx.Client, centre: Centre
) -> None:
    with api.stream("GET", "/v1/stream", params={"place": "agen"}) as response:
        listening = Listening(response)
        listening.events(1)
        centre.state("agen", present=7, ttl_s=1)
        live, stale = listening.events(2)
        assert (live["data"]["quality"], live["data"]["present"]) == ("live", 7)
        assert (stale["data"]["quality"], stale["data"]["present"]) == ("stale", None)
        centre.gateway("agen")
        (back,) = listening.events(1)
        assert (back["data"]["quality"], back["data"]["present"]) == ("live", 7)
        assert back["data"]["at"] > live["data"]["at"]


def test_a_skipped_revision_and_a_new_place_are_read_from_the_database(api: httpx.Client, centre: Centre) -> None:
    centre.state("niort", present=1)
    centre.state("niort", present=2, notify=False)
    centre.state("niort", present=3, skip=3)
    shows(api, "niort", 3)
    centre.place("royan", latitude=45.62, longitude=-1.03)
    until(lambda: api.get("/v1/places/royan").status_code == 200, what="the new place is known")
    centre.state("royan", present=9)
    shows(api, "royan", 9)
    centre.state("royan", present=10, notify=False)
    shows(api, "royan", 10)  # what nobody told of is found by itself


def test_a_notification_is_believed_in_nothing(centre: Centre, own: Database) -> None:
    """Any login of the database may send one, a reader of Grafana's too: forged, mad, or a flood."""
    with api_process(own.as_login("api_1")) as api:  # its own: for a while it is blind
        api.headers.update(centre.key())
        centre.state("pau", present=4)
        shows(api, "pau", 4)
        space, place = centre.space("pau")
        now = time.time_ns() // 1000
        forged = [space, place, 10**6, 666, 666, 666, 30, "live", now, 900, now]
        with psycopg.connect(own.as_login("grafana_1"), autocommit=True) as reader:
            for payload in (json.dumps({"s": [forged]}), "{", "", "666", f"{space},", "9" * 7000, f"{space}"):
                reader.execute(
                    "SELECT pg_notify('maillage_occupancy', %s), pg_notify('maillage_gateway', %s)", (payload, payload)
                )
            centre.state("pau", present=5)
            shows(api, "pau", 5)
            reader.execute("SELECT pg_notify('maillage_occupancy', n::text) FROM generate_series(1, 20000) AS n")
            until(
                lambda: "maillage_api_notification_floods_total 1.0" in api.get("/metrics").text,
                what="the flood is noticed",
            )
            centre.state("pau", present=6)
            shows(api, "pau", 6)  # though nobody listens
        assert api.get("/readyz").json()["board"]["connected"]
        assert "666" not in api.get("/v1/occupancy").text


def test_the_board_outlives_the_database_and_reloads_what_it_missed(
    api: httpx.Client, centre: Centre, own: Database, postgres_url: str
) -> None:
    centre.state("limoges", present=7)
    centre.state("pau", present=3, ttl_s=2)
    shows(api, "limoges", 7)
    until(lambda: occupancy(api, "pau")["ttl"] == 2, what="pau was read too")
    name = sql.Identifier(urlsplit(own.url).path[1:])
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
        cut = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = %s AND application_name LIKE 'maillage-api%%'"
        )
        server.execute(cut, (name.as_string(server).strip('"'),))
        until(lambda: not api.get("/readyz").json()["board"]["connected"], what="the API noticed")
        assert occupancy(api, "limoges")["present"] == 7
        until(lambda: occupancy(api, "pau")["quality"] == "stale", what="pau has grown stale")
        assert api.get("/readyz").status_code == api.get("/healthz").status_code == 200
        centre.state("limoges", present=8)  # on a connection from before
        centre.state("pau", present=None, quality="unknown")
        server.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))
    shows(api, "limoges", 8)
    assert occupancy(api, "pau")["quality"] == "unknown"
    centre.state("limoges", present=9)
    shows(api, "limoges", 9)


def test_a_client_that_does_not_read_costs_nothing_and_catches_up(api: httpx.Client, centre: Centre) -> None:
    port = api.base_url.port
    assert port is not None
    slow = socket.create_connection(("127.0.0.1", port))
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    key = api.headers["X-Api-Key"].encode()
    slow.sendall(b"GET /v1/stream?place=tulle HTTP/1.1\r\nHost: test\r\nX-Api-Key: %s\r\n\r\n" % key)
    assert b"200 OK" in slow.recv(200)
    centre.state("tulle", present=0)
    space, _ = centre.space("tulle")
    rounds = 3_001
    for number in range(1, rounds + 1):
        centre.conn.execute(
            "UPDATE space_state SET revision = revision + 1, present = %s, low = %s, high = %s, at = now(),"
            " changed_at = now() WHERE space = %s",
            (*[number % 30] * 3, space),
        )
        centre.notify("maillage_occupancy", str(space))
    shows(api, "tulle", rounds % 30)
    with api.stream("GET", "/v1/stream", params={"place": "tulle"}) as response:
        assert Listening(response).events(1)[0]["data"]["present"] == rounds % 30
    received = 0
    slow.settimeout(60)
    last = b""
    while f'"present":{rounds % 30},"low"'.encode() not in last.rsplit(b"event: occupancy", 1)[-1]:
        piece = slow.recv(65536)
        assert piece
        received += len(piece)
        last = (last + piece)[-2000:]
    assert received < rounds * 200, "states in between are skipped"
    slow.close()
    until(lambda: "maillage_api_stream_clients 0.0" in api.get("/metrics").text, what="both have left")


def test_streams_are_limited_and_end_with_the_process(centre: Centre, own: Database) -> None:
    with (
        api_process(own.as_login("api_1"), MAILLAGE_STREAM_CLIENTS="1") as api,
        api.stream("GET", "/v1/stream") as one,
    ):
        listening = Listening(one)
        listening.events(2)
        refused = api.get("/v1/stream")
        assert (refused.status_code, refused.json()["type"]) == (503, "urn:maillage:problem:too-many-streams")
        assert refused.headers["retry-after"]


def test_without_a_database_it_starts_waits_and_says_so() -> None:
    nowhere = "postgresql://api_1:x@127.0.0.1:1/none"
    with api_process(nowhere, ready=False) as api:
        assert api.get("/readyz").status_code == 503
        for path in ("/v1/occupancy", "/v1/places", "/v1/places/limoges/occupancy", "/v1/stream"):
            answer = api.get(path)
            assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json"), path
            assert answer.headers["retry-after"]
