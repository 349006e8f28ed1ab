"""What a place, a pass and an organisation allow of one booking: which limit refuses it, and why.

Times are aware; days, weeks and months are those of the place. What is already booked comes in as values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

Per = Literal["at_once", "day", "week", "month"]

LATE: Final = timedelta(minutes=5)
"""So long after its start a booking may still be made: who books "now" has looked at the page before."""
FARTHEST: Final = timedelta(days=731)
LONGEST: Final = timedelta(days=31)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A place's limits for bookings; None: no limit."""

    notice: timedelta | None = None
    """At least so long before it begins."""
    ahead: timedelta | None = None
    """At most so long before it begins."""
    shortest: timedelta | None = None
    longest: timedelta | None = None
    cancel: timedelta | None = None
    """Cancelled so long before it begins, or not at all."""
    open_bookings: int | None = None
    """Of a member, not over yet."""
    at_once: int | None = None
    """Of a member, at the same time."""
    rolling_days: int | None = None
    rolling: timedelta | None = None
    """Of a member, within any ``rolling_days``."""
    without_pass: bool | None = None
    staff_may_override: bool | None = None

    def over(self, general: Rule) -> Rule:
        """Return these limits, and those of ``general`` where this has none."""
        if self.rolling_days is not None:
            general = replace(general, rolling_days=None, rolling=None)
        return replace(general, **{name: value for name, value in asdict(self).items() if value is not None})


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """How much one pass, or all members of an organisation together, may book; one of the measures is None."""

    of: Literal["pass", "organisation"]
    per: Per
    bookings: int | None = None
    time: timedelta | None = None
    place: int | None = None
    """None: at all places together."""
    kind: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A booking that counts against limits."""

    own: bool
    """The member's; else of another member of the organisation."""
    place: int
    under: str | None
    """The pass that it was made under."""
    kind: str
    starts: datetime
    ends: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a booking is refused."""

    rule: str
    """The name of the limit, for example ``ahead``."""
    field: str
    why: str


def refused_window(starts: datetime, ends: datetime, now: datetime, *, begun: bool = False) -> Refusal | None:
    """Refuse a window that no place accepts: past, too far ahead or too long.

    ``begun``: it may have begun already, but not be over (staff enter what happens now).
    """
    if ends <= starts:
        return Refusal(rule="window", field="until", why="it must be after from")
    if ends <= now or (not begun and starts < now - LATE):
        return Refusal(rule="past", field="from", why="this time is past; choose one to come")
    if starts > now + FARTHEST:
        why = f"it is more than {FARTHEST.days} days ahead; choose an earlier time"
        return Refusal(rule="farthest", field="from", why=why)
    if ends - starts > LONGEST:
        why = f"one booking lasts at most {LONGEST.days} days; make several, or a series"
        return Refusal(rule="longest", field="until", why=why)
    return None


def refused_by_rule(rule: Rule, wish: Held, held: Iterable[Held], now: datetime, zone: ZoneInfo) -> Refusal | None:
    """Return the first limit of the place that ``wish`` breaks; ``held``: the member's other bookings."""
    length = wish.ends - wish.starts
    if rule.notice is not None and wish.starts < now + rule.notice:
        return Refusal(
            rule="notice", field="from", why=f"it must be booked at least {span(rule.notice)} before it begins"
        )
    if rule.ahead is not None and wish.starts > now + rule.ahead:
        return Refusal(rule="ahead", field="from", why=f"it can be booked at most {span(rule.ahead)} before it begins")
    if rule.shortest is not None and length < rule.shortest:
        return Refusal(rule="shortest", field="until", why=f"a booking lasts at least {span(rule.shortest)}")
    if rule.longest is not None and length > rule.longest:
        return Refusal(rule="longest", field="until", why=f"a booking lasts at most {span(rule.longest)}")
    own = [one for one in held if one.own and one.place == wish.place]
    if rule.open_bookings is not None and sum(one.ends > now for one in own) >= rule.open_bookings:
        why = f"a member may have at most {rule.open_bookings} bookings that are not over; cancel one first"
        return Refusal(rule="open_bookings", field="member", why=why)
    if rule.at_once is not None and 1 + most_at_once(own, wish.starts, wish.ends) > rule.at_once:
        return Refusal(
            rule="at_once", field="from", why=f"a member may have at most {rule.at_once} bookings at the same time"
        )
    if rule.rolling is not None and rule.rolling_days is not None:
        used = most_within([*own, wish], wish, rule.rolling_days, zone)
        if used > rule.rolling:
            why = (
                f"a member may book at most {span(rule.rolling)} within {rule.rolling_days} days;"
                f" with this booking it would be {span(used)}"
            )
            return Refusal(rule="rolling", field="from", why=why)
    return None


def refused_by_category(only: Sequence[str], categories: Iterable[str]) -> Refusal | None:
    """Refuse a member of none of the categories that alone may book a thing."""
    if set(only) & set(categories):
        return None
    why = f"only members of these categories may book it: {', '.join(only)}; show a proof, or book another"
    return Refusal(rule="category", field="resource", why=why)


