"""The report of a department or the network: sums of the reports of its places. Pure.

Groups of members are the sums of what places show, and of nothing else: no difference of two reports shows a small
group.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from reports.figures import Rows, day_of, hour_of, share
from reports.model import Bookings, Categories, Category, Certainty, Desks, Devices, PlaceRow, Refusal, Report, Use
from reports.month import Month

ZONE: Final = "Europe/Paris"
"""Of reports of several places."""
_LISTED: Final = 50


def group_report(places: Sequence[Report], rows: Rows, month: Month, *, department: str | None, name: str) -> Report:
    """Return the report of a department, None for the network.

    Args:
        places: the reports of its places; at least one.
        rows: by the names of ``queries.GROUP``.
        month: which month.
        department: its code.
        name: of the group.
    """
    days = rows["days"]
    peak = max((row for row in days if row["day_peak"] is not None), key=lambda row: row["day_peak"], default=None)
    use = _uses(places, lambda one: one.use)
    if use is not None and peak is not None:
        use = use.model_copy(update={"peak": round(float(peak["day_peak"]), 2), "peak_at": f"{peak['day']}"})
    since = [one.since for one in places if one.since is not None]
    seats = [one.capacity for one in places if one.capacity is not None]
    heard = [one for one in places if one.refusals is not None]
    return Report(
        scope="network" if department is None else "department",
        code=department,
        name=name,
        department=department,
        month=str(month),
        time_zone=places[0].time_zone if department is not None else ZONE,
        counted_until=max(one.counted_until for one in places),
        complete=any(one.complete for one in places),
        since=min(since, default=None),
        sensors=any(one.sensors for one in places),
        capacity=sum(seats) if seats else None,
        places=len(places),
        places_known=sum(one.places_known for one in places),
        use=use,
        before=_uses(places, lambda one: one.before),
        year_before=_uses(places, lambda one: one.year_before),
        by_day=tuple(map(day_of, days)),
        by_hour=tuple(map(hour_of, rows["hours"])),
        desks=_desks([one.desks for one in places if one.desks is not None]),
        bookings=_bookings([one.bookings for one in places if one.bookings is not None]),
        let_in=sum(one.let_in or 0 for one in heard) if heard else None,
        refusals=_refusals(heard) if heard else None,
        categories=_categories([one.categories for one in places if one.categories is not None]),
        devices=_devices(places),
        certainty=_certainty(places),
        rows=tuple(sorted((_row(one) for one in places), key=lambda row: (-(row.utilisation or -1), row.name))),
    )


def _uses(places: Sequence[Report], of: Callable[[Report], Use | None]) -> Use | None:
    uses = [use for use in map(of, places) if use is not None]
    if not uses:
        return None
    opened, known, seats, sure, busy = (
        round(sum(getattr(one, name) for one in uses), 3)
        for name in ("open_hours", "known_hours", "seat_hours", "sure_hours", "busy_hours")
    )
    taken = [one.person_hours for one in uses if one.person_hours is not None]
    people = round(sum(taken), 3) if taken else None
    return Use(
        month=uses[0].month,
        days=max(one.days for one in uses),
        open_hours=opened,
        known_hours=known,
        seat_hours=seats,
        person_hours=people,
        sure_hours=sure,
        busy_hours=busy,
        utilisation=None if people is None else share(people, seats),
        busy_share=share(busy, sure),
        known=share(known, opened),
        peak=None,
        peak_at=None,
        peak_capacity=None,
    )


def _row(one: Report) -> PlaceRow:
    use = one.use
    return PlaceRow(
        code=one.code or "",
        name=one.name,
        department=one.department,
        open_hours=0.0 if use is None else use.open_hours,
        person_hours=None if use is None else use.person_hours,
        utilisation=None if use is None else use.utilisation,
        peak=None if use is None else use.peak,
        known=None if use is None else use.known,
    )


def _desks(desks: Sequence[Desks]) -> Desks | None:
    if not desks:
        return None
    used, unused, unknown, without = (
        sum(getattr(one, name) for one in desks) for name in ("used", "unused", "unknown", "without_sensor")
    )
    return Desks(used=used, unused=unused, unknown=unknown, without_sensor=without, never_used=())


def _bookings(bookings: Sequence[Bookings]) -> Bookings | None:
    if not bookings:
        return None
    return Bookings(
        held=sum(one.held for one in bookings),
        hours=round(sum(one.hours for one in bookings), 2),
        no_shows=sum(one.no_shows for one in bookings),
        cancelled=sum(one.cancelled for one in bookings),
    )


def _refusals(places: Sequence[Report]) -> tuple[Refusal, ...]:
    counts: Counter[str] = Counter()
    for place in places:
        counts.update({one.reason: one.count for one in place.refusals or ()})
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return tuple(Refusal(reason=reason, count=count) for reason, count in ordered)


def _categories(parts: Sequence[Categories]) -> Categories | None:
    if not parts:
        return None
    members: Counter[str | None] = Counter()
    days: Counter[str | None] = Counter()
    for one in parts:
        for group in one.groups:
            members[group.name] += group.members
            days[group.name] += group.days
    others = [one.others for one in parts if one.others is not None]
    ordered = sorted(days, key=lambda name: (-days[name], name or ""))
    return Categories(
        groups=tuple(Category(name=name, members=members[name], days=days[name]) for name in ordered),
        others=Category(name=None, members=sum(one.members for one in others), days=sum(one.days for one in others))
        if others
        else None,
        withheld=any(one.withheld for one in parts),
    )


def _devices(places: Sequence[Report]) -> Devices | None:
    parts = [(one.code, one.devices) for one in places if one.devices is not None]
    if not parts:
        return None
    worst = [one.model_copy(update={"code": f"{code}/{one.code}"}) for code, part in parts for one in part.worst]
    worst.sort(key=lambda one: (-one.silent_hours, one.code))
    return Devices(
        total=sum(part.total for _, part in parts),
        silent=sum(part.silent for _, part in parts),
        silent_hours=round(sum(part.silent_hours for _, part in parts), 1),
        low_battery=sum(part.low_battery for _, part in parts),
        worst=tuple(worst[:_LISTED]),
    )


def _certainty(places: Sequence[Report]) -> Certainty:
    sure = [one.certainty for one in places]
    hours = sum(one.hours for one in sure)
    known = sum((one.known or 0.0) * one.hours for one in sure)
    degraded = sum((one.degraded or 0.0) * (one.known or 0.0) * one.hours for one in sure)
    scored = [one for one in sure if one.error is not None and one.within is not None]
    compared = sum(one.compared for one in scored)
    return Certainty(
        hours=round(hours, 2),
        known=share(known, hours),
        degraded=share(degraded, known),
        unknown_hours=round(sum(one.unknown_hours for one in sure), 1),
        head_counts=sum(one.head_counts for one in sure),
        compared=compared,
        error=round(sum((one.error or 0.0) * one.compared for one in scored) / compared, 2) if scored else None,
        within=round(sum((one.within or 0.0) * one.compared for one in scored) / compared, 4) if scored else None,
    )
