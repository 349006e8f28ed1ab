"""Reads what binds a booking (the place's rule, quotas, passes, other bookings) and refuses what goes beyond."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from psycopg.rows import DictRow

from access.errors import ListError
from access.schedules import Schedule, schedule_from_json
from api.bookings.bookable import opening_from, refusal
from api.bookings.refusing import refused
from api.bookings.targets import Target
from api.http.session import Session
from booking.limits import (
    Held,
    Quota,
    Refusal,
    Rule,
    first_of,
    refused_by_quotas,
    refused_by_rule,
    refused_cancelling,
    refused_window,
)

# The place's limits for all, and for one kind.
_RULES: Final = """
SELECT kind, notice_minutes, ahead_days, shortest_minutes, longest_minutes, cancel_minutes, open_bookings, at_once,
       rolling_days, rolling_minutes, without_pass, staff_may_override
FROM booking_rule WHERE place = %(place_id)s AND (kind IS NULL OR kind = %(kind)s) ORDER BY kind NULLS FIRST
"""
# All that binds a member at a place: the time, the place's hours, the membership, rules, and the quotas of the member's
# passes and organisation.
_BOUND: Final = """
SELECT now() AS now, p.status, p.opening_hours, p.department, m.status AS membership, m.organisation,
  ARRAY(SELECT jsonb_build_array(c.first, c.last) FROM public_closures() c
        WHERE c.place = p.id OR c.place IS NULL) AS closures,
  ARRAY(SELECT to_jsonb(r) FROM booking_rule r
        WHERE r.place = p.id AND (r.kind IS NULL OR r.kind = %(kind)s) ORDER BY r.kind NULLS FIRST) AS rules,
  ARRAY(SELECT to_jsonb(q) FROM booking_quota q
        WHERE (q.organisation = m.organisation OR q.pass IN (SELECT s.ref FROM pass s WHERE s.member = m.ref))
          AND (q.place IS NULL OR q.place = p.id) AND (q.kind IS NULL OR q.kind = %(kind)s) ORDER BY q.ref) AS quotas
FROM place p LEFT JOIN member m ON m.ref = %(member)s WHERE p.id = %(place_id)s
"""
_PASSES: Final = "SELECT pass, hours FROM booking_passes(%(member)s, %(place_id)s, %(space_id)s, %(starts)s, %(ends)s)"
_HELD: Final = """
SELECT own, place, pass AS under, kind, starts_at AS starts, ends_at AS ends
FROM booking_use(%(member)s, %(first)s, %(last)s, %(wide)s, %(ref)s)
"""
# Bookings that count against the same limits are made one after the other: the organisation's first, then the member's.
_QUEUE: Final = "SELECT pg_advisory_xact_lock(hashtextextended(%(limits)s, 1))"
_DAY: Final = timedelta(days=1)


@dataclass(slots=True, kw_only=True)
class Limits:
    """What binds the bookings of one member of one target."""

    place: int
    zone: ZoneInfo
    rule: Rule
    quotas: Sequence[tuple[str | None, Quota]]
    """With the pass that each is of."""
    now: datetime
    begun: bool
    """Whether it may have begun already: staff enter what happens now."""
    opening: Schedule | None
    """When the place is open; None: not known."""
    held: list[Held] = field(default_factory=list)
    """What counts already; one that is made is added."""

    def refusal(self, wish: Held) -> Refusal | None:
        """Return the first limit that refuses ``wish``."""
        quotas = [quota for under, quota in self.quotas if under is None or under == wish.under]
        return (
            refused_window(wish.starts, wish.ends, self.now, begun=self.begun)
            or refused_by_rule(self.rule, wish, self.held, self.now, self.zone)
            or refused_by_quotas(quotas, wish, self.held, self.zone)
        )


async def rule_of(s: Session, place_id: int, kind: str) -> Rule:
    """Return a place's limits for ``seat``, ``room`` or a kind of resource."""
    return _rule(await s.rows(_RULES, {"place_id": place_id, "kind": kind}))


