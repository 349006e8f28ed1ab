"""Bodies of requests: how much of them is read, of whom, and for how long."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.types import Message

import api.http.bodies
from api.http.bodies import MOST_BYTES, STRANGER_BYTES, RequestBody, has_body

LARGE = {("POST", "/large"): 3_000_000}


def scope(method: str = "POST", path: str = "/x", **headers: str) -> dict[str, Any]:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": method, "path": path, "headers": raw}


def test_what_the_headers_say_is_enough_to_refuse() -> None:
    async def refusal(**given: Any) -> int | None:
        found = RequestBody(scope(**given), None, LARGE).refusal()  # type: ignore[arg-type]
        return None if found is None else found.status

    async def run() -> list[int | None]:
        return [
            await refusal(content_length="0"),
            await refusal(content_length=str(MOST_BYTES)),
            await refusal(content_length=str(MOST_BYTES + 1)),
            await refusal(content_length="9" * 40),
            await refusal(content_length="x"),
            await refusal(transfer_encoding="chunked"),
            await refusal(path="/large", transfer_encoding="chunked"),
            await refusal(path="/large/", transfer_encoding="chunked"),
            await refusal(path="/large", method="PUT", transfer_encoding="chunked"),
            await refusal(path="/large", content_length="3000001"),
            await refusal(method="GET", content_length="0"),
            await refusal(method="GET", content_length="1"),
            await refusal(method="HEAD", path="/large", transfer_encoding="chunked"),
        ]

    assert asyncio.run(run()) == [None, None, 413, 411, 411, 411, None, 411, 411, 413, None, 413, 413]
    assert not has_body(scope(accept="x"))
    assert has_body(scope(content_length="1"))


def test_pieces_are_counted_as_they_arrive() -> None:
    async def endless() -> Message:
        return {"type": "http.request", "body": b"x" * 1_000_000, "more_body": True}

    async def run() -> int:
        body = RequestBody(scope(path="/large", transfer_encoding="chunked"), endless, LARGE)
        for _ in range(3):
            await body.receive()
        with pytest.raises(HTTPException) as refused:
            await body.receive()
        return refused.value.status_code

    assert asyncio.run(run()) == 413


def test_a_slow_body_is_given_up_and_its_connection_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.http.bodies, "_BODY_S", 0.05)
    monkeypatch.setattr(api.http.bodies, "_DISCARDED_S", 0.05)

    async def never() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def run() -> list[Message]:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        body = RequestBody(scope(content_length=str(STRANGER_BYTES + 1)), never, LARGE)
        with pytest.raises(HTTPException) as refused:
            await body.receive()
        assert refused.value.status_code == 408
        closing = body.closing(send)
        await closing({"type": "http.response.start", "status": 408, "headers": []})
        await closing({"type": "http.response.body", "body": b"slow"})
        return sent

    start, text, end = asyncio.run(run())
    assert start["headers"] == [(b"connection", b"close")]
    assert (text["body"], text["more_body"]) == (b"slow", True)
    assert end == {"type": "http.response.body", "body": b""}
