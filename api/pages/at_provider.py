"""Signing in at an OpenID Connect provider: to it, back from it, and out of it."""

from __future__ import annotations

import logging
import secrets
from typing import Final, cast

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.http.settings import ApiSettings
from api.http.state import shared
from api.pages.asking import Missing
from api.pages.entering import sign_in_page
from api.pages.rendering import say
from api.pages.routing import PageRoute, way_back, with_way_back
from api.sign_in import links
from api.sign_in.provider import NotSignedIn, Provider, started_of

log = logging.getLogger(__name__)
router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_STARTED: Final = "__Host-maillage-provider"
_SIGNED_IN: Final = "__Host-maillage-provider-id"
_STARTED_S: Final = 600
_SIGNED_IN_S: Final = 12 * 3600
_MOST_COOKIE: Final = 3_800
"""A larger ID token is not kept: browsers refuse cookies over 4 kB, and the person then signs out there by hand."""


def provider_of(settings: ApiSettings) -> Provider | None:
    """Return the configured provider; None: there is none.

    Raises:
        ValueError: the configuration lacks something.
    """
    if settings.oidc_issuer is None:
        return None
    if not settings.oidc_client_id or settings.oidc_client_secret is None or settings.public_url is None:
        raise ValueError(
            "MAILLAGE_OIDC_ISSUER also needs MAILLAGE_OIDC_CLIENT_ID, MAILLAGE_OIDC_CLIENT_SECRET and "
            "MAILLAGE_PUBLIC_URL (docs/sign-in.md)."
        )
    return Provider(
        name=settings.oidc_name,
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret.get_secret_value(),
        scopes=settings.oidc_scopes,
        acr=settings.oidc_acr,
        vouches=settings.oidc_vouches,
        redirect_uri=f"{settings.public_url}/sign-in/provider/back",
    )


@router.get("/sign-in/provider")
async def go(request: Request) -> Response:
    """Send the browser to the provider."""
    provider = _provider(request)
    if shared(request).clients.asks_link(request.client.host if request.client else ""):
        return _failed(request, say(request, "Too many links were asked for from here. Wait ten minutes."), 429)
    try:
        address, started = await provider.begin(way_back(request.query_params.get("next")))
    except NotSignedIn as error:
        return _unreachable(request, error)
    answer = RedirectResponse(address, 303, headers={"Cache-Control": "no-store"})
    _keep(answer, _STARTED, started.as_cookie(), _STARTED_S)
    return answer


@router.get("/sign-in/provider/back")
async def back(request: Request) -> Response:
    """Take the provider's answer, and let the person choose the role."""
    provider = _provider(request)
    started = started_of(request.cookies.get(_STARTED, ""))
    asked = request.query_params
    if started is None or not secrets.compare_digest(asked.get("state", ""), started.state):
        return _failed(
            request, say(request, "This sign-in was begun in another browser, or too long ago. Begin again.")
        )
    if "code" not in asked:
        return _failed(request, say(request, "You did not sign in there. Try again, or choose another way."))
    try:
        known = await provider.finish(started, asked["code"], asked.get("iss"))
    except NotSignedIn as error:
        return _unreachable(request, error)
    token = await links.vouched(request, known.address)
    if token is None:
        unknown = say(request, "Nobody here has the e-mail address with which you signed in there. Ask the front desk.")
        return _failed(request, unknown, 403)
    answer = RedirectResponse(with_way_back(f"/sign-in/{token}", way_back(started.next)), 303)
    _keep(answer, _STARTED, "", 0)
    if len(known.id_token) <= _MOST_COOKIE:
        _keep(answer, _SIGNED_IN, known.id_token, _SIGNED_IN_S)
    return answer


@router.get("/sign-in/provider/out")
async def out(request: Request) -> Response:
    """Sign out there too."""
    provider = _provider(request)
    id_token = request.cookies.get(_SIGNED_IN, "")
    try:
        address = await provider.end(id_token, f"{shared(request).settings.public_url}/sign-in") if id_token else None
    except NotSignedIn as error:
        return _unreachable(request, error)
    answer = RedirectResponse(address or "/sign-in", 303)
    _keep(answer, _SIGNED_IN, "", 0)
    return answer


def _provider(request: Request) -> Provider:
    provider = cast("Provider | None", request.app.state.provider)
    if provider is None:
        raise Missing
    return provider


def _unreachable(request: Request, error: NotSignedIn) -> Response:
    log.warning("provider_refused", extra={"reason": str(error)})
    return _failed(request, say(request, "Signing in there did not work. Try again, or choose another way."), 503)


def _failed(request: Request, error: str, status: int = 400) -> Response:
    return sign_in_page(request, "/me", status=status, error=error)


def _keep(answer: Response, name: str, value: str, age_s: int) -> None:
    answer.set_cookie(name, value, max_age=age_s, path="/", secure=True, httponly=True, samesite="lax")
