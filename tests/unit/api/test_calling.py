"""A request to our own application within the process."""

from __future__ import annotations

import asyncio

import pytest
from fastapi import FastAPI, Request

from api.pages.calling import call

APP = FastAPI()


@APP.post("/said/{name}")
async def said(name: str, request: Request) -> dict[str, object]:
    body = await request.body()
    return {
        "name": name,
        "q": request.query_params.get("q"),
        "host": request.headers.getlist("host"),
        "body": len(body),
    }


@pytest.mark.parametrize(("headers", "host"), [({}, "pages"), ({"host": "lieu.example.org"}, "lieu.example.org")])
def test_a_request_has_one_host_its_own_where_one_is_given(headers: dict[str, str], host: str) -> None:
    address = "/said/L'Étage?q=caf%C3%A9"
    answer = asyncio.run(call(APP, "POST", address, headers=headers, body=b"12345", client="192.0.2.1"))
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.body.decode() == f'{{"name":"L\'Étage","q":"café","host":["{host}"],"body":5}}'
