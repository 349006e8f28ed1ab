"""What the forms of bookings have in common: what is booked, when, and the members to choose from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from fastapi import Request

from access.schedules import zone_named
from api.pages.asking import Answer, ask
from api.pages.manage.booking_words import OVERRIDABLE
from api.pages.manage.local_times import day_of, minute_of, moment, moment_of
from api.present.network import Place

_LISTED_UNITS: Final = 30


def target_of(what: str) -> dict[str, str]:
    """Return the fields of the API for ``r:RESOURCE:UNIT``, ``s:SPACE`` or (empty) the place."""
    kind, _, rest = what.partition(":")
    if kind == "r" and rest:
        resource, _, unit = rest.partition(":")
        return {"resource": resource, **({"unit": unit} if unit else {})}
    return {"space": rest} if kind == "s" and rest else {}


def target_named(booking: Mapping[str, Any]) -> str:
    """Return what a booking is of, as ``target_of`` reads it."""
    if booking["resource"]:
        return f"r:{booking['resource']}:{booking['unit'] or ''}"
    return f"s:{booking['space']}" if booking["space"] else ""


def choices_of(place: Place, resources: Sequence[Mapping[str, Any]], any_unit: str) -> list[tuple[str, str]]:
    """Return what can be booked, for a list to choose from: first any unit of a resource, then each."""
    found: list[tuple[str, str]] = []
    for one in resources:
        units = sorted(one["units"], key=lambda unit: (len(unit), unit))
        several = len(units) > 1 and one["kind"] != "event"
        found.append((f"r:{one['code']}:", f"{one['name']} · {any_unit}" if several else one["name"]))
        if several and len(units) <= _LISTED_UNITS:
            found += [(f"r:{one['code']}:{unit}", f"{one['name']} · {unit}") for unit in units]
        elif not several and units:
            found[-1] = (f"r:{one['code']}:{'' if one['kind'] == 'event' else units[0]}", one["name"])
    rooms = {one["space"] for one in resources if one["kind"] == "room"}
    spaces = (space for space in place.spaces if (space.one_party or space.for_work) and space.code not in rooms)
    return found + [(f"s:{space.code}", space.name) for space in sorted(spaces, key=lambda space: space.name)]


def times_of(fields: Mapping[str, str], zone: ZoneInfo) -> tuple[datetime, datetime] | None:
    """Return the times of a form: ``from`` and ``until`` with their zone, or a day and hours; None: unreadable."""
    exact = moment_of(fields.get("from")), moment_of(fields.get("until"))
    if exact[0] is not None and exact[1] is not None:
        return exact[0], exact[1]
    day = day_of(fields.get("day"))
    starts, ends = minute_of(fields.get("from")), minute_of(fields.get("until"))
    if day is None or starts is None or ends is None:
        return None
    last = day_of(fields.get("until_day")) or day
    return moment(day, starts, zone), moment(last, ends, zone)


def typed_times(starts: datetime, ends: datetime, zone: ZoneInfo) -> dict[str, str]:
    """Return the fields of a form for these times."""
    first, last = starts.astimezone(zone), ends.astimezone(zone)
    later = "" if last.date() == first.date() else last.date().isoformat()
    return {"day": first.date().isoformat(), "from": f"{first:%H:%M}", "until": f"{last:%H:%M}", "until_day": later}


def usual_times(fields: Mapping[str, str], day: date, zone: ZoneInfo) -> dict[str, str]:
    """Return the times that a new form has: those that are given, else the next hour of ``day``."""
    exact = times_of(fields, zone)
    if exact is not None:
        return typed_times(*exact, zone)
    soon = datetime.now(zone) + timedelta(hours=1)
    hour = soon.hour if day == soon.date() and soon.hour < 23 else 9
    return {"day": day.isoformat(), "from": f"{hour:02}:00", "until": f"{hour + 1:02}:00", "until_day": ""}


def sent(at: datetime) -> str:
    """Write a time for the API."""
    return at.astimezone(UTC).isoformat()


async def found_members(request: Request, text: str) -> list[dict[str, Any]]:
    """Return the members whose name, address or reference has ``text``; none without a text."""
    if not text.strip():
        return []
    answer = await ask(request, "GET", f"/v1/members?{urlencode({'q': text.strip()[:100], 'limit': 12})}")
    return list(answer.body["members"]) if answer.good else []


async def chosen_member(request: Request, ref: str) -> dict[str, Any] | None:
    """Return the member that was chosen already."""
    if not ref:
        return None
    answer = await ask(request, "GET", f"/v1/members/{quote(ref, safe='')}")
    return dict(answer.body) if answer.good else None


async def may_override(request: Request, place: str, answer: Answer) -> bool:
    """Whether the place lets staff go beyond the rule that refused."""
    body = answer.body if isinstance(answer.body, dict) else {}
    if body.get("rule") not in OVERRIDABLE:
        return False
    rules = await ask(request, "GET", f"/v1/places/{place}/booking-rules")
    return rules.good and any(one["staff_may_override"] for one in rules.body["rules"])


def zone_of(place: Place) -> ZoneInfo:
    """Return the time zone of a place."""
    return zone_named(place.time_zone)
