"""``/manage/{place}/bookings``: a day or a week of a place's bookings."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.responses import Response

from access.errors import ListError
from access.schedules import Schedule, zone_named
from api.pages.asking import Answer, read
from api.pages.manage import agenda
from api.pages.manage.booking_words import DONE, KINDS, STATUS
from api.pages.manage.local_times import day_of, midnight, today_at
from api.pages.person import managed_place, signed_in
from api.pages.rendering import page, say
from api.pages.routing import PageRoute
from api.present.network import Place
from api.present.opening import opening_schedule

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_WORTH_PACKING: Final = 8_000
"""Bytes."""


@router.get("/manage/{place}/bookings")
async def grid(place: str, request: Request) -> Response:
    """Show a day, or the seven days of a week."""
    where = await managed_place(request, place, "members:read")
    zone, given = zone_named(where.time_zone), request.query_params
    today = today_at(zone)
    day = day_of(given.get("day")) or today
    week = given.get("view") == "week"
    first = day - timedelta(days=day.weekday()) if week else day
    last = first + timedelta(days=7 if week else 1)
    window = {"place": place, "from": _utc(midnight(first, zone)), "until": _utc(midnight(last, zone))}
    bookings, resources, closures = await asyncio.gather(
        read(request, f"/v1/bookings?{urlencode(window)}"),
        read(request, f"/v1/places/{place}/resources"),
        read(request, f"/v1/closures?{urlencode({'place': place, 'since': first.isoformat()})}"),
    )
    found = [_with_hours(timed(one), zone) for one in bookings.body["bookings"]]
    listed = [one for one in resources.body["resources"] if one["kind"] != "event" or _within(one, window)]
    groups = agenda.groups_of(where, listed, found)
    held = [one for group in groups for row in group.rows for one in row.held]
    schedule = opening(where, closures.body["closures"])
    days = [first + timedelta(days=number) for number in range((last - first).days)]
    shown = None if week else agenda.shown_of(day, zone, schedule, held)
    answer = page(
        request,
        "manage/bookings_grid.html",
        place=where,
        zone=where.time_zone,
        day=day,
        week=week,
        today=today,
        days=days,
        before=first - timedelta(days=7 if week else 1),
        after=last,
        groups=groups,
        names=names_of(where, listed),
        shown=shown,
        lanes=[] if shown is None else [[agenda.lanes_of(row, shown) for row in group.rows] for group in groups],
        quarters=[] if shown is None else _free_quarters(shown),
        by_day=_by_day(groups, days, where) if week else {},
        by_hour=_by_hour(held, where),
        closed={one: _closure(closures.body["closures"], one) for one in days},
        closed_days=[] if schedule is None else [one for one in days if schedule.all_day(one) is False],
        kinds={name: say(request, words) for name, words in KINDS.items()},
        status_words={name: say(request, words) for name, words in STATUS.items()},
        writes=signed_in(request).may("visitors:write"),
        rules=signed_in(request).may("rules:write"),
        **done(request, place),
    )
    return _packed(request, answer)


def timed(booking: Mapping[str, Any]) -> dict[str, Any]:
    """Return a booking with its times as such: ``starts``, ``ends``."""
    starts, ends = (datetime.fromisoformat(booking[name]) for name in ("from", "until"))
    return {**booking, "starts": starts, "ends": ends}


def opening(place: Place, closures: Sequence[Mapping[str, Any]]) -> Schedule | None:
    """Return when a place is open; None: its hours aren't known."""
    days = [(date.fromisoformat(one["first"]), date.fromisoformat(one["last"])) for one in closures]
    if place.opening_hours is None and not days:
        return None
    try:
        return opening_schedule(place.opening_hours, place.department, days)
    except ListError:
        return None