def refused_by_quotas(quotas: Iterable[Quota], wish: Held, held: Sequence[Held], zone: ZoneInfo) -> Refusal | None:
    """Return the first quota that ``wish`` would exceed; ``held``: other bookings of member and organisation."""
    for quota in quotas:
        if quota.place not in (None, wish.place) or quota.kind not in (None, wish.kind):
            continue
        counted = [
            one
            for one in held
            if quota.place in (None, one.place)
            and quota.kind in (None, one.kind)
            and (quota.of == "organisation" or (one.own and one.under == wish.under))
        ]
        whose = "this pass" if quota.of == "pass" else "the members of this organisation together"
        if quota.per == "at_once":
            if quota.bookings is not None and 1 + most_at_once(counted, wish.starts, wish.ends) > quota.bookings:
                why = f"{whose} may have at most {quota.bookings} bookings at the same time"
                return Refusal(rule=f"quota_{quota.of}", field="from", why=why)
            continue
        for first, last in periods(wish.starts, wish.ends, quota.per, zone):
            refusal = _exceeded(
                quota, whose, [one for one in (*counted, wish) if one.starts < last and one.ends > first], (first, last)
            )
            if refusal is not None:
                return refusal
    return None


def _exceeded(quota: Quota, whose: str, inside: Sequence[Held], period: tuple[datetime, datetime]) -> Refusal | None:
    first, last = period
    if quota.bookings is not None and len(inside) > quota.bookings:
        why = f"{whose} may have at most {quota.bookings} bookings a {quota.per}, and already has {len(inside) - 1}"
        return Refusal(rule=f"quota_{quota.of}", field="from", why=why)
    used = sum((min(one.ends, last) - max(one.starts, first) for one in inside), timedelta())
    if quota.time is not None and used > quota.time:
        why = f"{whose} may book at most {span(quota.time)} a {quota.per}; with this booking it would be {span(used)}"
        return Refusal(rule=f"quota_{quota.of}", field="from", why=why)
    return None


def refused_cancelling(rule: Rule, starts: datetime, ends: datetime, now: datetime) -> Refusal | None:
    """Refuse to cancel later than the place allows, or what is over."""
    if ends <= now:
        return Refusal(rule="past", field="until", why="it is over: it can't be cancelled any more")
    if rule.cancel is None or now <= starts - rule.cancel:
        return None
    return Refusal(rule="cancel", field="from", why=f"it can be cancelled until {span(rule.cancel)} before it begins")


def most_at_once(held: Iterable[Held], starts: datetime, ends: datetime) -> int:
    """Return how many of ``held`` there are at most at one moment from ``starts`` until ``ends``."""
    steps = sorted(
        step for one in held if one.starts < ends and one.ends > starts for step in ((one.starts, 1), (one.ends, -1))
    )  # an end before a start at the same moment: the seat changes hands
    now = most = 0
    for _, step in steps:
        now += step
        most = max(most, now)
    return most


def most_within(held: Iterable[Held], around: Held, days: int, zone: ZoneInfo) -> timedelta:
    """Return the most time booked within ``days`` local days in a row that have a part of ``around``."""
    booked: dict[date, timedelta] = {}
    for one in held:
        for first, last in periods(one.starts, one.ends, "day", zone):
            day = first.astimezone(zone).date()
            part = min(one.ends, last) - max(one.starts, first)
            booked[day] = booked.get(day, timedelta()) + part
    first_day = around.starts.astimezone(zone).date() - timedelta(days=days - 1)
    last_day = (around.ends - timedelta.resolution).astimezone(zone).date()
    most = timedelta()
    for ahead in range((last_day - first_day).days + 1):
        begin = first_day + timedelta(days=ahead)
        window = (booked.get(begin + timedelta(days=step), timedelta()) for step in range(days))
        most = max(most, sum(window, timedelta()))
    return most


def periods(starts: datetime, ends: datetime, per: Per, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    """Return the local days, weeks or months that a window touches, in UTC, in order."""
    day = first_of(starts.astimezone(zone).date(), per)
    found = []
    while (begin := _midnight(day, zone)) < ends:
        day = _next(day, per)
        found.append((begin, _midnight(day, zone)))
    return found


def first_of(day: date, per: Per) -> date:
    """Return the first day of the day's period; a week begins on Monday."""
    if per == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if per == "month" else day


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)  # in UTC, so that a day of 23 hours has 23


def _next(day: date, per: Per) -> date:
    if per == "month":
        return (day + timedelta(days=31)).replace(day=1)
    return day + timedelta(days=7 if per == "week" else 1)


def span(length: timedelta) -> str:
    """Write a length: ``2 days``, ``1 h 30 min``."""
    minutes = round(length / timedelta(minutes=1))
    days, rest = divmod(minutes, 24 * 60)
    if days and not rest:
        return f"{days} day{'s' if days > 1 else ''}"
    hours, minutes = divmod(minutes, 60)
    return " ".join(([f"{hours} h"] if hours else []) + ([f"{minutes} min"] if minutes or not hours else []))
