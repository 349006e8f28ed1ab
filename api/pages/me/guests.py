"""``/me/guests``: a member's guests to come, inviting one by a booking or for some hours of a day, calling one off."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.pages.asking import Answer, Missing, ask, form_of
from api.pages.person import signed_in
from api.pages.refusals import refusal, wrong_fields
from api.pages.rendering import page, say, text
from api.pages.routing import PageRoute
from api.present.network import Place
from api.present.state import loaded_board

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_ZONE: Final = "Europe/Paris"
_MORNING: Final = 8
_EVENING: Final = 18
"""A visit that is offered begins between these hours."""
_COMING: Final = ("expected", "present")
_DONE: Final = {"off": text("The visit is called off, and the guest was written to if there was an address.")}
_MORE: Final[Mapping[str, str]] = {
    "conflict credential": text("This place has no reader for QR codes: choose a code."),
    "conflict place": text(
        "No pass of yours holds at this place for these hours. With a booking, invite to the booking."
    ),
    "conflict from": text("You have as many guests on that day as you may have here. Ask the front desk."),
    "conflict pass": text("You have no pass for this booking, so it opens no door to guests. Ask the front desk."),
    "conflict guests": text("This booking has as many guests as you may invite. Ask the front desk."),
    "conflict": text("You can't invite to this booking: it is over or cancelled."),
    "bad-field email": text("This is no address to write to."),
    "bad-field from": text("Choose a time to come, within the next 60 days."),
    "bad-field until": text("A guest comes for 24 hours at most."),
    "bad-field credential": text("A visit with a QR lasts seven days at most: choose a code."),
}
_FIELDS: Final = ("way", "name", "email", "booking", "place", "day", "begins", "ends", "credential")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the page shows beside the form."""

    guests: list[dict[str, Any]]
    bookings: list[dict[str, Any]]
    places: list[Place]
    """Where a pass of theirs holds, their home first."""


@router.get("/me/guests")
async def guests(request: Request, booking: str = "", done: str = "") -> Response:
    """Guests to come, and the form to invite one; with ``booking`` that one is chosen."""
    known = await _known(request)
    typed = {**dict.fromkeys(_FIELDS, ""), **_first_choice(known, booking)}
    notice = say(request, _DONE[done]) if done in _DONE else None
    return _page(request, known, typed, notice=notice)


@router.post("/me/guests")
async def invite(request: Request) -> Response:
    """Invite; the code, or the link to the QR, is shown in this answer and nowhere later.

    So it is no redirect. The form sent again (a reload, a double click) is answered with the same page: see
    ``api.pages.routing``.
    """
    form = await form_of(request)
    typed = {name: form.get(name, "").strip() for name in _FIELDS}
    known = await _known(request)
    wrong = _missing(request, typed)
    body = None if wrong else _asked(known, typed)
    if body is None:
        wrong = wrong or {"day": say(request, text("This day or these hours can't be read."))}
        return _page(request, known, typed, wrong=wrong, status=422)
    path = "/v1/guests" if typed["way"] == "hours" else f"/v1/bookings/{quote(typed['booking'], safe='')}/guests"
    if typed["way"] == "booking":
        body = {name: value for name, value in body.items() if name not in ("place", "from", "until")}
    answer = await ask(request, "POST", path, body, host=request.headers.get("host", ""))
    if answer.status in (403, 404):
        raise Missing
    if not answer.good:
        return _refused(request, known, typed, answer)
    place = next((one["place"] for one in known.bookings if one["ref"] == typed["booking"]), typed["place"])
    where = (await loaded_board(request)).network.by_code.get(answer.body.get("place") or place)
    return page(
        request,
        "me/guest_invited.html",
        guest=answer.body,
        mailed=typed["email"],
        zone=where.time_zone if where else _ZONE,
    )


@router.get("/me/guests/{ref}/cancel")
async def ask_to_cancel(ref: str, request: Request) -> Response:
    """Ask whether the visit is really off: the guest's code or QR isn't given again."""
    return page(request, "me/guest_cancel.html", guest=await _guest(request, ref))


@router.post("/me/guests/{ref}/cancel")
async def cancel(ref: str, request: Request) -> Response:
    """Call the visit off."""
    await form_of(request)
    answer = await ask(request, "DELETE", f"/v1/guests/{quote(ref, safe='')}")
    if not answer.good:
        raise Missing
    return RedirectResponse("/me/guests?done=off", 303)


async def _guest(request: Request, ref: str) -> dict[str, Any]:
    for one in (await _known(request)).guests:
        if one["ref"] == ref and one["status"] in _COMING:
            return one
    raise Missing


