"""Back from an OpenID Connect provider: the page that was wanted, and addresses that aren't the person's."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI, Request

from api.pages import at_provider
from api.sign_in import links
from api.sign_in.provider import Known, Started

WANTED = "/me/bookings/new?place=limoges&from=2030-01-01T08:00+01:00&note=a#b"


class _Provider:
    """A provider that believes everybody."""

    async def finish(self, started: Started, code: str, issuer: str | None) -> Known:
        return Known(address="jeanne@example.org", id_token=f"{started.state} {code} {issuer}")


def test_the_page_that_was_wanted_is_one_parameter(monkeypatch: pytest.MonkeyPatch) -> None:
    async def vouched(_request: Request, _address: str) -> str:
        return "token"

    monkeypatch.setattr(links, "vouched", vouched)
    app = FastAPI()
    app.include_router(at_provider.router)
    app.state.provider = _Provider()
    app.state.shared = SimpleNamespace(keys=None)  # nobody is signed in yet
    started = Started(state="s", nonce="n", verifier="v", next=WANTED)
    headers = {"cookie": f"__Host-maillage-provider={started.as_cookie()}"}

    async def back() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://ours.example") as client:
            return await client.get("/sign-in/provider/back?state=s&code=c", headers=headers)

    answer = asyncio.run(back())
    to = urlsplit(answer.headers["location"])
    assert (answer.status_code, to.path, to.fragment) == (303, "/sign-in/token", "")
    assert parse_qs(to.query) == {"next": [WANTED]}


@pytest.mark.parametrize("address", ["m\u0130chel@example.org", "jac\u212a@example.org"])
def test_an_address_that_only_the_database_takes_for_somebodys_is_nobodys(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    async def rows(*_: object) -> list[dict[str, bool]]:
        return [{"known": True}]

    monkeypatch.setattr(links, "public_rows", rows)
    monkeypatch.setattr(links, "shared", lambda _request: SimpleNamespace(pool=None))
    request = Request({"type": "http"})
    assert asyncio.run(links.vouched(request, address)) is None
    assert asyncio.run(links.vouched(request, "Jeanne@example.org")) is not None
    assert asyncio.run(links.vouched(request, "\u00e9lodie@example.org")) is not None
