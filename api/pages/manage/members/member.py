"""``/manage/{place}/members/{ref}``: a member, what may be done with them, and which doors know of a suspension."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.pages.asking import Answer, Missing, ask, form_of, read
from api.pages.manage.members.fields import first_day, last_day, member_path
from api.pages.person import managed_place
from api.pages.refusals import refusal
from api.pages.rendering import page, text
from api.pages.routing import PageRoute
from api.present.network import Place
from api.present.state import loaded_board

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_ANY: Final = {"if_match": "*"}
_CARRIED: Final = ("issued", "active", "suspended", "expired")
_LATEST: Final = 5
_DONE: Final[Mapping[str, str]] = {
    "made": text("The member is registered."),
    "saved": text("Saved."),
    "active": text("The member may come in again."),
    "card": text("The card is in use. Doors know it within seconds."),
    "card-suspended": text("The card is suspended: it opens no door."),
    "card-active": text("The card is in use again."),
    "returned": text("The card is given back."),
    "pass": text("The pass is given. Doors know it within seconds."),
    "revoked": text("The pass is revoked."),
    "pin": text("The PIN is set."),
    "no-pin": text("The PIN is removed."),
    "proof": text("The proof is noted."),
    "proof-ended": text("The category ends."),
    "consent": text("The consent is noted."),
    "no-consent": text("The consent is withdrawn. The passes of this member are revoked."),
}
REFUSED: Final[Mapping[str, str]] = {
    "conflict status": text("The card has another state by now. Look at it again."),
    "not-yours": text("This member belongs to another place as well: only its team, or an administrator, may do this."),
}


def home_of(place: Place, ref: str) -> str:
    """Return the address of a member's page."""
    return f"/manage/{place.code}/members/{quote(ref, safe='')}"


def back(place: Place, ref: str, done: str = "") -> Response:
    """Go to a member's page, which says what was done."""
    return RedirectResponse(home_of(place, ref) + (f"?done={done}" if done else ""), 303)


@router.get("/manage/{place}/members/{ref}")
async def member(place: str, ref: str, request: Request) -> Response:
    """All about one member."""
    here = await managed_place(request, place, "members:read")
    return await member_page(request, here, ref)


async def member_page(
    request: Request, place: Place, ref: str, *, error: str | None = None, status: int = 200
) -> Response:
    """Return a member's page; ``error``: why what was asked for isn't done."""
    path = member_path(ref)
    one, *found = await asyncio.gather(
        read(request, path),
        *(ask(request, "GET", f"{path}/{what}") for what in ("cards", "passes", "categories", "consent")),
        ask(request, "GET", f"/v1/bookings?{urlencode({'member': ref})}"),
        ask(request, "GET", f"/v1/schedules?place={place.code}"),
    )
    cards, passes, categories, consent, bookings, schedules = found
    home = one.body["home"]
    known = (await loaded_board(request)).network.by_code
    at_home = known.get(home) if home else None
    now = datetime.now(UTC)
    zone = place.time_zone
    held = [
        {**row, "state": _state(row, now), "last_day": last_day(row["valid_until"], zone)}
        for row in _rows(passes, "passes")
    ]
    hours = {row["code"]: row["name"] for row in _rows(schedules, "schedules")}
    asked = request.query_params
    done, card = asked.get("done", ""), asked.get("card", "")
    all_cards = _rows(cards, "cards")
    return page(
        request,
        "manage/members/member.html",
        status=status,
        place=place,
        member=one.body,
        etag=one.etag,
        organisation=await _organisation(request, one.body["organisation"]),
        place_names={
            at["place"]: known[at["place"]].name for row in held for at in row["places"] if at["place"] in known
        },
        schedule_names=hours,
        home_name=home if at_home is None else at_home.name,
        since=first_day(one.body["created_at"], zone),
        cards=[row for row in all_cards if row["status"] in _CARRIED],
        former_cards=[row for row in all_cards if row["status"] not in _CARRIED],
        passes=[row for row in held if row["visitor"] is None and row["state"] in ("now", "later")],
        former_passes=[row for row in held if row["visitor"] is None and row["state"] not in ("now", "later")],
        visits=[row for row in held if row["visitor"] is not None][:_LATEST],
        categories=_rows(categories, "categories"),
        today=now.date().isoformat(),
        consent=consent.body if consent.good else None,
        **_split(_rows(bookings, "bookings"), now),
        done=_DONE.get(done),
        undo=_undo(home_of(place, ref), done, card, all_cards),
        error=error,
    )


@router.post("/manage/{place}/members/{ref}/suspend")
async def suspend(place: str, ref: str, request: Request) -> Response:
    """Suspend the member: every door refuses them."""
    return await _set_status(request, place, ref, "suspended")


