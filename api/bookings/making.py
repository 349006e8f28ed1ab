"""Makes bookings: within the limits, of a seat, of one unit, or of any unit that is free."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from api.bookings.bookable import check_seats, local, refused_by_hours
from api.bookings.limits import Limits, limits_of, no_pass, pass_for
from api.bookings.pricing import categories_of, price_list, tariff_of
from api.bookings.refusing import refused
from api.bookings.targets import Target
from api.http.errors import BadField
from api.http.references import member_named
from api.http.session import Session
from booking.limits import Held, Refusal, refused_by_category
from booking.prices import price_cents, price_of_slot
from booking.slots import Window

# A booking; no row: another has the unit or the room at this time.
_INSERT: Final = """
INSERT INTO booking (member, place, space, unit, starts_at, ends_at, series, pass, price_cents, opens)
VALUES (%(member)s, %(place_id)s, %(space_id)s, %(unit_id)s, %(starts)s, %(ends)s, %(series)s, %(pass)s,
        %(price_cents)s, %(opens)s) ON CONFLICT DO NOTHING RETURNING ref
"""
# A free unit that no other request is about to book, any or the first of those preferred.
_PICK: Final = """
SELECT f.unit FROM (
  SELECT unit FROM free_units(%(resource)s, %(starts)s, %(ends)s)
  WHERE %(unit)s::integer IS NULL OR unit = %(unit)s
  ORDER BY array_position(%(prefer)s::integer[], unit), random() OFFSET 0) f
WHERE pg_try_advisory_xact_lock(%(unit_lock)s, f.unit) LIMIT 1
"""
_UNIT_LOCK: Final = 1970170228  # 'unit' in ASCII
_FREE: Final = "SELECT unit, code FROM free_units(%(resource)s, %(starts)s, %(ends)s)"
# When the unit, or the first of the units that a resource has, is free again.
_NEXT_END: Final = """
SELECT min(ends_at) AS ends FROM taken_times(%(resource)s, %(starts)s, %(ends)s)
WHERE %(unit)s::integer IS NULL OR unit = %(unit)s
"""
_NOW: Final = "SELECT now() AS now"


async def booked_for(s: Session, member: str | None) -> str:
    """Return the member to book for: the one that is named, or the one whose own key it is.

    Raises:
        BadField: no member is named, or another one than the key's.
    """
    own = s.caller.member
    if own is not None:
        if member not in (None, own):
            raise BadField("member", "a member's own key books for that member only")
        return own
    if member is None:
        raise BadField("member", "say for whom: this key isn't a member's own")
    return await member_named(s, member, "member")


async def now_of(s: Session) -> datetime:
    """Return the time of this transaction, by the database's clock."""
    row = await s.row(_NOW)
    assert row is not None
    return row["now"]  # type: ignore[no-any-return]


async def make(s: Session, target: Target, member: str, window: Window, *, override: bool, opens: bool = False) -> str:
    """Make one booking and return its reference.

    Raises:
        RuleRefused: a rule refuses it, or all is taken.
    """
    limits = await limits_of(s, target, member, [window], override=override)
    return await make_one(s, target, member, window, limits, opens=opens)


async def make_one(
    s: Session,
    target: Target,
    member: str,
    window: Window,
    limits: Limits,
    *,
    series: str | None = None,
    prefer: Sequence[int] = (),
    opens: bool = False,
) -> str:
    """Make a booking within ``limits``; ``prefer``: units to try first; ``opens``: without a pass.

    Raises:
        RuleRefused: a rule refuses it, or all is taken.
    """
    held = await check_limits(s, target, member, window, limits)
    starts, ends = window
    values = {
        "member": member,
        "place_id": target.place_id,
        "space_id": target.space_id,
        "unit_id": None,
        "starts": starts,
        "ends": ends,
        "series": series,
        "pass": held.under,
        "price_cents": await price_of(s, target, member, window),
        "opens": opens,
    }
    if target.resource is None:
        await check_seats(s, target, starts, ends, None)
        made = await s.row(_INSERT, values)
        ref = None if made is None else str(made["ref"])
    else:
        ref = await _take_unit(s, target, values, prefer)
    if ref is None:
        raise await taken(s, target, starts, ends)
    limits.held.append(held)
    return ref


