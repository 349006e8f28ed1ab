"""The small HTTP servers: what a stranger sends them, and what they hold of it. Real sockets on loopback."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from http.server import ThreadingHTTPServer

import pytest

import process.small_http as small
from process.health import serve
from tests.waiting import until

LINE = b"X-A: " + b"a" * 4000 + b"\r\n"


@contextlib.contextmanager
def serving() -> Iterator[tuple[str, int]]:
    server: ThreadingHTTPServer = serve("127.0.0.1", 0, lambda: b"m 1\n", lambda: None, lambda: None)
    try:
        yield ("127.0.0.1", server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()


def ask(address: tuple[str, int], sent: bytes, *, deadline_s: float = 60) -> bytes:
    with socket.create_connection(address, timeout=deadline_s) as one:
        with contextlib.suppress(OSError):
            one.sendall(sent)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while more := one.recv(4096):
                answer += more
        return answer


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /healthz HTTP/1.0\r\n" + LINE * 7 + b"\r\n", b"200"),
        (b"GET /healthz HTTP/1.0\r\n" + LINE * 9 + b"\r\n", b"431"),
        (b"GET /healthz HTTP/1.0\r\nX-A: " + b"a" * 60_000 + b"\r\n\r\n", b"431"),
        (b"GET /" + b"a" * 70_000, b"414"),
        (b"GET /healthz HTTP/1.0\r\n" + b"a: b\r\n" * 200 + b"\r\n", b"431"),
        (b"POST /healthz HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello", b"501"),
    ],
)
def test_a_head_has_an_end(sent: bytes, status: bytes) -> None:
    with serving() as address:
        assert ask(address, sent)[9:12] in (status, b"" if status != b"200" else status)


def test_the_head_that_is_too_long_is_answered() -> None:
    with serving() as address:
        assert ask(address, b"GET /healthz HTTP/1.0\r\n" + LINE * 8 + LINE[:800]).startswith(b"HTTP/1.0 431 ")


def test_who_says_nothing_or_little_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small.SmallHandler, "timeout", 0.2)
    with serving() as address:
        assert ask(address, b"") == b""
        assert ask(address, b"GET /healthz HTT") == b""
    monkeypatch.setattr(small.SmallHandler, "timeout", 20.0)
    monkeypatch.setattr(small, "LONGEST_S", 0.2)
    with serving() as address:
        assert ask(address, b"GET /healthz HTT") == b""


def test_so_many_connections_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small, "MOST_CONNECTIONS", 3)
    with serving() as address, contextlib.ExitStack() as held:
        for _ in range(3):
            held.enter_context(socket.create_connection(address, timeout=20))
        until(lambda: ask(address, b"GET /healthz HTTP/1.0\r\n\r\n") == b"", what="a fourth is closed")
        held.close()
        until(lambda: ask(address, b"GET /healthz HTTP/1.0\r\n\r\n")[9:12] == b"200", what="there is room again")
