"""The routes of pages: errors are pages, a double click is one click, no typed text is lost with a session."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from hashlib import sha256
from typing import Final
from urllib.parse import quote

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from api.http.callers import SESSION_COOKIE, is_from_our_page, session_cookie_of
from api.http.errors import ApiError, BadQuery, LimitReached, Unavailable
from api.pages.asking import ONCE, Missing, SignedOut, fields_of, leave, mark_in
from api.pages.kept import keep, kept
from api.pages.person import person_of
from api.pages.rendering import page
from api.pages.uploads import boundary_of

log = logging.getLogger(__name__)

_SECRETS: Final = {"/me/sign-in/": ("password", "code", "credential"), "/pin": ("pin",)}
"""Fields that don't wait in a page for the next person at this computer, by a part of the form's path."""
_REMEMBERED: Final = 2_000
"""Forms whose answers are kept, so that a double click does nothing twice."""
_MOST_KEPT: Final = 50_000
"""Bytes of an answer that is kept; a longer one (the report of an import) only answers who waits for it just then."""
_done: Final[OrderedDict[bytes, asyncio.Future[Response]]] = OrderedDict()


class PageRoute(APIRoute):
    """A route whose refusals are pages.

    A form has a field ``once``, new each time that it is shown (``{{ once() }}``). The same form sent twice does its
    work once, and both answers are the first one's. Where the API takes an ``Idempotency-Key`` the field is that too,
    so it holds across processes. It also says of whom the form is: what one person has left on the screen isn't done in
    the name of the next one. The page of a refused form has an address of its own for some minutes
    (``api.pages.kept``).
    """

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        """Return the handler, with our errors as pages."""
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            answer = await answered(request)
            return await keep(request, answer) if request.method == "POST" else answer

        async def answered(request: Request) -> Response:
            request.state.person = None
            try:
                request.state.person = await person_of(request)
                if request.method == "POST":
                    return await _once(request, handle)
                answer = await kept(request) or await handle(request)
                await leave(request)
                return answer
            except SignedOut:
                return await signed_out(request)
            except Missing:
                return page(request, "message.html", status=404, what="missing")
            except Unavailable:
                return page(request, "message.html", status=503, what="busy")
            except LimitReached:
                return page(request, "message.html", status=429, what="busy")
            except BadQuery:  # of ``form_of``
                return page(request, "message.html", status=422, what="form")
            except RequestValidationError:  # of the path
                return page(request, "message.html", status=404, what="missing")
            except (ApiError, HTTPException):
                raise
            except Exception:
                # the route's path, not the request's: a link to sign in is a secret
                log.exception("request_failed", extra={"path": self.path})
                return page(request, "message.html", status=500, what="broken")
            finally:
                with suppress(Unavailable):  # of a page that has failed already
                    await leave(request)

        return handled


async def _once(request: Request, handle: Callable[[Request], Awaitable[Response]]) -> Response:
    once = dict(await fields_of(request)).get(ONCE, "")[:80]
    request.state.once = once if once.isascii() and once.isalnum() else None
    if not request.state.once:
        return await handle(request)
    shown_to, person = mark_in(once), request.state.person
    if shown_to and person is not None and person.mark != shown_to:
        return page(request, "message.html", status=409, what="another")
    # the body too: a form that was changed after it was sent (by the back button) is no double click
    of_whom = f"{session_cookie_of(request)}\n{request.url.path}\n{once}\n".encode()
    body = await request.body()
    boundary = boundary_of(request.headers.get("content-type", ""))  # of a form with a file: new with each click
    mark = sha256(of_whom + (body.replace(boundary, b"") if boundary else body)).digest()
    before = _done.get(mark)
    # whose session has ended gets no answer of before; who signs in has no session yet
    if before is not None and (request.state.person is not None or request.url.path.startswith("/sign-in")):
        return await asyncio.shield(before)
    future: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
    _done[mark] = future
    while len(_done) > _REMEMBERED:
        _done.popitem(last=False)
    try:
        answer = await handle(request)
    except BaseException as error:
        _done.pop(mark, None)
        future.set_exception(error)
        future.exception()  # read, also where nobody waits for it
        raise
    # what did nothing is tried again when it is sent again
    if answer.status_code >= 400 or len(getattr(answer, "body", b"")) > _MOST_KEPT:
        _done.pop(mark, None)
    future.set_result(answer)
    return answer


async def signed_out(request: Request) -> Response:
    """Return the answer for who isn't signed in (any more); what was typed into a form stays on the page."""
    if request.method == "POST" and is_from_our_page(request):
        path = request.url.path
        dropped = next((names for part, names in _SECRETS.items() if part in path), ())
        typed = await fields_of(request)
        fields = [(name, value) for name, value in typed if name not in (ONCE, *dropped)]
        of_whom = mark_in(dict(typed).get(ONCE, ""))
        answer = page(request, "again.html", status=401, fields=fields, path=path, of_whom=of_whom)
    else:
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        answer = RedirectResponse("/sign-in" if here == "/me" else f"/sign-in?next={quote(here, safe='')}", 303)
    if session_cookie_of(request):
        forget(answer)
    return answer


def forget(answer: Response) -> None:
    """Remove the session's cookie from the browser."""
    answer.delete_cookie(SESSION_COOKIE, path="/", secure=True, httponly=True, samesite="lax")


def with_way_back(path: str, to: str) -> str:
    """Return a path of signing in that knows which page is shown afterwards; ``to``: as of ``way_back``."""
    return path if to == "/me" else f"{path}?next={quote(to, safe='')}"


def way_back(given: str | None) -> str:
    """Return the page to show after signing in: one of our own paths, ``/me`` where ``given`` is none.

    Only paths of these pages, so that no link to sign in leads to another site.
    """
    path = given or ""
    ours = path.startswith(("/me", "/manage")) and len(path) <= 500 and path.isprintable()
    return path if ours and "\\" not in path and "//" not in path.partition("?")[0] else "/me"
