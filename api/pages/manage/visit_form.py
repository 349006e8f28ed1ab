"""``/manage/{place}/visitors/new``: register a visitor, whom they visit, when, and what opens the doors for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.pages.asking import Answer, Missing, ask, form_of, read
from api.pages.manage.local_times import day_of, minute_of, moment, today_at
from api.pages.manage.visits import visitors_url
from api.pages.person import managed_place
from api.pages.refusals import refusal, wrong_fields
from api.pages.rendering import page, say, text
from api.pages.routing import PageRoute
from api.present.network import Place

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_FIELDS: Final = ("name", "email", "host", "host_words", "day", "begins", "last_day", "ends", "credential", "arrived")
_EVENING: Final = 18 * 60
_SHORTEST: Final = 60
"""Minutes of a visit that is offered."""
_HOSTS: Final = 8
_MORE: Final[Mapping[str, str]] = {
    "conflict credential": text("This place has no reader for QR codes: choose a code."),
    "bad-field credential": text("A visit with a QR lasts seven days at most: choose a code."),
    "bad-field email": text("This is no address to write to."),
    "bad-field name": text("Write a name of 1 to 200 characters."),
    "bad-field host": text("This member isn't there any more: search again."),
    "taken": text("No code is free just now: give a QR or a card."),
}
_MARKED: Final = {"from": "begins", "until": "ends", "host": "host_words"}
"""Fields of the API that have another name in the form."""


@dataclass(slots=True, kw_only=True)
class Typed:
    """The form as it was sent, and what is wrong with it."""

    fields: dict[str, str]
    hosts: list[dict[str, Any]] = field(default_factory=list)
    """The members whom the words about the host may mean."""
    wrong: dict[str, str] = field(default_factory=dict)
    error: str | None = None


@router.get("/manage/{place}/visitors/new")
async def form(place: str, request: Request) -> Response:
    """A form for a visit that begins now, or on the day that was looked at."""
    here = await managed_place(request, place, "visitors:write")
    await read(request, "/v1/me")
    return _page(request, here, Typed(fields=_first(here, request.query_params.get("day"))))


@router.post("/manage/{place}/visitors/new")
async def register(place: str, request: Request) -> Response:
    """Register the visit. A code or a QR's address is shown in this answer and nowhere later, so it is no redirect."""
    here = await managed_place(request, place, "visitors:write")
    sent = await form_of(request)
    typed = Typed(fields={name: sent.get(name, "").strip() for name in _FIELDS})
    await _find_host(request, typed, chosen_for=sent.get("host_for", ""))
    body = _asked(request, here, typed)
    if typed.wrong:
        typed.error = say(request, text("The visitor is not registered yet. Look at what is marked."))
        return _page(request, here, typed, status=422)
    answer = await ask(request, "POST", "/v1/visitors", body, host=request.headers.get("host", ""))
    if answer.status in (403, 404):
        raise Missing
    if not answer.good:
        return _refused(request, here, typed, answer)
    return await _made(request, here, typed, answer)


async def _made(request: Request, here: Place, typed: Typed, answer: Answer) -> Response:
    """Note the arrival of who is here already, and show what the visitor is given."""
    visit, arrived = answer.body, typed.fields["arrived"] == "yes"
    if arrived:
        path = f"/v1/visitors/{quote(visit['ref'], safe='')}"
        arrived = (await ask(request, "PATCH", path, {"status": "present"}, if_match=answer.etag or "*")).good
    if visit["code"] is None and visit["path"] is None:
        day = day_of(typed.fields["day"])
        asked = "" if day is None or day == today_at(ZoneInfo(here.time_zone)) else day.isoformat()
        return RedirectResponse(visitors_url(here, asked, done="here" if arrived else "registered"), 303)
    return page(request, "manage/visitors/registered.html", place=here, visit=visit, mailed=typed.fields["email"])


