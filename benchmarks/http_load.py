"""A small HTTP/1.1 client that keeps a server busy: as many requests as come back, on a few kept connections.

Run as a process of its own: ``python -m benchmarks.http_load`` reads one JSON object from standard input, ``{"port",
"seconds", "connections", "requests": [[path, if_none_match | null], …], "status", "key" or "cookie" (or none)}``, and
writes one, ``{"requests", "seconds", "p50_ms", "p99_ms"}``. Every answer's status is checked.
"""

from __future__ import annotations

import asyncio
import json
import sys
from time import perf_counter
from typing import Any, cast

import uvloop


class Connection(asyncio.Protocol):
    """One connection: sends the next request as soon as the answer to the last one is whole."""

    def __init__(self, requests: list[bytes], first: int, status: bytes, end: float, times: list[float]) -> None:
        self._requests, self._next, self._status, self._end, self._times = requests, first, status, end, times
        self._buffer = b""
        self._sent = 0.0
        self._transport: asyncio.Transport | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own don't inherit
        self._send()

    def data_received(self, data: bytes) -> None:
        """Take a piece of an answer; send the next request when it is whole."""
        self._buffer = self._buffer + data if self._buffer else data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        if head[9:12] != self._status:
            self._finish(RuntimeError(f"unexpected answer: {head[:200]!r}"))
            return
        start = head.find(b"content-length: ")
        length = int(head[start + 16 :].split(b"\r\n", 1)[0]) if start >= 0 else 0
        if len(self._buffer) < end + 4 + length:
            return
        now = perf_counter()
        self._times.append(now - self._sent)
        self._buffer = b""
        if now < self._end:
            self._send()
        else:
            self._finish(None)

    def connection_lost(self, error: Exception | None) -> None:
        """The server hung up."""
        self._finish(error or ConnectionError("the server closed the connection"))

    def _send(self) -> None:
        assert self._transport is not None
        self._next = (self._next + 1) % len(self._requests)
        self._sent = perf_counter()
        self._transport.write(self._requests[self._next])

    def _finish(self, error: Exception | None) -> None:
        if not self.done.done():
            if error is None:
                self.done.set_result(None)
            else:
                self.done.set_exception(error)
        if self._transport is not None:
            self._transport.abort()


async def load(order: dict[str, Any]) -> dict[str, float]:
    """Carry out ``order``."""
    key = f"Authorization: Bearer {order['key']}\r\n" if order.get("key") else ""
    key += f"Cookie: {order['cookie']}\r\nAccept-Language: fr\r\n" if order.get("cookie") else ""
    lines = [
        f"GET {path} HTTP/1.1\r\nHost: benchmark\r\n{key}" + (f"If-None-Match: {etag}\r\n" if etag else "") + "\r\n"
        for path, etag in order["requests"]
    ]
    requests = [line.encode() for line in lines]
    times: list[float] = []
    loop = asyncio.get_running_loop()
    started = perf_counter()
    end = started + order["seconds"]
    status = str(order["status"]).encode()
    step = max(1, len(requests) // order["connections"])
    connections = []
    for number in range(order["connections"]):
        first = number * step % len(requests)
        _, one = await loop.create_connection(
            lambda first=first: Connection(requests, first, status, end, times),  # type: ignore[misc]
            "127.0.0.1",
            order["port"],
        )
        connections.append(one)
    await asyncio.gather(*(one.done for one in connections))
    seconds = perf_counter() - started
    times.sort()
    return {
        "requests": len(times),
        "seconds": seconds,
        "p50_ms": times[len(times) // 2] * 1000,
        "p99_ms": times[len(times) * 99 // 100] * 1000,
    }


if __name__ == "__main__":
    print(json.dumps(uvloop.run(load(json.load(sys.stdin)))))
