"""``/manage/{place}/team/keys``: keys of programs, made (shown once) and revoked."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.pages.asking import Missing, ask, form_of, read
from api.pages.manage.team import EXPLAINED, ROLES
from api.pages.person import managed_place
from api.pages.refusals import Unsaved, filled, unsaved
from api.pages.rendering import page, say, text
from api.pages.routing import PageRoute
from api.present.network import Place

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_OF_KEYS: Final = ("availability_reader", "front_desk", "auditor", "place_manager")
_WRONG: Final = {
    "bad-field expires_at": text("The last day must be in the future."),
    "bad-field name": text("Write a name of 1 to 200 characters."),
}


@router.get("/manage/{place}/team/keys/new")
async def key_form(place: str, request: Request) -> Response:
    """Ask what the key is for."""
    one = await managed_place(request, place, "keys:write")
    await read(request, "/v1/me")
    return _page(request, one)


@router.post("/manage/{place}/team/keys/new")
async def make_key(place: str, request: Request) -> Response:
    """Make the key and show it: here and never again, so that this is no redirect."""
    one = await managed_place(request, place, "keys:write")
    fields = await form_of(request)
    role = fields.get("role") if fields.get("role") in _OF_KEYS else "availability_reader"
    body: dict[str, Any] = {"name": fields.get("name", "").strip(), "role": role, "places": [one.code]}
    if fields.get("last_day"):
        ends = _end_of(fields["last_day"], ZoneInfo(one.time_zone))
        if ends is None or ends <= datetime.now(UTC):
            error = say(request, _WRONG["bad-field expires_at"])
            return _page(request, one, Unsaved(typed=fields, error=error, wrong=frozenset({"expires_at"})))
        body["expires_at"] = ends.isoformat()
    answer = await ask(request, "POST", "/v1/keys", body)
    if not answer.good:
        return _page(request, one, unsaved(request, answer, fields, _WRONG))
    return page(request, "manage/team/key_made.html", place=one, key=answer.body)


@router.get("/manage/{place}/team/keys/{number}/end")
async def revoke_asked(place: str, number: int, request: Request) -> Response:
    """Ask whether to revoke a key."""
    one = await managed_place(request, place, "keys:write")
    return page(request, "manage/team/key_end.html", place=one, key=(await _key(request, one, number)))


@router.post("/manage/{place}/team/keys/{number}/end")
async def revoke(place: str, number: int, request: Request) -> Response:
    """Revoke it, with the keys that it made."""
    one = await managed_place(request, place, "keys:write")
    await form_of(request)
    await _key(request, one, number)
    answer = await ask(request, "DELETE", f"/v1/keys/{number}")
    if not answer.good:
        raise Missing
    return RedirectResponse(f"/manage/{one.code}/team?done=revoked#keys", 303)


async def _key(request: Request, place: Place, number: int) -> dict[str, Any]:
    body: dict[str, Any] = (await read(request, f"/v1/keys/{number}")).body
    if body["places"] is not None and place.code not in body["places"]:
        raise Missing
    return body


def _page(request: Request, place: Place, form: Unsaved | None = None) -> Response:
    values = {
        **filled({"name": "", "role": "availability_reader", "last_day": ""}, form),
        "roles": [(name, say(request, ROLES[name])) for name in _OF_KEYS],
        "explained": [(say(request, ROLES[name]), say(request, EXPLAINED[name])) for name in _OF_KEYS],
    }
    return page(request, "manage/team/key_new.html", place=place, **values)


def _end_of(text_: str, zone: ZoneInfo) -> datetime | None:
    """Return the end of a local day; None: it is none."""
    try:
        day = date.fromisoformat(text_) + timedelta(days=1)
        return datetime(day.year, day.month, day.day, tzinfo=zone) if 2000 <= day.year <= 2199 else None
    except (ValueError, OverflowError):
        return None
