"""Limits by client, on a real API process behind a proxy that it trusts: one client has its share, others theirs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import httpx
import psycopg
import pytest

from api.keys.owner import create_key
from tests.api_server import Centre, api_process, shared_database
from tests.conftest import Database
from tests.waiting import until

A, B = "203.0.113.5", "2001:db8:1:2::7"


@pytest.fixture(scope="module")
def database(postgres_url: str, _template: str) -> Iterator[Database]:
    with shared_database(postgres_url, _template) as one, contextlib.closing(Centre(one.url)) as centre:
        centre.place("limoges")
        yield one


@pytest.fixture(scope="module")
def api(database: Database) -> Iterator[httpx.Client]:
    with api_process(
        database.as_login("api_1"),
        MAILLAGE_TRUSTED_PROXIES="127.0.0.1",
        MAILLAGE_STREAM_CLIENTS="10",
        MAILLAGE_CLIENT_STREAMS="3",
        MAILLAGE_CLIENT_WRONG_KEYS="4",
        MAILLAGE_CLIENT_REQUESTS="200",
        MAILLAGE_KEY_REQUESTS="40",
    ) as one:
        yield one


def ask(api: httpx.Client, client: str, path: str = "/v1/members", key: str | None = None) -> httpx.Response:
    headers = {"X-Forwarded-For": client} | ({"Authorization": f"Bearer {key}"} if key else {})
    return api.get(path, headers=headers)


def test_one_client_never_has_all_streams(api: httpx.Client) -> None:
    with contextlib.ExitStack() as opened:

        def stream(client: str) -> httpx.Response:
            sent = api.stream("GET", "/v1/stream", headers={"X-Forwarded-For": client})
            return opened.enter_context(sent)

        found = [stream(A) for _ in range(5)]
        assert [one.status_code for one in found] == [200, 200, 200, 429, 429]
        assert int(found[-1].headers["retry-after"]) > 0
        assert found[-1].read() and found[-1].json()["type"] == "urn:maillage:problem:limit-reached"
        assert [stream(f"2001:db8:1:2::{n}").status_code for n in range(4)] == [200, 200, 200, 429]  # one /64
    until(lambda: "maillage_api_stream_clients 0.0" in api.get("/metrics").text, what="all have left")
    with api.stream("GET", "/v1/stream", headers={"X-Forwarded-For": A}) as again:
        assert again.status_code == 200
    assert 'maillage_api_limited_total{limit="streams"} 3.0' in api.get("/metrics").text


def test_wrong_keys_are_limited_and_good_ones_go_on(api: httpx.Client, database: Database) -> None:
    with psycopg.connect(database.url) as conn:
        known = create_key(conn, "known", role="network_administrator")
        fresh = create_key(conn, "fresh", role="network_administrator")
    assert ask(api, A, key=known).status_code == 200
    tried = [ask(api, A, key=f"mk_wrong{number}") for number in range(8)]
    assert [one.status_code for one in tried] == [401] * 4 + [429] * 4
    assert 1 <= int(tried[-1].headers["retry-after"]) <= 60
    body = api.post(
        "/v1/members", content=b"x" * 20_000, headers={"X-Forwarded-For": A, "Authorization": "Bearer mk_another"}
    )
    assert body.status_code == 429
    assert ask(api, A, key="mk_wrong0").status_code == 401  # known to be wrong: it asks nothing of the database
    assert ask(api, A, key=known).status_code == 200
    assert ask(api, B, key=fresh).status_code == 200
    assert ask(api, A, key=fresh).status_code == 200  # seen to be good meanwhile


def test_requests_of_a_client_and_of_a_key_are_limited(api: httpx.Client, database: Database) -> None:
    with psycopg.connect(database.url) as conn:
        busy = create_key(conn, "busy", role="network_administrator")
        other = create_key(conn, "other", role="network_administrator")
    until(lambda: ask(api, "192.0.2.1", key=busy).status_code == 429, what="the key's share is used up")
    assert ask(api, "192.0.2.1", key=other).status_code == 200
    until(lambda: ask(api, "192.0.2.2", "/v1/places").status_code == 429, what="the client's share is used up")
    refused = ask(api, "192.0.2.2", "/v1/places")
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 10
    assert refused.json()["status"] == 429
    assert refused.headers["access-control-allow-origin"] == "*"
    assert ask(api, "192.0.2.3", "/v1/places").status_code == 200
    until(lambda: ask(api, "192.0.2.2", "/v1/places").status_code == 200, what="its next share")


def test_a_trusted_proxy_says_whom_it_serves_and_names_requests(api: httpx.Client, database: Database) -> None:
    with psycopg.connect(database.url) as conn:
        key = create_key(conn, "proxied", role="network_administrator")

    def make(request_id: str, forwarded: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}", "X-Request-Id": request_id, "X-Forwarded-For": forwarded}
        return api.post("/v1/members", json={"name": "A"}, headers=headers)

    assert make("p1", "198.51.100.66, 192.0.2.7").headers["x-request-id"] == "p1"
    assert make("p2", "<script>").status_code == 201
    assert len(make("a b;c", "192.0.2.7").headers["x-request-id"]) == 32
    with psycopg.connect(database.url) as conn:
        rows = conn.execute("SELECT DISTINCT request, from_addr FROM audit WHERE request IN ('p1', 'p2') ORDER BY 1")
        assert rows.fetchall() == [("p1", "192.0.2.7"), ("p2", "127.0.0.1")]
