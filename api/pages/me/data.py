"""``/me/data``: what is held about a member and how long, export, erasure, consent, and where they are signed in."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.http.callers import session_cookie_of
from api.http.state import shared
from api.pages.asking import Missing, ask, form_of, read
from api.pages.me.reading import facts, tables
from api.pages.me.where import named, own_ref, places_known, rows
from api.pages.person import signed_in
from api.pages.refusals import refusal
from api.pages.rendering import page, say, text
from api.pages.routing import PageRoute, forget

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_DONE: Final = {"ended": text("That browser is signed out.")}
_WORD: Final = text("ERASE")
"""What is typed to confirm an erasure."""


@router.get("/me/data")
async def data(request: Request) -> Response:
    """What is held, in words."""
    return await _data(request)


@router.post("/me/sessions/{number}/end")
async def end_session(number: int, request: Request) -> Response:
    """Sign out another browser."""
    await form_of(request)
    answer = await ask(request, "DELETE", f"/v1/sessions/{number}")
    member = signed_in(request).member
    if not answer.good:
        if member is None:
            raise Missing
        return await _data(request, error=refusal(request, answer), status=answer.status)
    return RedirectResponse("/me/data?done=ended" if member else "/me", 303)


@router.get("/me/data/all")
async def everything(request: Request) -> Response:
    """All that is held, to be read. It is an export: the audit notes it."""
    own_ref(request)
    answer, places = await asyncio.gather(read(request, "/v1/me/export"), places_known(request))
    zone = named(places, answer.body["member"]["home"])["zone"]
    held = answer.body
    return page(
        request,
        "me/data_all.html",
        exported_at=held["exported_at"],
        facts=facts(request, held["member"]),
        tables=tables(request, held),
        zone=zone,
    )


@router.get("/me/data/erase")
async def ask_to_erase(request: Request) -> Response:
    """Ask, and say what goes and what stays."""
    return await _erase(request)


@router.post("/me/data/erase")
async def erase(request: Request) -> Response:
    """Erase the member; the session ends with them."""
    fields = await form_of(request)
    own_ref(request)
    typed = fields.get("word", "").strip()
    if typed.casefold() != say(request, _WORD).casefold():
        wrong = say(request, "Type the word as it stands there.")
        return await _erase(request, typed=typed, wrong=wrong, status=422)
    answer = await ask(request, "DELETE", "/v1/me", if_match=fields.get("etag", ""))
    if not answer.good:
        return await _erase(request, typed=typed, error=refusal(request, answer), status=answer.status)
    shared(request).keys.forget(session_cookie_of(request))
    gone = RedirectResponse("/me/data/erased", 303)
    forget(gone)
    return gone


@router.get("/me/data/erased")
async def erased(request: Request) -> Response:
    """Say that it was done; nobody is signed in any more."""
    if request.state.person is not None:
        raise Missing
    return page(request, "me/erased.html")


async def _data(request: Request, *, error: str | None = None, status: int = 200) -> Response:
    me = own_ref(request)
    paths = (f"/v1/members/{me}/consent", f"/v1/members/{me}/categories")
    places = await places_known(request)
    about, sessions, consent, categories = await asyncio.gather(
        read(request, "/v1/me"), read(request, "/v1/sessions"), *(ask(request, "GET", path) for path in paths)
    )
    home = named(places, about.body["home"])
    done = _DONE.get(request.query_params.get("done", ""))
    values: dict[str, Any] = {"me": about.body, "home": home["place_name"], "zone": home["zone"], "error": error}
    return page(
        request,
        "me/data.html",
        status=status,
        sessions=sessions.body["sessions"],
        consent=consent.body if consent.good else None,
        categories=rows(categories, "categories"),
        done=done and say(request, done),
        **values,
    )


async def _erase(
    request: Request, *, typed: str = "", wrong: str | None = None, error: str | None = None, status: int = 200
) -> Response:
    own_ref(request)
    about = await read(request, "/v1/me")
    values = {"etag": about.etag, "word": say(request, _WORD), "typed": typed, "wrong": wrong, "error": error}
    return page(request, "me/data_erase.html", status=status, me=about.body, **values)
