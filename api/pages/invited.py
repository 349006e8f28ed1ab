"""The page of an invitation: the administrator of the network says who they are, and is signed in."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.http.errors import Unavailable
from api.pages.asking import form_of
from api.pages.entering import BUSY, go_on, sign_in_page, too_late
from api.pages.rendering import page, say, text
from api.pages.routing import PageRoute
from api.pages.signing_in import ADDRESS, NO_ADDRESS
from api.sign_in import invitations

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_NO_NAME: Final = text("Write your name: 200 characters at most.")
_TAKEN: Final = text("Somebody who manages has this address already. Sign in with it.")


@router.get("/sign-in/invitation/{token}")
async def show(token: str, request: Request) -> Response:
    """Ask for name and address. Looking uses nothing."""
    found = await invitations.find(request, token)
    if found is None:
        return too_late(request)
    return _page(request, token, "", found.email or "")


@router.post("/sign-in/invitation/{token}")
async def accept(token: str, request: Request) -> Response:
    """Make the operator, and sign in."""
    fields = await form_of(request)
    name, address = " ".join(fields.get("name", "").split()), fields.get("address", "").strip()
    wrong: dict[str, str] = {}
    if not name or len(name) > 200 or not name.isprintable():
        wrong["name"] = _NO_NAME
    if not ADDRESS.fullmatch(address):
        wrong["address"] = NO_ADDRESS
    if wrong:
        return _page(request, token, name, address, wrong=wrong, status=422)
    try:
        ticket = await invitations.accept(request, token, name, address)
        return too_late(request) if ticket is None else await go_on(request, ticket, "/me/sign-in")
    except invitations.AddressTaken:
        return _page(request, token, name, address, wrong={"address": _TAKEN}, status=409)
    except Unavailable:
        return sign_in_page(request, "/me", status=503, error=BUSY)


def _page(
    request: Request, token: str, name: str, address: str, *, wrong: dict[str, str] | None = None, status: int = 200
) -> Response:
    told = {field: say(request, one) for field, one in (wrong or {}).items()}
    values = {"token": token, "name": name[:200], "address": address[:320], "wrong": told}
    return page(request, "invited.html", status=status, **values)
