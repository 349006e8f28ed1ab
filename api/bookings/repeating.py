"""Makes a series: every occurrence within the limits, on one unit where that is free, or on another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from psycopg.types.json import Jsonb

from api.bookings import series as rows
from api.bookings.limits import limits_of
from api.bookings.making import booked_for, make_one
from api.bookings.series import SeriesMade
from api.bookings.targets import Target, target_of
from api.http.errors import BadField, RuleRefused
from api.http.models import time_of
from api.http.session import Session
from booking.recurrence import RuleError, read_rule, starts_of, windows_of
from booking.slots import Window

_SHOWN: Final = 5
"""Occurrences that a refusal names."""
# Occurrences that begin so soon need no confirmation.
_CONFIRMED: Final = """
UPDATE booking SET confirmed_at = now() WHERE series = %(ref)s AND starts_at < %(until)s
"""


async def make_series(s: Session, body: SeriesMade) -> str:
    """Make a series with its bookings and return its reference.

    Raises:
        BadField: the rule can't be used.
        RuleRefused: occurrences can't be booked, and are not to be skipped; or none can.
    """
    member = await booked_for(s, body.member)
    target = await target_of(s, body.place, body.space, body.resource, body.unit)
    if target.event:
        raise BadField("resource", "an event has its own time: sign up for each")
    if body.starts is None or body.ends is None:
        raise BadField("from", "say when the first one is")
    windows = _windows(target, body, body.starts, body.ends)
    await s.run(rows.QUEUE, {"series": f"{target.place_id} {target.space_id} {body.resource}"})
    limits = await limits_of(s, target, member, windows, override=body.override)
    made = await s.row(rows.INSERT, _values(target, body, member, body.starts, body.ends))
    assert made is not None
    prefer = await _freest(s, target, windows)
    skipped: list[dict[str, Any]] = []
    refusals: list[RuleRefused] = []
    for window in windows:
        try:
            await make_one(s, target, member, window, limits, series=made["ref"], prefer=prefer)
        except RuleRefused as refused:
            refusals.append(refused)
            times = {"from": time_of(window[0]), "until": time_of(window[1])}
            skipped.append({**times, "rule": refused.rule, "why": str(refused)})
            if len(refusals) == _SHOWN and body.conflicts == "refuse":
                break
    if refusals and (body.conflicts == "refuse" or len(refusals) == len(windows)):
        raise _all_refused(refusals, skipped)
    if body.override and body.reason is not None:
        await s.run(rows.OVERRIDDEN, {"ref": made["ref"], "reason": body.reason})
    if skipped:
        await s.run(rows.SKIP, {"ref": made["ref"], "skipped": Jsonb(skipped)})
    if body.confirm_hours is not None:
        await s.run(_CONFIRMED, {"ref": made["ref"], "until": confirmed_until(limits.now, body.confirm_hours)})
    return str(made["ref"])


def confirmed_until(now: datetime, confirm_hours: int | None) -> datetime:
    """Return until when a confirmation holds: a week, and the hours by which the next one must be there."""
    return now + timedelta(days=7, hours=confirm_hours or 0)


def _windows(target: Target, body: SeriesMade, starts: datetime, ends: datetime) -> list[Window]:
    first = starts.astimezone(target.zone).replace(tzinfo=None)
    try:
        return windows_of(starts_of(read_rule(body.rule), first, target.zone), _minutes(starts, ends), target.zone)
    except RuleError as error:
        raise BadField("rule", str(error)) from error


def _minutes(starts: datetime, ends: datetime) -> int:
    minutes, rest = divmod(ends - starts, timedelta(minutes=1))
    if rest or not 1 <= minutes <= 31 * 24 * 60:
        raise BadField("until", "an occurrence lasts whole minutes, at most 31 days")
    return minutes


def _values(target: Target, body: SeriesMade, member: str, starts: datetime, ends: datetime) -> dict[str, Any]:
    return {
        "member": member,
        "place_id": target.place_id,
        "resource_id": None if target.resource is None else target.resource["id"],
        "rule": body.rule,
        "first_at": starts.astimezone(target.zone).replace(tzinfo=None),
        "minutes": _minutes(starts, ends),
        "confirm_hours": body.confirm_hours,
    }


async def _freest(s: Session, target: Target, windows: list[Window]) -> list[int]:
    """Return the units to try first, so that a series stays at one desk as far as possible."""
    if target.resource is None or target.unit is not None:
        return []
    starts, ends = ([one[end].astimezone(UTC) for one in windows] for end in (0, 1))
    found = await s.rows(rows.FREEST, {"resource": target.resource["id"], "starts": starts, "ends": ends})
    return [row["unit"] for row in found]


def _all_refused(refusals: list[RuleRefused], skipped: list[dict[str, Any]]) -> RuleRefused:
    first = refusals[0]
    dates = ", ".join(one["from"] for one in skipped[:_SHOWN])
    more = ", …" if len(refusals) >= _SHOWN else ""
    return RuleRefused(
        f"these can't be booked: {dates}{more}. Send conflicts: skip to leave them out. The first one: {first}",
        rule=first.rule,
        field="rule",
        contact=first.contact,
    )
