"""``/manage/{place}/count``: "I count 7": head counts, what they changed, and how far the numbers can be trusted."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.pages.asking import Missing, ask, form_of, read
from api.pages.manage.now import path_of, words_of
from api.pages.person import managed_place
from api.pages.refusals import Unsaved, filled, unsaved
from api.pages.rendering import page, say, text
from api.pages.routing import PageRoute
from api.present.network import Place

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_REFUSED: Final = {
    "conflict confirm_over_capacity": text("That is more people than fit in. Correct it, or tick that it is right."),
    "conflict space": text("This space is out of service."),
    "bad-field at": text("The time must lie within the last seven days, and not in the future."),
    "bad-field present": text("Write how many people there are: a whole number."),
}
_DONE: Final = {
    "counted": text("Thank you: it counts within a second."),
    "withdrawn": text("The head count is withdrawn: it no longer counts for the trust."),
}


@router.get("/manage/{place}/count")
async def count(place: str, request: Request) -> Response:
    """The form, and the last head counts."""
    where = await managed_place(request, place, "head_counts:write", "audit:read")
    return await _form(request, where)


@router.post("/manage/{place}/count")
async def counted(place: str, request: Request) -> Response:
    """Make a head count."""
    where = await managed_place(request, place, "head_counts:write")
    fields = await form_of(request)
    body: dict[str, Any] = {"confirm_over_capacity": fields.get("over") == "yes"}
    number = fields.get("present", "").strip()
    body["present"] = int(number) if number.isascii() and number.isdecimal() and len(number) < 9 else None
    if fields.get("space"):
        body["space"] = fields["space"]
    if fields.get("at"):
        body["at"] = _instant(fields["at"], where)
    answer = await ask(request, "POST", f"{path_of(where)}/head-counts", body)
    if not answer.good:
        return await _form(request, where, unsaved(request, answer, fields, _REFUSED))
    return RedirectResponse(f"/manage/{quote(place)}/count?done=counted&number={answer.body['id']}", 303)


@router.post("/manage/{place}/count/{number}/withdraw")
async def withdraw(place: str, number: int, request: Request) -> Response:
    """Take a head count back."""
    where = await managed_place(request, place, "head_counts:write")
    await form_of(request)
    answer = await ask(request, "DELETE", f"{path_of(where)}/head-counts/{number}")
    if not answer.good:
        raise Missing
    return RedirectResponse(f"/manage/{quote(place)}/count?done=withdrawn", 303)


async def _form(request: Request, place: Place, form: Unsaved | None = None) -> Response:
    path = path_of(place)
    listed, occupancy, trust = await asyncio.gather(
        read(request, f"{path}/head-counts?limit=12"),
        read(request, f"{path}/occupancy"),
        read(request, f"{path}/trust"),
    )
    done = _DONE.get(request.query_params.get("done", ""))
    number = request.query_params.get("number", "")
    counts = listed.body["head_counts"]
    return page(
        request,
        "manage/count.html",
        **filled(dict.fromkeys(("present", "space", "at", "over"), ""), form),
        place=place,
        counts=counts,
        last=next((one for one in counts if str(one["id"]) == number and one["withdrawn_at"] is None), None),
        occupancy=occupancy.body,
        now={one["space"]: one for one in occupancy.body["spaces"]},
        trust=trust.body,
        done=None if done is None else say(request, done),
        root=place.root.code if place.root else "",
        **words_of(request, place),
    )


def _instant(local: str, place: Place) -> str:
    """Return a time of a form, which is the place's own, with its zone; what can't be read stays as it is."""
    try:
        at = datetime.fromisoformat(local)
    except ValueError:
        return local
    if at.tzinfo is not None:
        return local
    return at.replace(tzinfo=ZoneInfo(place.time_zone)).astimezone(UTC).isoformat()
