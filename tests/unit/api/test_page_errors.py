"""What goes wrong behind a page is said on a page; no secret of an address is logged."""

from __future__ import annotations

import asyncio
import logging
from html import unescape
from types import SimpleNamespace

import httpx
import pytest
from fastapi import FastAPI
from starlette.responses import JSONResponse

from api.http import problems
from api.http.callers import SESSION_COOKIE
from api.http.errors import LimitReached, Unavailable
from api.pages import unknown
from api.pages.manage import places
from api.pages.me import account, bookings, cards


def _get(path: str, status: int, **headers: str) -> httpx.Response:
    """Ask an app with the pages of an account, whose API answers everything with ``status``."""
    app = FastAPI()
    for one in (account, bookings, cards, places, unknown):
        app.include_router(one.router)

    async def holder(*_: object) -> None:
        """Return that nobody holds the key, or fail as the API does."""
        if status == 429:
            raise LimitReached("too many", retry_s=1)
        if status >= 500:
            raise Unavailable("away")

    app.state.shared = SimpleNamespace(keys=SimpleNamespace(holder=holder, has_known=lambda _key: False))
    problems.install(app)

    @app.get("/v1/{rest:path}")
    async def away(rest: str) -> JSONResponse:
        if status == 500:
            raise RuntimeError
        return JSONResponse({"detail": "no"}, status)

    @app.get("/sign-in/{token}")
    async def broken(token: str) -> None:
        raise RuntimeError

    async def get() -> httpx.Response:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(get())


@pytest.mark.parametrize(("status", "shown"), [(503, 503), (500, 503), (429, 429), (401, 303)])
@pytest.mark.parametrize(
    "path", ["/me", "/me/bookings", "/me/bookings/b-1", "/me/cards/c-1/lost", "/me/cards/c-1/doors"]
)
def test_a_page_stays_a_page_when_the_database_is_away(path: str, status: int, shown: int) -> None:
    cookies = f"{SESSION_COOKIE}=mk_x; lang=../../etc; maillage-language=%00"
    answer = _get(path, status, cookie=cookies, **{"accept-language": "fr;q=nan, x"})
    assert answer.status_code == shown
    assert ("set-cookie" in answer.headers) == (shown == 303), "an outage signs nobody out"
    if shown != 303:
        assert answer.headers["content-type"].startswith("text/html")
        assert answer.headers["cache-control"] == "no-store"
        assert "Try again in a minute" in answer.text


def test_the_log_of_a_failure_holds_no_token(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, logger="api"):
        assert _get("/sign-in/SECRET", 200).status_code == 500
    failed = [one for one in caplog.records if one.message == "request_failed"]
    assert [vars(one)["path"] for one in failed] == ["/sign-in/{token}"]


def test_a_database_that_is_away_signs_nobody_out() -> None:
    answer = _get("/manage", 503, cookie=f"{SESSION_COOKIE}=mk_x")
    assert answer.status_code == 503
    assert "set-cookie" not in answer.headers


def test_what_a_page_trips_over_is_a_page_too_and_in_the_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trips(_request: object) -> None:
        raise KeyError("unexpected")

    monkeypatch.setattr(account, "signed_in", trips)
    with caplog.at_level(logging.ERROR, logger="api"):
        answer = _get("/me", 401, **{"accept-language": "fr"})
    assert (answer.status_code, answer.headers["content-type"]) == (500, "text/html; charset=utf-8")
    assert "Une erreur s'est produite de notre côté" in unescape(answer.text)
    (failed,) = (one for one in caplog.records if one.message == "request_failed")
    assert vars(failed)["path"] == "/me"
    assert failed.exc_info is not None


@pytest.mark.parametrize("path", ["/me/nothing", "/me/cards/open", "/manage/limoges/nothing/at/all"])
def test_an_address_that_no_page_has_is_a_page_too(path: str) -> None:
    answer = _get(path, 401)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "There is nothing here" in answer.text
    slashed = _get(f"{path}//", 401)
    assert (slashed.status_code, slashed.headers["location"]) == (303, path)