async def check_limits(s: Session, target: Target, member: str, window: Window, limits: Limits) -> Held:
    """Refuse what a rule, a quota, a missing pass or the place's hours don't allow; return the booking as it counts.

    Raises:
        RuleRefused: one of them does.
    """
    starts, ends = window
    if target.event and target.resource is not None:
        closes = target.resource["sign_up_until"]
        if closes is not None and limits.now > closes:
            why = f"sign-up closed at {local(closes, target.zone)}"
            raise await refused(s, target.place_id, Refusal(rule="sign_up", field="resource", why=why))
    under = await pass_for(s, target, member, starts, ends)
    wish = Held(own=True, place=target.place_id, under=under, kind=target.kind, starts=starts, ends=ends)
    found = limits.refusal(wish)
    if found is None and under is None and s.caller.member is not None and not limits.rule.without_pass:
        found = no_pass(target)
    if found is None and target.resource is not None and target.resource["categories"]:
        found = refused_by_category(target.resource["categories"], await categories_of(s, target, member, starts))
    found = found or refused_by_hours(limits.opening, target, window)
    if found is not None:
        raise await refused(s, target.place_id, found)
    return wish


async def taken(s: Session, target: Target, starts: datetime, ends: datetime) -> Exception:
    """Return the refusal of a time at which no unit is free."""
    if target.resource is None:
        why = "it is booked for a part of this time; choose another time"
    elif target.event:
        why = "all places of this event are taken"
    else:
        values = {"resource": target.resource["id"], "starts": starts, "ends": ends, "unit": target.unit}
        row = await s.row(_NEXT_END, values)
        until = f", until {local(row['ends'], target.zone)} at least" if row is not None and row["ends"] else ""
        what = "this unit is" if target.unit is not None else "all units are"
        why = f"{what} booked for a part of this time{until}; choose another time (/v1/slots finds one)"
    return await refused(s, target.place_id, Refusal(rule="taken", field="from", why=why))


async def price_of(s: Session, target: Target, member: str, window: Window) -> int | None:
    """Return the price of a booking in cents, the lowest of the member's categories; None: it has none."""
    if target.resource is None:
        return None
    starts, ends = window
    tariff = tariff_of(target.resource)
    if tariff.rate is None and not tariff.prices:  # the same for all
        return price_cents(tariff.hour_cents, ends - starts)
    day = starts.astimezone(target.zone).date()
    categories = await categories_of(s, target, member, starts)
    return price_of_slot(tariff, await price_list(s, tariff), day, ends - starts, categories)


async def _take_unit(s: Session, target: Target, values: dict[str, Any], prefer: Sequence[int]) -> str | None:
    """Book a unit that is free; None: none is.

    First one that nobody else is about to book. If others are about to book all free ones, it waits for one of them to
    commit or fail, and if it commits for another one, until none is left. The exclusion constraint decides; nobody sees
    its error.
    """
    assert target.resource is not None
    lost: set[int] = set()
    asked = {"resource": target.resource["id"], "unit": target.unit, "prefer": list(prefer), "unit_lock": _UNIT_LOCK}
    picked = await s.row(_PICK, {**values, **asked})
    if picked is not None:
        made = await s.row(_INSERT, {**values, "unit_id": picked["unit"]})
        if made is not None:
            return str(made["ref"])
        lost.add(picked["unit"])
    while True:
        rows = await s.rows(_FREE, {**values, "resource": target.resource["id"]})
        free = [row["unit"] for row in rows if row["unit"] not in lost and target.unit in (None, row["unit"])]
        if not free:
            return None
        unit = next((one for one in prefer if one in free), None) or random.choice(free)
        made = await s.row(_INSERT, {**values, "unit_id": unit})
        if made is not None:
            return str(made["ref"])
        lost.add(unit)
