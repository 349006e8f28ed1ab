"""What each way of signing in ends with: the page with the ways, whom to sign in as, and the session's cookie."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from api.http.callers import SESSION_COOKIE, session_cookie_of
from api.http.state import shared
from api.pages.person import STAFF
from api.pages.rendering import page, say, text
from api.pages.routing import with_way_back
from api.sign_in import links
from api.sign_in.site import site_of

BUSY: Final = text("This is not possible just now. Try again in a minute.")
TOO_MANY: Final = text("Too many tries from here. Wait ten minutes.")


def sign_in_page(
    request: Request,
    to: str,
    *,
    status: int = 200,
    address: str = "",
    error: str | None = None,
    password: bool = False,
) -> Response:
    """Return the page with all ways to sign in.

    Args:
        request: of the page.
        to: the path of ours that is shown afterwards.
        status: of the answer.
        address: what was typed.
        error: a text that ``text`` has marked.
        password: whether the form with the password is open.
    """
    told = None if error is None else say(request, error)
    passkeys = site_of(request) is not None
    values = {"address": address[:320], "next": to, "error": told, "password": password, "passkeys": passkeys}
    return page(request, "sign_in.html", status=status, **values)


async def go_on(request: Request, token: str, to: str) -> Response:
    """Sign in by the ticket of who has proved who they are; ask as whom, if they have several roles.

    Raises:
        Unavailable: the database is down or too busy.
    """
    found = await links.choices(request, token)
    if len(found) == 1:
        return await enter_as(request, token, found[0].ref, found[0].role, to)
    return RedirectResponse(with_way_back(f"/sign-in/{token}", to), 303)


async def enter_as(request: Request, token: str, ref: str, role: str, to: str) -> Response:
    """Use a link or a ticket, and give the browser the cookie of a new session; the one that it had ends.

    Raises:
        Unavailable: the database is down or too busy.
    """
    old = session_cookie_of(request)
    made = await links.sign_in(request, token, ref, role, old)
    if made is None:
        return too_late(request)
    if old:
        shared(request).keys.forget(old)
    # without a wish: who manages begins with their places
    answer = RedirectResponse("/manage" if to == "/me" and role in STAFF else to, 303)
    life = int((made.ends - datetime.now(UTC)).total_seconds())
    answer.set_cookie(SESSION_COOKIE, made.key, max_age=life, path="/", secure=True, httponly=True, samesite="lax")
    return answer


def too_late(request: Request) -> Response:
    """Return the page for a link or a ticket that isn't good (any more)."""
    error = text("This link was used already, or it is too old. Ask for a new one.")
    return sign_in_page(request, "/me", status=410, error=error)
