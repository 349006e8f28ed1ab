"""``/manage/{place}``: a place live: people, spaces, desks, bookings, visitors, doors, alarms; and why."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.head_counts.trust import trust_book, trust_json
from api.page import language_for
from api.pages.asking import Answer, read
from api.pages.manage.plan_shown import shown
from api.pages.person import managed_place, signed_in
from api.pages.rendering import page
from api.pages.routing import PageRoute
from api.present.network import Place

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

MOST_ALARMS: Final = 100


@router.get("/manage/{place}")
async def now(place: str, request: Request) -> Response:
    """The place live."""
    where = await managed_place(request, place, "members:read")
    return page(request, "manage/now.html", place=where, **await _values(request, where))


@router.get("/manage/{place}/now")
async def part(place: str, request: Request) -> Response:
    """The part of the page that is asked for again while it is open."""
    where = await managed_place(request, place, "members:read")
    return page(request, "manage/now_part.html", place=where, **await _values(request, where))


@router.get("/manage/{place}/why")
async def why(place: str, request: Request) -> Response:
    """What made each number, and how near the numbers were to head counts."""
    where = await managed_place(request, place, "members:read")
    occupancy, trust = await asyncio.gather(
        read(request, f"{path_of(where)}/occupancy?explain=true"), read(request, f"{path_of(where)}/trust")
    )
    values = {"occupancy": occupancy.body, "trust": trust.body, **words_of(request, where)}
    return page(request, "manage/why.html", place=where, **values)


async def _values(request: Request, place: Place) -> dict[str, Any]:
    person = signed_in(request)
    sees_alarms = person.may("alarms:write", "audit:read")
    path = path_of(place)
    occupancy, live, plan, scores, alarms = await asyncio.gather(
        read(request, f"{path}/occupancy?explain=true"),
        read(request, f"{path}/live"),
        read(request, f"{path}/plan"),
        trust_book(request).of(place.id),  # in memory
        _alarms(request, place) if sees_alarms else _nothing(),
    )
    spaces = {one["space"]: one for one in occupancy.body["spaces"]}
    desks: dict[str, dict[str, int]] = {}
    for desk in live.body["desks"]:
        counts = desks.setdefault(desk["space"], {"free": 0, "taken": 0, "unknown": 0, "silent": 0})
        counts[desk["state"]] += 1
    return {
        "occupancy": occupancy.body,
        "faults": _faults(occupancy.body),
        "spaces": [{**spaces[one.code], "name": one.name} for one in place.spaces if one.code in spaces],
        "desks": desks,
        "live": live.body,
        "offline": [one for one in live.body["gateways"] if not one["online"]],
        "plan": shown(plan.body, live.body),
        "trust": trust_json(place, scores, public=False),
        "alarms": None if alarms is None else alarms.body["alarms"],
        "open_alarms": [] if alarms is None else [_counted(one) for one in alarms.body["alarms"]],
        "more_alarms": alarms is not None and alarms.body["next"] is not None,
        **words_of(request, place),
    }


def words_of(request: Request, place: Place) -> dict[str, Any]:
    """Return what the templates of a place need to write times and names."""
    return {
        "zone": place.time_zone,
        "at": datetime.now(UTC),
        "names": {one.code: one.name for one in place.spaces},
        "doors": {one.code: one.name for one in place.doors},
        "speaks": language_for(request),
    }


def path_of(place: Place) -> str:
    """Return a place's path of the API."""
    return f"/v1/places/{quote(place.code, safe='')}"


async def _alarms(request: Request, place: Place) -> Answer:
    return await read(request, f"/v1/alarms?place={quote(place.code)}&limit={MOST_ALARMS}")


async def _nothing() -> None:
    return None


def _counted(alarm: dict[str, Any]) -> dict[str, int]:
    """Return what ``people/alarms.js`` needs of an alarm, so that it need not ask for it at once."""
    return {"id": alarm["id"], "times": alarm["times"]}


def _faults(occupancy: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what is wrong with sources of the place, each once."""
    found: dict[str, dict[str, Any]] = {}
    for explained in (occupancy["why"] or {}).values():
        for one in explained["faults"]:
            found.setdefault(one["fault"], one["text"])
    return list(found.values())
