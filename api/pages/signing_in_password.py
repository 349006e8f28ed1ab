"""Signing in with a password and, where the person has one, the code of a second factor. Needs no JavaScript."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.http.errors import Unavailable
from api.http.state import shared
from api.pages.asking import form_of
from api.pages.entering import BUSY, TOO_MANY, go_on, sign_in_page, too_late
from api.pages.rendering import page, say, text
from api.pages.routing import PageRoute, way_back, with_way_back
from api.pages.signing_in import ADDRESS, NO_ADDRESS
from api.sign_in import guessing, passwords

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_WRONG: Final = text(
    "The address or the password is not right, or there is no password for this address. A link always works."
)
_TOO_OFTEN: Final = text("There were too many tries with this address. Ask for a link: it works at once.")
_WRONG_CODE: Final = text("This code is not right, or it was used already. Wait for the next one.")
_CODES_TOO_OFTEN: Final = text("There were too many wrong codes. Sign in by a link.")


@router.post("/sign-in/password")
async def sign_in(request: Request) -> Response:
    """Check the password. The answer is the same, after the same time, for an address that isn't known."""
    fields = await form_of(request)
    address, password, to = fields.get("address", "").strip(), fields.get("password", ""), way_back(fields.get("next"))

    def again(status: int, error: str) -> Response:
        return sign_in_page(request, to, status=status, address=address, error=error, password=True)

    if not ADDRESS.fullmatch(address):
        return again(422, NO_ADDRESS)
    if len(password) > passwords.LONGEST:
        return again(401, _WRONG)
    if _too_many(request):
        return again(429, TOO_MANY)
    try:
        ticket = await guessing.by_password(request, address, password)
        if not ticket.needs_factor:
            return await go_on(request, ticket.token, to)
    except guessing.WrongGuess:
        return again(401, _WRONG)
    except guessing.TriedTooOften:
        return again(429, _TOO_OFTEN)
    except Unavailable:
        return again(503, BUSY)
    return RedirectResponse(with_way_back(f"/sign-in/{ticket.token}/code", to), 303)


@router.get("/sign-in/{token}/code")
async def ask_code(token: str, request: Request) -> Response:
    """Ask for the code of the second factor."""
    to = way_back(request.query_params.get("next"))
    if not await guessing.needs_factor(request, token):
        return too_late(request)
    return _code_page(request, token, to)


@router.post("/sign-in/{token}/code")
async def show_code(token: str, request: Request) -> Response:
    """Check the code, and sign in."""
    fields = await form_of(request)
    to = way_back(fields.get("next"))
    if _too_many(request):
        return _code_page(request, token, to, status=429, error=TOO_MANY)
    try:
        await guessing.show_factor(request, token, fields.get("code", "")[:60])
        return await go_on(request, token, to)
    except guessing.WrongGuess as error:
        return too_late(request) if error.ended else _code_page(request, token, to, status=401, error=_WRONG_CODE)
    except guessing.TriedTooOften:
        return sign_in_page(request, to, status=429, error=_CODES_TOO_OFTEN)
    except Unavailable:
        return _code_page(request, token, to, status=503, error=BUSY)


def _code_page(request: Request, token: str, to: str, *, status: int = 200, error: str | None = None) -> Response:
    told = None if error is None else say(request, error)
    return page(request, "sign_in_code.html", status=status, token=token, next=to, error=told)


def _too_many(request: Request) -> bool:
    return bool(shared(request).clients.signs_in(request.client.host if request.client else ""))