async def limits_of(
    s: Session,
    target: Target,
    member: str,
    windows: Sequence[tuple[datetime, datetime]],
    *,
    override: bool,
    changed: Mapping[str, Any] | None = None,
) -> Limits:
    """Read what binds bookings of ``member`` in ``windows``, after those that are being made for the same limits.

    ``changed``: the booking that is changed; it doesn't count, and may have begun.

    Raises:
        RuleRefused: the place isn't open, the member is suspended, or the place doesn't let the caller override its
            rules.
    """
    bound = await s.row(_BOUND, {"place_id": target.place_id, "kind": target.kind, "member": member})
    assert bound is not None
    opening = await opening_from(s, target, bound)
    if bound["membership"] not in (None, "active"):
        why = "the membership is suspended: its holder can't book"
        raise await refused(s, target.place_id, Refusal(rule="suspended", field="member", why=why))
    own = s.caller.member is not None
    rule, quotas, now = _rule(bound["rules"]), bound["quotas"], bound["now"]
    if override:
        if own or not rule.staff_may_override:
            why = "this place lets nobody book beyond its rules" if not own else "a member can't override the rules"
            raise await refused(s, target.place_id, Refusal(rule="override", field="override", why=why))
        rule, quotas = Rule(), []
    limits = Limits(
        place=target.place_id,
        zone=target.zone,
        rule=rule,
        quotas=[(row["pass"], _quota(row)) for row in quotas],
        now=now,
        opening=opening,
        begun=not own or (changed is not None and changed["starts_at"] == windows[0][0]),
    )
    wide = bound["organisation"] if any(row["pass"] is None for row in quotas) else None
    if quotas or any(limit is not None for limit in (rule.open_bookings, rule.at_once, rule.rolling)):
        if wide is not None:
            await s.run(_QUEUE, {"limits": f"organisation {wide}"})
        await s.run(_QUEUE, {"limits": f"member {member}"})
        first, last = _counted(windows, rule, now, target.zone)
        values = {"member": member, "first": first, "last": last, "wide": wide is not None}
        values["ref"] = None if changed is None else changed["ref"]
        limits.held = [Held(**row) for row in await s.rows(_HELD, values)]
    return limits


async def pass_for(s: Session, target: Target, member: str, starts: datetime, ends: datetime) -> str | None:
    """Return the member's pass that opens the place's space throughout a time; None: no pass does."""
    values = {"member": member, "place_id": target.place_id, "space_id": target.space_id}
    for row in await s.rows(_PASSES, {**values, "starts": starts, "ends": ends}):
        if row["hours"] is None or any(_covers(hours, starts, ends, target.zone) for hours in row["hours"]):
            return str(row["pass"])
    return None


def no_pass(target: Target) -> Refusal:
    """Return the refusal of a member without a pass."""
    why = f"no pass of this member opens {target.place} for all of this time; ask for one, or choose another time"
    return Refusal(rule="pass", field="from", why=why)


async def check_cancelling(s: Session, row: DictRow, now: datetime) -> None:
    """Refuse a member who cancels later than the place allows; staff may always cancel.

    Raises:
        RuleRefused: it is too late.
    """
    if s.caller.member is None:
        return
    kind = row["kind"] or ("room" if row["one_party"] else "seat")
    late = refused_cancelling(await rule_of(s, row["place_id"], kind), row["starts_at"], row["ends_at"], now)
    if late is not None:
        raise await refused(s, row["place_id"], late)


def _rule(rows: Iterable[DictRow]) -> Rule:
    rule = Rule()
    for row in rows:
        rule = _rule_from(row).over(rule)
    return rule


def _rule_from(row: DictRow) -> Rule:
    return Rule(
        notice=_minutes(row["notice_minutes"]),
        ahead=None if row["ahead_days"] is None else row["ahead_days"] * _DAY,
        shortest=_minutes(row["shortest_minutes"]),
        longest=_minutes(row["longest_minutes"]),
        cancel=_minutes(row["cancel_minutes"]),
        rolling=_minutes(row["rolling_minutes"]),
        **{
            name: row[name]
            for name in ("open_bookings", "at_once", "rolling_days", "without_pass", "staff_may_override")
        },
    )


def _quota(row: DictRow) -> Quota:
    return Quota(
        of="organisation" if row["pass"] is None else "pass",
        per=row["per"],
        bookings=row["bookings"],
        time=_minutes(row["minutes"]),
        place=row["place"],
        kind=row["kind"],
    )


def _counted(
    windows: Iterable[tuple[datetime, datetime]], rule: Rule, now: datetime, zone: ZoneInfo
) -> tuple[datetime, datetime]:
    """Return the time whose bookings count for ``windows``: their months and weeks, and the rolling days."""
    starts, ends = zip(*windows, strict=True)
    around = timedelta(days=max(7, rule.rolling_days or 0))
    first = datetime.combine(first_of(min(starts).astimezone(zone).date(), "month"), time(), UTC) - around
    last = max(ends) + timedelta(days=32) + around
    if rule.open_bookings is not None:
        first, last = min(first, now), max(last, now + timedelta(days=3660))
    return first, last


def _covers(hours: Any, starts: datetime, ends: datetime, zone: ZoneInfo) -> bool:
    try:
        return refusal(schedule_from_json(hours), starts, ends, zone) is None
    except ListError:
        return False


def _minutes(value: int | None) -> timedelta | None:
    return None if value is None else timedelta(minutes=value)