@router.post("/manage/{place}/members/{ref}/activate")
async def activate(place: str, ref: str, request: Request) -> Response:
    """End the suspension."""
    return await _set_status(request, place, ref, "active")


async def _set_status(request: Request, place: str, ref: str, status: str) -> Response:
    here = await managed_place(request, place, "members:write")
    await form_of(request)
    answer = await ask(request, "PATCH", member_path(ref), {"status": status}, **_ANY)
    if answer.status == 404:
        raise Missing
    if not answer.good:
        return await member_page(request, here, ref, error=refusal(request, answer, REFUSED), status=answer.status)
    if status == "suspended":
        return RedirectResponse(f"{home_of(here, ref)}/doors", 303)
    return back(here, ref, "active")


@router.get("/manage/{place}/members/{ref}/doors")
async def doors(place: str, ref: str, request: Request) -> Response:
    """Say which doors know of a suspension; waits for those that are online, at most three seconds."""
    here = await managed_place(request, place, "members:read")
    one, spread = await asyncio.gather(
        read(request, member_path(ref)), read(request, f"{member_path(ref)}/spread?wait=3")
    )
    home = home_of(here, ref)
    undo = f"{home}/activate" if one.body["status"] == "suspended" else None
    values = {"member": one.body, "card": None, "undo": undo, "home": home}
    return page(request, "manage/members/doors.html", place=here, spread=spread.body, **values)


@router.get("/manage/{place}/members/{ref}/history")
async def history(place: str, ref: str, request: Request) -> Response:
    """Who changed what of this member, for those who may read the audit."""
    here = await managed_place(request, place, "audit:read")
    question = urlencode({"subject": f"member {ref}", "limit": "200"})
    one, lines = await asyncio.gather(read(request, member_path(ref)), read(request, f"/v1/audit?{question}"))
    return page(request, "manage/members/history.html", place=here, member=one.body, lines=lines.body["lines"])


@router.get("/manage/{place}/members/{ref}/erase")
async def ask_to_erase(place: str, ref: str, request: Request) -> Response:
    """Say what an erasure removes, and that it can't be undone."""
    here = await managed_place(request, place, "privacy")
    one = await read(request, member_path(ref))
    values = {"member": one.body, "etag": one.etag, "error": None}
    return page(request, "manage/members/erase.html", place=here, **values)


@router.post("/manage/{place}/members/{ref}/erase")
async def erase(place: str, ref: str, request: Request) -> Response:
    """Erase the member, if they are as they were when it was asked."""
    here = await managed_place(request, place, "privacy")
    fields = await form_of(request)
    answer = await ask(request, "DELETE", member_path(ref), if_match=fields.get("etag") or '"0"')
    if answer.status == 404:
        raise Missing
    if not answer.good:
        one = await read(request, member_path(ref))
        values = {"member": one.body, "etag": one.etag, "error": refusal(request, answer, REFUSED)}
        return page(request, "manage/members/erase.html", status=answer.status, place=here, **values)
    return RedirectResponse(f"/manage/{here.code}/members?done=erased", 303)


async def _organisation(request: Request, code: str | None) -> str | None:
    """Return the name of an organisation, its code where it can't be read; None for none."""
    if code is None:
        return None
    answer = await ask(request, "GET", f"/v1/organisations/{quote(code, safe='')}")
    return str(answer.body["name"]) if answer.good else code


def _rows(answer: Answer, name: str) -> list[dict[str, Any]]:
    return list(answer.body[name]) if answer.good else []


def _state(row: Mapping[str, Any], now: datetime) -> str:
    """Return ``now``, ``later``, ``over`` or ``revoked``."""
    if row["revoked_at"] is not None:
        return "revoked"
    if row["valid_until"] is not None and datetime.fromisoformat(row["valid_until"]) <= now:
        return "over"
    return "later" if row["valid_from"] and datetime.fromisoformat(row["valid_from"]) > now else "now"


def _split(bookings: list[dict[str, Any]], now: datetime) -> dict[str, Any]:
    to_come = [one for one in bookings if one["cancelled_at"] is None and datetime.fromisoformat(one["until"]) > now]
    past = [one for one in bookings if datetime.fromisoformat(one["until"]) <= now]
    return {"to_come": to_come[::-1][:_LATEST], "past": past[:_LATEST]}


def _undo(home: str, done: str, card: str, cards: list[dict[str, Any]]) -> str | None:
    """Return the form that takes back what was just done, where one can."""
    if done == "active":
        return f"{home}/suspend"
    if not any(one["ref"] == card for one in cards):
        return None
    turned = {"card-suspended": "activate", "card-active": "suspend"}
    return f"{home}/cards/{card}/{turned[done]}" if done in turned else None
