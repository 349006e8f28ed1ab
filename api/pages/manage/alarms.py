"""``/manage/{place}/alarms``: what needs attention, and its acknowledgement."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.pages.asking import Missing, ask, form_of, read
from api.pages.manage.now import words_of
from api.pages.person import managed_place
from api.pages.refusals import refusal
from api.pages.rendering import page
from api.pages.routing import PageRoute
from api.present.network import Place

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/manage/{place}/alarms")
async def alarms(place: str, request: Request) -> Response:
    """The open alarms, or all of the last time."""
    where = await managed_place(request, place, "alarms:write", "audit:read")
    return await _listed(request, where)


@router.post("/manage/{place}/alarms/{number}/acknowledge")
async def acknowledge(place: str, number: int, request: Request) -> Response:
    """Acknowledge one, with a comment or without."""
    where = await managed_place(request, place, "alarms:write")
    fields = await form_of(request)
    comment = " ".join(fields.get("comment", "").split())
    listed = await read(request, f"/v1/alarms?place={quote(place)}&state=all&limit=1000")
    if not any(one["id"] == number for one in listed.body["alarms"]):
        raise Missing
    body = {"comment": comment} if comment else None
    answer = await ask(request, "POST", f"/v1/alarms/{number}/acknowledge", body)
    if not answer.good:
        wrong = {"error": refusal(request, answer), "wrong": number, "comment": comment}
        return await _listed(request, where, status=answer.status, **wrong)
    return RedirectResponse(f"/manage/{quote(place)}/alarms?done=acknowledged", 303)


async def _listed(request: Request, place: Place, *, status: int = 200, **values: Any) -> Response:
    every = request.query_params.get("state") == "all"
    answer = await read(request, f"/v1/alarms?place={quote(place.code)}&state={'all' if every else 'open'}&limit=200")
    given = {"error": None, "wrong": None, "comment": "", **values}
    return page(
        request,
        "manage/alarms.html",
        status=status,
        place=place,
        alarms=[{**one, "over": _over(one)} for one in answer.body["alarms"]],
        every=every,
        more=answer.body["next"] is not None,
        done=request.query_params.get("done") == "acknowledged",
        **given,
        **words_of(request, place),
    )


def _over(alarm: Mapping[str, Any]) -> bool:
    """Whether its cause has ended. ``until`` alone doesn't say so: of what happened at one moment it is that moment."""
    until, raised, last = (
        alarm[name] and datetime.fromisoformat(alarm[name]) for name in ("until", "raised_at", "last_at")
    )
    return until is not None and until > raised and (alarm["times"] == 1 or until > last)