def names_of(place: Place, resources: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the names of resources, by their code, and of spaces, by ``s:CODE``."""
    spaces = {f"s:{one.code}": one.name for one in place.spaces}
    return {**spaces, **{one["code"]: one["name"] for one in resources}}


def done(request: Request, place: str) -> dict[str, Any]:
    """Return what ``?done=`` says was done, and the path that undoes it."""
    given = request.query_params
    key, ref = given.get("done", ""), given.get("ref", "")
    if key not in DONE:
        return {"done": None, "undo": None}
    undo = None
    if ref.startswith("b-") and ref.isascii() and ref.replace("-", "").isalnum():
        whole = f"/manage/{place}/bookings/{ref}"
        if key == "moved":
            where = {name: given.get(name, "")[:80] for name in ("unit", "space", "etag") if given.get(name)}
            undo = f"{whole}/back?{urlencode(where)}"
        elif key in ("made", "again"):
            undo = f"{whole}/cancel?done=cancelled"
        elif key == "cancelled":
            undo = f"{whole}/again"
    return {"done": say(request, DONE[key]), "undo": undo}


def rows_of(answer: Answer, name: str) -> list[dict[str, Any]]:
    """Return the rows of a list that a page can do without."""
    return list(answer.body[name]) if answer.good else []


def _with_hours(booking: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """Add the hours as they are shown; the filter of templates would take longer than all the rest."""
    first, last = (f"{booking[name].astimezone(zone):%H:%M}" for name in ("starts", "ends"))
    return {**booking, "first": first, "last": last}


def _free_quarters(shown: agenda.Shown) -> list[Markup]:
    """Return the cell of each free quarter: ``o`` while it is open, ``h`` where an hour begins. There are thousands."""
    names = (("o" * is_open, "h" * (number % 4 == 0)) for number, is_open in enumerate(shown.open))
    return [Markup('<td class="{}"></td>').format(" ".join(filter(None, one))) for one in names]


def _packed(request: Request, answer: Response) -> Response:
    """Compress the page: the calendar of a large place has thousands of cells."""
    if "gzip" not in request.headers.get("accept-encoding", "") or len(answer.body) < _WORTH_PACKING:
        return answer
    answer.body = gzip.compress(bytes(answer.body), 3, mtime=0)
    answer.headers["Content-Encoding"] = "gzip"
    answer.headers["Content-Length"] = str(len(answer.body))
    answer.headers["Vary"] += ", Accept-Encoding"
    return answer


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def _within(event: Mapping[str, Any], window: Mapping[str, str]) -> bool:
    starts, ends = (datetime.fromisoformat(event[name]) for name in ("from", "until"))
    return starts < datetime.fromisoformat(window["until"]) and ends > datetime.fromisoformat(window["from"])


def _closure(closures: Sequence[Mapping[str, Any]], day: date) -> Mapping[str, Any] | None:
    return next((one for one in closures if one["first"] <= day.isoformat() <= one["last"]), None)


def _by_day(
    groups: Sequence[agenda.Group], days: Sequence[date], place: Place
) -> dict[tuple[int, int, date], list[Any]]:
    """Return the bookings of each cell of a week: of a group, a row and a day."""
    zone = zone_named(place.time_zone)
    bounds = [(day, midnight(day, zone), midnight(day + timedelta(days=1), zone)) for day in days]
    return {
        (number, line, day): sorted(
            (one for one in row.held if one["starts"] < ends and one["ends"] > starts),
            key=lambda one: (one["starts"], one["ref"]),
        )
        for number, group in enumerate(groups)
        for line, row in enumerate(group.rows)
        for day, starts, ends in bounds
    }


def _by_hour(held: Sequence[Mapping[str, Any]], place: Place) -> list[tuple[datetime, list[Mapping[str, Any]]]]:
    """Return bookings by the hour in which they begin, for a phone."""
    zone = zone_named(place.time_zone)
    unique = {one["ref"]: one for one in held}
    ordered = sorted(unique.values(), key=lambda one: (one["starts"], one["ref"]))

    def hour(one: Mapping[str, Any]) -> datetime:
        return one["starts"].astimezone(zone).replace(minute=0, second=0, microsecond=0)  # type: ignore[no-any-return]

    return [(at, list(these)) for at, these in groupby(ordered, hour)]
