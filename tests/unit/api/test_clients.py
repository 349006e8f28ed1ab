from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
import uvicorn
from pydantic import SecretStr, ValidationError
from starlette.types import Message, Scope
from uvicorn.server import ServerState

import api.http.limits
from api.http.clients import PROXIED, Clients, Proxies, client_of
from api.http.errors import LimitReached
from api.http.limits import Open, Window
from api.http.protocol import bounded
from api.http.settings import ApiSettings


def clients(**settings: Any) -> Clients:
    return Clients(ApiSettings(database_url=SecretStr("postgresql://nowhere/nothing"), **settings))


def scope(host: str, **headers: str) -> Scope:
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "client": (host, 4711), "headers": given}


def test_a_home_is_one_client() -> None:
    assert client_of("2001:db8:1:2::7") == client_of("2001:db8:1:2:ffff::1") != client_of("2001:db8:1:3::7")
    assert client_of("::ffff:192.0.2.7") == client_of("192.0.2.7") == "192.0.2.7"
    assert len(client_of("x" * 30_000)) == 64


def test_a_window_ends_and_its_memory_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(api.http.limits, "monotonic", lambda: now)
    window = Window(2, 10.0)
    assert [window.take("a") for _ in range(3)] == [0, 0, 10]
    assert window.take("b") == 0
    window.give_back("a")
    assert window.take("a") == 0
    now = 109.5
    assert window.take("a") == 1
    now = 110.0
    assert window.take("a") == 0
    for number in range(200_000):
        window.take(number)
        assert len(window) <= 20_000
    opened = Open(1)
    assert [opened.take("a"), opened.take("a"), opened.take("b")] == [True, False, True]
    for one in ("a", "b", "b"):
        opened.give_back(one)
    assert len(opened) == 0


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("127.0.0.1", "192.0.2.7", "127.0.0.1"),  # no proxy of ours
        ("10.1.2.3", "192.0.2.7", "192.0.2.7"),
        ("10.1.2.3", "203.0.113.9, 192.0.2.7", "192.0.2.7"),  # the client wrote the first
        ("10.1.2.3", "203.0.113.9, 192.0.2.7, 10.0.0.9", "192.0.2.7"),
        ("10.1.2.3", "192.0.2.7:4711", "192.0.2.7"),
        ("10.1.2.3", "[2001:DB8::7]:4711", "2001:db8::7"),
        ("2001:db8:ffff::1", "192.0.2.7", "192.0.2.7"),
        ("10.1.2.3", "<script>", "10.1.2.3"),
        ("10.1.2.3", "192.0.2.7, " + "9" * 10_000, "10.1.2.3"),
        ("10.1.2.3", "", "10.1.2.3"),
    ],
)
def test_only_trusted_proxies_say_whom_they_serve(peer: str, forwarded: str, client: str) -> None:
    ours = clients(trusted_proxies="10.0.0.0/8, 2001:db8:ffff::1")
    one = scope(peer, x_forwarded_for=forwarded)
    assert ours.resolve(one) == client
    assert one["client"][0] == client
    assert (PROXIED in one) == (peer != "127.0.0.1")


def test_nobody_is_trusted_unless_named_and_what_is_no_address_is_refused_at_the_start() -> None:
    assert not Proxies("")
    with pytest.raises(ValidationError, match="neither an address nor a network"):
        clients(trusted_proxies="10.0.0.1,proxy")
    with pytest.raises(ValidationError):
        clients(trusted_proxies="*")


def test_each_client_has_a_share_and_others_are_not_touched() -> None:
    ours = clients(client_requests=3, client_streams=2, client_wrong_keys=1, key_requests=1)
    one = "2001:db8::1"
    assert [bool(ours.asks(f"2001:db8::{n}", scope(one))) for n in range(4)] == [False, False, False, True]
    assert ours.asks("2001:db8:0:1::1", scope(one)) == 0
    assert ours.streams(one) == ours.streams(one)
    with pytest.raises(LimitReached):
        ours.streams("2001:db8::2")
    ours.ends(client_of(one))
    ours.streams("2001:db8::2")
    ours.was_good(ours.shows_unknown_key(one))
    ours.shows_unknown_key(one)
    with pytest.raises(LimitReached) as refusal:
        ours.shows_unknown_key(one)
    assert 0 < refusal.value.retry_s <= 60
    ours.shows_unknown_key("192.0.2.1")
    ours.uses(7, one)
    ours.uses(8, one)
    with pytest.raises(LimitReached):
        ours.uses(7, one)
    assert ours.refused == {"requests": 1, "streams": 1, "wrong_keys": 1, "key_requests": 1}


def test_connections_of_one_address_are_counted_until_they_close() -> None:
    ours = clients(client_connections=3)

    async def hello(_scope: Any, _receive: Any, send: Any) -> None:
        messages: list[Message] = [
            {"type": "http.response.start", "status": 204, "headers": []},
            {"type": "http.response.body", "body": b""},
        ]
        for message in messages:
            await send(message)

    async def run() -> None:
        protocol = bounded(ours)
        config = uvicorn.Config(hello, http=protocol, ws="none", lifespan="off", log_config=None)
        config.load()
        state = ServerState()
        server = await asyncio.get_running_loop().create_server(lambda: protocol(config, state, {}), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]

        writers: list[asyncio.StreamWriter] = []

        async def ask() -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writers.append(writer)
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            return await asyncio.wait_for(reader.readline(), 60)

        async def close(writer: asyncio.StreamWriter) -> None:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

        assert {await ask() for _ in range(3)} == {b"HTTP/1.1 204 No Content\r\n"}
        assert await ask() == b"HTTP/1.1 429 Too Many Requests\r\n"
        await close(writers.pop(0))
        async with asyncio.timeout(60):
            while await ask() != b"HTTP/1.1 204 No Content\r\n":
                await close(writers.pop())
        for writer in writers:
            await close(writer)
        async with asyncio.timeout(60):
            while state.connections:
                await asyncio.sleep(0.01)
        server.close()
        assert len(ours._connections) == 0

    asyncio.run(run())
    assert ours.refused["connections"] >= 1


def test_tries_to_sign_in_of_one_client_are_limited() -> None:
    one = clients(client_sign_ins=2)
    assert [one.signs_in("2001:db8:1:2::7") > 0 for _ in range(3)] == [False, False, True]
    assert one.signs_in("192.0.2.7") == 0
    assert one.refused["sign_ins"] == 1
