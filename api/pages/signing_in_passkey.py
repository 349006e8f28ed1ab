"""Signing in with a passkey: what the browser signs, and what it answers. Needs JavaScript (``people/signin.js``)."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from api.http.errors import Unavailable
from api.http.state import shared
from api.pages.asking import Missing, form_of
from api.pages.entering import BUSY, TOO_MANY, go_on, sign_in_page
from api.pages.rendering import text
from api.pages.routing import PageRoute, way_back
from api.sign_in import proving
from api.sign_in.passkeys import PasskeyRefused
from api.sign_in.site import site_of

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_REFUSED: Final = text("This passkey doesn't work here. Try once more, or ask for a link.")


@router.post("/sign-in/passkey/options")
async def to_sign(request: Request) -> Response:
    """Answer what the browser signs, as JSON."""
    await form_of(request)
    site = site_of(request)
    if site is None:
        raise Missing
    wait_s = shared(request).clients.signs_in(request.client.host if request.client else "")
    if wait_s:
        return JSONResponse({}, 429, {"Retry-After": str(wait_s), "Cache-Control": "no-store"})
    return JSONResponse(await proving.to_sign(request, site), headers={"Cache-Control": "no-store"})


@router.post("/sign-in/passkey")
async def sign_in(request: Request) -> Response:
    """Check what the browser has signed, and sign in whose passkey it is."""
    fields = await form_of(request)
    to, site = way_back(fields.get("next")), site_of(request)
    if site is None:
        raise Missing
    if shared(request).clients.signs_in(request.client.host if request.client else ""):
        return sign_in_page(request, to, status=429, error=TOO_MANY)
    try:
        token = await proving.by_passkey(request, site, fields.get("credential", ""))
        return await go_on(request, token, to)
    except PasskeyRefused:
        return sign_in_page(request, to, status=401, error=_REFUSED)
    except Unavailable:
        return sign_in_page(request, to, status=503, error=BUSY)
