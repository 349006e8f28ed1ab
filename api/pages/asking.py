"""Asks our own API in the name of the person who is signed in, so that no page can do what the API doesn't allow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

import httpx
from fastapi import Request
from starlette.responses import RedirectResponse, Response

from api.http.callers import SESSION_COOKIE, is_from_our_page, session_cookie_of
from api.http.errors import BadQuery, LimitReached, Unavailable

_MOST_BYTES: Final = 20_000


class SignedOut(Exception):
    """Nobody is signed in, or the session has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the API answered."""

    status: int
    body: Any

    @property
    def good(self) -> bool:
        """Whether it did what was asked."""
        return self.status < 400


async def ask(request: Request, method: str, path: str, body: Any = None, **headers: str) -> Answer:
    """Send a request to our own API with the session's key.

    Raises:
        SignedOut: the session is missing or has ended.
        Unavailable, LimitReached: the API can't answer now.
    """
    key = session_cookie_of(request)
    if not key:
        raise SignedOut
    host = request.client.host if request.client else "127.0.0.1"
    transport = httpx.ASGITransport(app=request.app, client=(host, 0), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://pages", timeout=40) as client:
        sent = {"authorization": f"Bearer {key}", **{name.replace("_", "-"): value for name, value in headers.items()}}
        answer = await client.request(method, path, json=body, headers=sent)
    if answer.status_code == 401:
        raise SignedOut
    if answer.status_code == 429:
        raise LimitReached("Too many requests.", retry_s=10)
    if answer.status_code >= 500:
        raise Unavailable("The API can't answer now.")
    return Answer(status=answer.status_code, body=answer.json())


def to_sign_in(request: Request) -> Response:
    """Return the answer for who isn't signed in; the cookie of a session that has ended is removed."""
    answer = RedirectResponse("/sign-in", 303)
    if session_cookie_of(request):
        forget(answer)
    return answer


def forget(answer: Response) -> None:
    """Remove the session's cookie from the browser."""
    answer.delete_cookie(SESSION_COOKIE, path="/", secure=True, httponly=True, samesite="lax")


async def form_of(request: Request) -> dict[str, str]:
    """Read the fields of a form that one of our own pages sends.

    Raises:
        BadQuery: it is another site's, or larger than any form of ours.
    """
    if not is_from_our_page(request):
        raise BadQuery("form", "This form was not sent by a page of ours. Open the page again, and send it from there.")
    text = await request.body()
    if len(text) > _MOST_BYTES:
        raise BadQuery("form", "This form is larger than any of ours.")
    fields = parse_qsl(text.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: value.replace("\0", "") for name, value in fields}  # PostgreSQL has no NUL in a text
