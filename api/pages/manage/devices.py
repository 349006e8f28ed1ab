"""``/manage/{place}/devices``: gateways, devices and what is heard of devices that nobody has assigned."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.page import language_for
from api.pages.asking import Answer, ask, read
from api.pages.manage.device_words import device_faults, gateway_faults, kind_word
from api.pages.person import managed_place, signed_in
from api.pages.rendering import page, say, text
from api.pages.routing import PageRoute
from api.present.network import Place

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

DONE: Final = {
    "added": text("The device is entered. It counts from its next message on."),
    "assigned": text("The device is assigned. It counts from its next message on."),
    "hidden": text("The device is hidden. You find it under “hidden ones”, and can still assign it."),
    "saved": text("Saved. The gateway gets its new configuration now."),
    "retired": text("The device is out of service."),
    "returned": text("The device is in service again."),
}


@router.get("/manage/{place}/devices")
async def devices(place: str, request: Request) -> Response:
    """List them; with ``wrong=yes`` only those with which something is wrong."""
    one = await managed_place(request, place, "members:read")
    person, asked = signed_in(request), request.query_params
    hidden = asked.get("hidden") == "yes"
    base = f"/v1/places/{one.code}"
    may_assign = person.may("fitting:write", "alarms:write", "audit:read")
    gateways, listed, unassigned, alarms = await asyncio.gather(
        read(request, f"{base}/gateways"),
        read(request, f"{base}/devices"),
        _if(may_assign, request, f"{base}/unassigned-devices" + ("?dismissed=true" if hidden else "")),
        _if(person.may("alarms:write", "audit:read"), request, f"/v1/alarms?place={one.code}&limit=1000"),
    )
    now, language = datetime.now(UTC), language_for(request)
    counted = Counter(alarm["gateway"] for alarm in _rows(alarms, "alarms"))
    all_gateways = [
        {**row, "faults": gateway_faults(row, now, lambda words: say(request, words)), "alarms": counted[row["code"]]}
        for row in gateways.body["gateways"]
    ]
    names = names_of(one)
    all_devices = [
        {
            **row,
            "faults": device_faults(row, lambda words: say(request, words)),
            "kind_word": kind_word(row["kind"], language),
            "where": where(row, names),
        }
        for row in listed.body["devices"]
    ]
    wrong = asked.get("wrong") == "yes"
    done = asked.get("done", "")
    values: dict[str, Any] = {
        "gateways": [row for row in all_gateways if not wrong or row["faults"] or row["alarms"]],
        "devices": [row for row in all_devices if not wrong or row["faults"]],
        "unassigned": [
            {**row, "kind_word": kind_word(row["kind"], language) if row["kind"] else None}
            for row in _rows(unassigned, "unassigned_devices")
        ],
        "wrong": wrong,
        "wrong_count": sum(bool(row["faults"]) for row in (*all_gateways, *all_devices)),
        "hidden": hidden,
        "done": say(request, DONE[done]) if done in DONE else None,
        "undo": _undo(request, one, done),
    }
    return page(request, "manage/devices/devices.html", place=one, **values)


def names_of(place: Place) -> dict[tuple[str, str], str]:
    """Return the names of a place's doors and spaces by what they are and their codes."""
    spaces = {("space", space.code): space.name for space in place.spaces}
    return spaces | {("door", door.code): door.name for door in place.doors}


def where(row: dict[str, Any], names: dict[tuple[str, str], str]) -> str:
    """Return where a device is, for people."""
    for what in ("door", "desk", "space"):
        if row[what] is not None:
            return names.get((what, row[what]), str(row[what]))
    return "–"


def _undo(request: Request, place: Place, done: str) -> str | None:
    """Return the path that puts the device that was just retired back into service."""
    gateway, device = request.query_params.get("gateway", ""), request.query_params.get("device", "")
    plain = all(one and one.replace("-", "").replace(".", "").replace("_", "").isalnum() for one in (gateway, device))
    return f"/manage/{place.code}/devices/of/{gateway}/{device}/return" if done == "retired" and plain else None


async def _if(wanted: bool, request: Request, path: str) -> Answer | None:
    return await ask(request, "GET", path) if wanted else None


def _rows(answer: Answer | None, name: str) -> list[dict[str, Any]]:
    return list(answer.body[name]) if answer is not None and answer.good else []