async def _known(request: Request) -> Known:
    person = signed_in(request)
    if person.member is None:
        raise Missing
    paths = ("/v1/guests", "/v1/bookings", f"/v1/members/{person.member}/passes", "/v1/me")
    guests, bookings, passes, me = await asyncio.gather(*(ask(request, "GET", path) for path in paths))
    places, now = (await loaded_board(request)).network.by_code, datetime.now(UTC)
    coming = [
        {**one, **_where(one["place"], places)}
        for one in _rows(bookings, "bookings")
        if one["cancelled_at"] is None and datetime.fromisoformat(one["until"]) > now
    ]
    holding = [one for one in _rows(passes, "passes") if one["revoked_at"] is None and one["visitor"] is None]
    named = {at["place"] for one in holding for at in one.get("places") or ()}
    anywhere = any(one["everywhere"] for one in holding)
    return Known(
        guests=[{**one, **_where(one["place"], places)} for one in _rows(guests, "guests")],
        bookings=sorted(coming, key=lambda one: str(one["from"])),
        places=sorted(
            (one for one in places.values() if anywhere or one.code in named),
            key=lambda one: (one.code != me.body.get("home"), one.name),
        ),
    )


def _first_choice(known: Known, booking: str) -> dict[str, str]:
    """Return what the form begins with: the booking that was asked for, or the next one; else some hours of a day."""
    refs = [one["ref"] for one in known.bookings]
    chosen = booking if booking in refs else next(iter(refs), "")
    place = known.places[0] if known.places else None
    now = datetime.now(ZoneInfo(place.time_zone if place else _ZONE))
    begins = (now + timedelta(hours=1)).replace(minute=0)
    if not _MORNING <= begins.hour <= _EVENING:
        begins = (now + timedelta(hours=24 - _EVENING)).replace(hour=_MORNING + 1, minute=0)
    ends = begins + timedelta(hours=3)
    return {
        "way": "booking" if chosen else "hours",
        "booking": chosen,
        "place": place.code if place else "",
        "day": begins.date().isoformat(),
        "begins": f"{begins:%H:%M}",
        "ends": f"{ends:%H:%M}",
        "credential": "code",
    }


def _missing(request: Request, typed: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong with the form before the API is asked, by field."""
    wrong = {}
    if not typed["name"]:
        wrong["name"] = say(request, text("Write the guest's name."))
    if typed["way"] == "booking" and not typed["booking"]:
        wrong["booking"] = say(request, text("Choose a booking."))
    if typed["way"] != "booking" and not typed["place"]:
        wrong["place"] = say(request, text("Choose a place."))
    return wrong


def _asked(known: Known, typed: Mapping[str, str]) -> dict[str, Any] | None:
    """Return what to ask the API, where an end before the start is the next day's; None: it can't be read."""
    asked: dict[str, Any] = {"name": typed["name"], "credential": "qr" if typed["credential"] == "qr" else "code"}
    if typed["email"]:
        asked["email"] = typed["email"]
    if typed["way"] == "booking":
        return asked
    zone = next((one.time_zone for one in known.places if one.code == typed["place"]), _ZONE)
    try:
        day = date.fromisoformat(typed["day"])
        starts = datetime.combine(day, time.fromisoformat(typed["begins"]), ZoneInfo(zone))
        ends = datetime.combine(day, time.fromisoformat(typed["ends"]), ZoneInfo(zone))
        if ends <= starts:
            ends = datetime.combine(day + timedelta(days=1), ends.timetz())
    except (ValueError, OverflowError):
        return None
    times = {"from": starts.astimezone(UTC).isoformat(), "until": ends.astimezone(UTC).isoformat()}
    return {**asked, "place": typed["place"], **times}


def _refused(request: Request, known: Known, typed: Mapping[str, str], answer: Answer) -> Response:
    names = {"from": "begins", "until": "ends"}
    said = refusal(request, answer, _MORE)
    wrong = {names.get(name, name): said for name in wrong_fields(answer)}
    return _page(request, known, typed, wrong=wrong, error=said, status=answer.status)


def _page(
    request: Request,
    known: Known,
    typed: Mapping[str, str],
    *,
    wrong: Mapping[str, str] | None = None,
    error: str | None = None,
    notice: str | None = None,
    status: int = 200,
) -> Response:
    if wrong and error is None:
        error = say(request, text("The invitation was not sent. Look at what is marked."))
        if "booking" in wrong and not known.bookings:  # the field isn't there to be marked
            error = wrong["booking"]
    coming = [one for one in known.guests if one["status"] in _COMING]
    return page(
        request,
        "me/guests.html",
        guests=coming,
        bookings=known.bookings,
        places=[(one.code, one.name) for one in known.places],
        typed=typed,
        wrong={name: (wrong or {}).get(name) for name in _FIELDS},
        error=error,
        notice=notice,
        today=datetime.now(ZoneInfo(_ZONE)).date().isoformat(),
        status=status,
    )


def _where(code: str | None, places: Mapping[str, Place]) -> dict[str, str]:
    place = places.get(code or "")
    return {"place_name": place.name if place else code or "", "zone": place.time_zone if place else _ZONE}


def _rows(answer: Answer, name: str) -> list[dict[str, Any]]:
    return list(answer.body[name]) if answer.good else []