async def _find_host(request: Request, typed: Typed, *, chosen_for: str) -> None:
    """Find the members whom the words mean. One alone is the host; of several the form asks which."""
    words = typed.fields["host_words"][:100]
    if not words:
        typed.fields["host"] = ""
        return
    question = urlencode({"q": words, "visitors": "false", "status": "active", "limit": str(_HOSTS)})
    typed.hosts = list((await read(request, f"/v1/members?{question}")).body["members"])
    if chosen_for != words or typed.fields["host"] not in [one["ref"] for one in typed.hosts]:
        typed.fields["host"] = typed.hosts[0]["ref"] if len(typed.hosts) == 1 else ""
    if not typed.hosts:
        typed.wrong["host_words"] = say(request, text("No member is found by these letters."))
    elif not typed.fields["host"]:
        typed.wrong["host_words"] = say(request, text("Several members fit: choose one below."))


def _asked(request: Request, here: Place, typed: Typed) -> dict[str, Any]:
    """Return what to ask the API; what can't be read is marked as wrong."""
    fields, zone = typed.fields, ZoneInfo(here.time_zone)
    day, begins, ends = day_of(fields["day"]), minute_of(fields["begins"]), minute_of(fields["ends"])
    last_day = day_of(fields["last_day"]) if fields["last_day"] else day
    if not fields["name"]:
        typed.wrong["name"] = say(request, text("Write the visitor's name."))
    for name, value in {"day": day, "last_day": last_day}.items():
        if value is None and (name == "day" or fields[name]):
            typed.wrong[name] = say(request, text("Choose a day."))
    for name, minute in {"begins": begins, "ends": ends}.items():
        if minute is None:
            typed.wrong[name] = say(request, text("Write a time such as 09:30."))
    if day is None or last_day is None or begins is None or ends is None:
        return {}
    starts, until = moment(day, begins, zone), moment(last_day, ends, zone)
    if until <= starts:
        typed.wrong["ends"] = say(request, text("A visit ends after it begins."))
    elif until <= datetime.now(UTC):
        typed.wrong["ends"] = say(request, text("This visit is over already."))
    asked: dict[str, Any] = {"name": fields["name"], "place": here.code}
    asked |= {"from": starts.astimezone(UTC).isoformat(), "until": until.astimezone(UTC).isoformat()}
    if fields["host"]:
        asked["host"] = fields["host"]
    if fields["email"]:
        asked["email"] = fields["email"]
    if fields["credential"] in ("code", "qr"):
        asked["credential"] = fields["credential"]
    return asked


def _refused(request: Request, here: Place, typed: Typed, answer: Answer) -> Response:
    typed.error = refusal(request, answer, _MORE)
    typed.wrong = {_MARKED.get(name, name): typed.error for name in wrong_fields(answer)}
    return _page(request, here, typed, status=answer.status)


def _first(here: Place, asked: str | None) -> dict[str, str]:
    """Return what the form begins with: today from now to the evening, another day from nine to six."""
    zone = ZoneInfo(here.time_zone)
    now, day = datetime.now(zone), day_of(asked)
    begins = 9 * 60
    if day is None or day <= now.date():
        day, begins = now.date(), now.hour * 60 + now.minute // 5 * 5
    ends = max(_EVENING, begins + _SHORTEST)
    last_day = day
    if ends >= 24 * 60:
        ends, last_day = ends - 24 * 60, day + timedelta(days=1)
    return {
        **dict.fromkeys(_FIELDS, ""),
        "day": day.isoformat(),
        "begins": f"{begins // 60:02}:{begins % 60:02}",
        "last_day": "" if last_day == day else last_day.isoformat(),
        "ends": f"{ends // 60:02}:{ends % 60:02}",
        "credential": "none",
    }


def _page(request: Request, here: Place, typed: Typed, *, status: int = 200) -> Response:
    return page(
        request,
        "manage/visitors/new.html",
        status=status,
        place=here,
        typed=typed.fields,
        hosts=typed.hosts,
        wrong={name: typed.wrong.get(name) for name in _FIELDS},
        error=typed.error,
        today=today_at(ZoneInfo(here.time_zone)).isoformat(),
    )
