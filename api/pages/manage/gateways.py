"""``/manage/{place}/devices/gateways/{gateway}``: how a gateway is, its code to join, its configuration, its end."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.pages.asking import Answer, Missing, ask, form_of, read
from api.pages.manage.device_words import gateway_faults
from api.pages.person import managed_place, signed_in
from api.pages.refusals import refusal, wrong_fields
from api.pages.rendering import page, say, text
from api.pages.routing import PageRoute
from api.present.network import Place

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_BASE: Final = "/manage/{place}/devices/gateways/{gateway}"
_DONE: Final = {
    "revoked": text("The gateway is shut out. It comes back only with a new code."),
    "set-back": text("The gateway gets the earlier configuration. Changes of the place wait until you go on."),
    "goes-on": text("The gateway gets the newest configuration."),
}


@router.get(_BASE)
async def gateway(place: str, gateway: str, request: Request) -> Response:
    """Show a gateway."""
    one = await managed_place(request, place, "members:read")
    return await _page(request, one, gateway)


@router.post(_BASE + "/code")
async def make_code(place: str, gateway: str, request: Request) -> Response:
    """Make a code to join with and show it: here and never again, so that this is no redirect."""
    one = await managed_place(request, place, "gateways:write")
    fields = await form_of(request)
    body = {"confirm_replace": fields.get("confirm_replace") == "yes"}
    answer = await ask(
        request, "POST", f"/v1/places/{one.code}/gateways/{quote(gateway, safe='')}/enrolment-code", body
    )
    if answer.status == 404:
        raise Missing
    if answer.status == 409 and "confirm_replace" in wrong_fields(answer):
        return page(request, "manage/devices/replace.html", status=409, place=one, gateway=gateway)
    if not answer.good:
        return await _page(request, one, gateway, answer)
    return page(request, "manage/devices/code.html", place=one, code=answer.body)


@router.get(_BASE + "/revoke")
async def revoke_asked(place: str, gateway: str, request: Request) -> Response:
    """Ask whether to shut it out."""
    one = await managed_place(request, place, "gateways:write")
    row = (await read(request, _path(one, gateway))).body
    return page(request, "manage/devices/revoke.html", place=one, row=row)


@router.post(_BASE + "/revoke")
async def revoke(place: str, gateway: str, request: Request) -> Response:
    """Shut it out."""
    one = await managed_place(request, place, "gateways:write")
    await form_of(request)
    await read(request, _path(one, gateway))  # of this place
    answer = await ask(request, "POST", f"/v1/gateways/{quote(gateway, safe='')}/revoke")
    if not answer.good:
        raise Missing
    return _back(one, gateway, "revoked")


@router.post(_BASE + "/configuration")
async def set_back(place: str, gateway: str, request: Request) -> Response:
    """Set its configuration back to an earlier version, or let it go on."""
    one = await managed_place(request, place, "gateways:write")
    given = (await form_of(request)).get("back_to", "")
    await read(request, _path(one, gateway))
    version = int(given) if given.isascii() and given.isdigit() and len(given) < 10 else None
    answer = await ask(request, "POST", f"/v1/gateways/{quote(gateway, safe='')}/configuration", {"back_to": version})
    if answer.status in (403, 404):
        raise Missing
    if not answer.good:
        return await _page(request, one, gateway, answer)
    return _back(one, gateway, "goes-on" if version is None else "set-back")


async def _page(request: Request, place: Place, gateway: str, answer: Answer | None = None) -> Response:
    found, configured = await asyncio.gather(read(request, _path(place, gateway)), _configuration(request, gateway))
    row = found.body
    done = request.query_params.get("done", "")
    values: dict[str, Any] = {
        "row": row,
        "faults": gateway_faults(row, datetime.now(UTC), lambda words: say(request, words)),
        "configuration": configured.body if configured is not None and configured.good else None,
        "done": say(request, _DONE[done]) if done in _DONE else None,
        "error": None if answer is None else refusal(request, answer),
    }
    status = 200 if answer is None else answer.status
    return page(request, "manage/devices/gateway.html", status=status, place=place, **values)


async def _configuration(request: Request, gateway: str) -> Answer | None:
    if not signed_in(request).may("gateways:write"):
        return None
    return await ask(request, "GET", f"/v1/gateways/{quote(gateway, safe='')}/configuration")


def _path(place: Place, gateway: str) -> str:
    return f"/v1/places/{place.code}/gateways/{quote(gateway, safe='')}"


def _back(place: Place, gateway: str, done: str) -> Response:
    path = f"/manage/{place.code}/devices/gateways/{quote(gateway, safe='')}"
    return RedirectResponse(f"{path}?done={done}", 303)
