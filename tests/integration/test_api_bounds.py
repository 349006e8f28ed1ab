"""What a stranger may make the API hold: a real process, real sockets, and its memory before and after."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from uvicorn.server import ServerState

import api.http.protocol
from api.http.protocol import BoundedProtocol
from tests.api_server import PROCESSES
from tests.managed import Managed, managed

MB = 1024 * 1024
LINE = b"X-A: " + b"a" * 4000 + b"\r\n"
MOST_GROWTH = 24 * MB
"""Of the process's memory in one attack of many times as much."""


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        yield one


def memory(network: Managed) -> int:
    """Bytes of the API's process that are in memory."""
    process = PROCESSES[network.api.base_url.port or 0]
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * 4096


def pour(network: Managed, head: bytes, piece: bytes, pieces: int, tail: bytes = b"") -> bytes:
    """Send a head, then ``piece`` again and again as long as it is taken; return the beginning of the answer."""
    assert network.api.base_url.port is not None
    with socket.create_connection(("127.0.0.1", network.api.base_url.port), timeout=60) as one:
        with contextlib.suppress(OSError):
            one.sendall(head)
            for _ in range(pieces):
                one.sendall(piece)
            one.sendall(tail)
        answer = b""
        with contextlib.suppress(OSError):
            while len(answer) < 4096 and (more := one.recv(4096)):
                answer += more
        return answer


def chunk(size: int) -> bytes:
    return b"%x\r\n" % size + b"a" * size + b"\r\n"


@contextlib.contextmanager
def bounded(network: Managed) -> Iterator[None]:
    assert network.api.get("/healthz").status_code == 200
    before = memory(network)
    yield
    grown = memory(network) - before
    assert grown < MOST_GROWTH, f"the API grew by {grown / MB:.0f} MB"
    assert network.api.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "key", "status"),
    [
        ("PUT", "/v1/places/limoges/import", None, b"411"),
        ("PUT", "/v1/schedules/import", None, b"411"),
        ("POST", "/import", None, b"411"),
        ("PATCH", "/v1/members/import", None, b"411"),
        ("GET", "/v1/stream", None, b"413"),
        ("POST", "/v1/members/import", None, b"401"),
        ("POST", "/v1/members/import", "reader", b"403"),
        ("POST", "/v1/members/import", "admin", b"413"),
    ],
)
def test_a_chunked_body_is_not_kept(network: Managed, method: str, path: str, key: str | None, status: bytes) -> None:
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    head += f"Authorization: Bearer {network.keys[key]}\r\n" if key else ""
    growth = contextlib.nullcontext() if key == "admin" else bounded(network)  # who may import may send 16 MB
    with growth:
        answer = pour(network, head.encode() + b"\r\n", chunk(MB), 100)
    assert answer[9:12] == status, answer[:200]
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n", LINE),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", b"a:\r\n" * 1000),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-A: ", b"a" * 65536),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", b"a" * 65536),
        (b"GET /", b"a" * 65536),
        (b"GET /?", b"a" * 65536),
    ],
    ids=["many headers", "many short headers", "a long value", "a long name", "a long path", "a long query"],
)
def test_a_head_without_end_is_refused(network: Managed, head: bytes, piece: bytes) -> None:
    with bounded(network):
        answer = pour(network, head, piece, 100 * MB // len(piece))
    assert answer[9:12] in (b"431", b""), answer[:100]  # none: the connection was reset before it could be read


def test_a_head_that_is_too_long_is_answered(network: Managed) -> None:
    with bounded(network):
        answer = pour(network, b"GET / HTTP/1.1\r\nHost: x\r\n", LINE, 20)
    assert answer.startswith(b"HTTP/1.1 431 ")
    whole = pour(network, b"GET /healthz HTTP/1.1\r\nConnection: close\r\n", LINE, 7, b"\r\n")
    assert whole.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("trailer", [LINE, b"a" * 65536])
def test_trailers_without_end_are_refused(network: Managed, trailer: bytes) -> None:
    head = b"POST /v1/members/import HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    head += f"Authorization: Bearer {network.keys['admin']}\r\n\r\n0\r\nX-B: ".encode()
    with bounded(network):
        pour(network, head, trailer, 100 * MB // len(trailer))


def test_bodies_of_strangers_are_not_kept_while_they_come(network: Managed) -> None:
    head = b"POST /v1/members HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % MB

    def one(_: int) -> bytes:
        return pour(network, head, b"[" * 1024, 1023)

    with bounded(network), ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(one, range(64)))
    assert {answer[9:12] for answer in answers} <= {b"401", b""}
    assert any(answer for answer in answers)


def test_a_key_that_is_good_may_send_what_a_route_takes(network: Managed) -> None:
    fields = {"name": "Ana", "email": "x" * 20_000}
    assert network.post("admin", "/v1/members", fields).status_code == 422
    refused = network.api.post("/v1/members", json=fields)
    assert (refused.status_code, refused.json()["type"]) == (401, "urn:maillage:problem:key-missing")
    file = b"name,email,places\n" + b"A,a@example.org,limoges\n" + b"\n" * (2 * MB)
    headers = {"Authorization": f"Bearer {network.keys['admin']}"}
    pieces = iter([file[:MB], file[MB:]])
    query = "/v1/members/import?dry_run=true"
    chunked = network.api.post(query, content=pieces, headers=headers, timeout=60)
    assert (chunked.status_code, chunked.json()["counts"]["created"]) == (200, 1)
    large = network.api.post("/v1/members/import", content=file + b"\n" * (15 * MB), headers=headers, timeout=60)
    assert (large.status_code, large.json()["type"]) == (413, "urn:maillage:problem:too-large")


def test_who_says_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.http.protocol, "_HEAD_S", 0.3)

    async def hello(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def run() -> list[bytes]:
        config = uvicorn.Config(
            hello, http=BoundedProtocol, ws="none", lifespan="off", timeout_keep_alive=1, log_config=None
        )
        config.load()
        state = ServerState()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: BoundedProtocol(config, state, {}), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        answers = []
        for sent in (b"", b"GET / HT", b"\r\n", b"GET / HTTP/1.1\r\n\r\n\r\n", b"GET / HTTP/1.1\r\n\r\nGET / HT"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            answers.append((await asyncio.wait_for(reader.read(), 60))[9:12])
            writer.close()
        server.close()
        return answers

    assert asyncio.run(run()) == [b"", b"", b"", b"204", b"204"]


def test_a_client_is_answered_before_its_large_file_is_sent(network: Managed) -> None:
    """It reads why, and isn't only reset."""
    with httpx.Client(base_url=network.api.base_url, timeout=60) as client:
        answer = client.post("/v1/members/import", content=b"x" * (40 * MB))
    assert answer.status_code == 413
