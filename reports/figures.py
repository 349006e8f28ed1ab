"""A report from the rows of ``reports.queries``. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from reports.hiding import categories_of
from reports.model import (
    Bookings,
    Certainty,
    Day,
    Desks,
    Device,
    Devices,
    Hour,
    PublicReport,
    Refusal,
    Report,
    SpaceUse,
    Use,
)
from reports.month import Month

KEEP_BOOKINGS: Final = timedelta(days=365)
"""Bookings of a month that began longer ago may be deleted."""
_LAST_WORD: Final = timedelta(days=31)
"""How long before the month a device's last word is looked for."""
_COMPARED: Final = 5
"""With fewer head counts nothing is said, as in the trust score."""
_NAMED: Final = 200
_LISTED: Final = 50
_DAY_H: Final = 24
Row = Mapping[str, Any]
Rows = Mapping[str, Sequence[Row]]


def place_values(place: int, month: Month, zone: ZoneInfo, now: datetime) -> dict[str, Any]:
    """Return the values of the queries of a place."""
    begins = month.starts(zone)
    said_since = begins - _LAST_WORD
    return {"place": place, "zone": str(zone), "begins": begins, "said_since": said_since, **_values(month, zone, now)}


def group_values(department: str | None, month: Month, zone: ZoneInfo, now: datetime) -> dict[str, Any]:
    """Return the values of the queries of a department, None for the network."""
    return {"department": department or "*", **_values(month, zone, now)}


def _values(month: Month, zone: ZoneInfo, now: datetime) -> dict[str, Any]:
    return {
        "first": month.first,
        "after": month.after,
        "before": month.before.first,
        "year_before": month.year_before.first,
        "ends": min(month.ends(zone), now),
    }


def place_report(rows: Rows, month: Month, now: datetime, keep: timedelta, *, settled: bool = False) -> Report:
    """Return the report of a place from what its queries found.

    Args:
        rows: by the names of ``queries.PLACE``.
        month: which month.
        now: aware.
        keep: how long events are kept; the figures of doors of older months are unknown.
        settled: the jobs have counted all days that are over; else yesterday may be missing since it isn't counted yet.
    """
    about = rows["about"][0]
    zone = ZoneInfo(about["time_zone"])
    begins = month.starts(zone)
    heard = begins >= now - keep
    uses = {(row["n"], row["code"]): row for row in rows["use"]}
    roots = {row["n"]: row for row in rows["use"] if row["root"]}
    until = max(month.first, min(month.after, now.astimezone(zone).date()))
    if not settled:
        until = _counted_until(rows["days"], roots, month, until)
    days = _whole(rows["days"], about["since"], month, until, zone)
    return Report(
        scope="place",
        code=about["code"],
        name=about["name"],
        department=about["department"],
        month=str(month),
        time_zone=about["time_zone"],
        counted_until=until,
        complete=until == month.after,
        since=about["since"],
        sensors=about["sensors"],
        capacity=about["capacity"],
        places=1,
        places_known=int(any(row["known_s"] for row in days)),
        use=_use(roots.get(0), month, zone),
        before=_use(roots.get(1), month.before, zone),
        year_before=_use(roots.get(2), month.year_before, zone),
        by_day=tuple(map(day_of, days)),
        by_hour=tuple(map(hour_of, rows["hours"])),
        spaces=tuple(
            SpaceUse(code=code, name=row["name"], **_use_values(row, month, zone))
            for (n, code), row in uses.items()
            if n == 0 and not row["root"]
        ),
        desks=_desks(rows["desks"]),
        bookings=Bookings.model_validate(rows["bookings"][0]) if begins >= now - KEEP_BOOKINGS else None,
        let_in=sum(row["count"] for row in rows["doors"] if row["reason"] == "granted") if heard else None,
        refusals=_refusals(rows["doors"]) if heard else None,
        categories=categories_of(rows["categories"]) if heard else None,
        devices=_devices(rows["devices"], heard=heard),
        certainty=_certainty(days, rows["head_counts"][0]),
    )


def public_report(rows: Rows, month: Month) -> PublicReport:
    """Return what everybody may know of a place, from the rows of ``queries.PUBLIC``."""
    about = rows["about"][0]
    return public_of(
        rows,
        month,
        scope="place",
        code=about["code"],
        name=about["name"],
        time_zone=about["time_zone"],
        capacity=about["capacity"],
        places=1,
    )


def public_of(rows: Rows, month: Month, **about: Any) -> PublicReport:
    """Return what everybody may know, with what is said ``about`` the place or group."""
    days = [day_of(row) for row in rows["days"]]
    heard = sum(int(row["known_s"]) for row in rows["days"])
    until = rows["days"][-1]["day"] + timedelta(days=1) if rows["days"] else month.first
    return PublicReport(
        month=str(month),
        counted_until=until,
        complete=until == month.after,
        person_hours=round(sum(int(row["person_s"]) for row in rows["days"]) / 3600, 1) if heard else None,
        peak=max((day.peak for day in days if day.peak is not None), default=None),
        known=share(heard, sum(int(row["seconds"]) for row in rows["days"])),
        by_day=tuple(days),
        by_hour=tuple(map(hour_of, rows["hours"])),
        **about,
    )


def day_of(row: Row) -> Day:
    """Return a day from its sums."""
    known_s = int(row["known_s"])
    return Day(
        day=row["day"],
        person_hours=round(int(row["person_s"]) / 3600, 2) if known_s else None,
        peak=None if row["day_peak"] is None or not known_s else round(float(row["day_peak"]), 2),
        known=share(known_s, int(row["seconds"])) or 0.0,
    )


def hour_of(row: Row) -> Hour:
    """Return an hour of a weekday."""
    people = row["people"]
    return Hour(weekday=row["weekday"], hour=row["hour"], people=None if people is None else round(float(people), 2))


def _counted_until(days: Sequence[Row], roots: Mapping[int, Row], month: Month, over: date) -> date:
    """The first day that isn't counted, of those before ``over``: the last one, if it alone has no figures."""
    known = days[-1]["day"] + timedelta(days=1) if days else month.first
    counted: date = max(known, roots[0]["until"]) if 0 in roots else known
    return counted if days and over - counted <= timedelta(days=1) else over


def _whole(rows: Sequence[Row], since: date | None, month: Month, until: date, zone: ZoneInfo) -> list[Row]:
    """Return a row for each counted day, from the first number of the place on; those without any row are unknown."""
    found = {row["day"]: row for row in rows}
    day = month.first if since is None else max(month.first, since)
    days: list[Row] = []
    while day < until:
        after = day + timedelta(days=1)
        begins, ends = (datetime.combine(one, time(), zone).timestamp() for one in (day, after))
        nothing = {"day": day, "person_s": 0, "known_s": 0, "degraded_s": 0, "seconds": ends - begins, "day_peak": None}
        days.append(found.get(day, nothing))
        day = after
    return days


def _use(row: Row | None, month: Month, zone: ZoneInfo) -> Use | None:
    return None if row is None else Use(**_use_values(row, month, zone))


def _use_values(row: Row, month: Month, zone: ZoneInfo) -> dict[str, Any]:
    open_s, known_s, seat_s, person_s = (int(row[name]) for name in ("open_s", "known_s", "seat_s", "person_s"))
    return {
        "month": str(month),
        "days": row["days"],
        "open_hours": _hours(open_s),
        "known_hours": _hours(known_s),
        "seat_hours": _hours(seat_s),
        "person_hours": _hours(person_s) if known_s else None,
        "sure_hours": int(row["quarters"]) / 4,
        "busy_hours": int(row["busy"]) / 4,
        "utilisation": share(person_s, seat_s),
        "busy_share": share(int(row["busy"]), int(row["quarters"])),
        "known": share(known_s, open_s),
        "peak": None if row["peak"] is None else round(row["peak"], 2),
        "peak_at": None if row["peak_at"] is None else row["peak_at"].astimezone(zone).isoformat(),
        "peak_capacity": row["peak_capacity"],
    }


def _desks(rows: Iterable[Row]) -> Desks | None:
    names: dict[str, list[str]] = {"used": [], "unused": [], "unknown": [], "no_sensor": []}
    for row in rows:
        names[row["state"]].append(row["name"])
    if not any(names.values()):
        return None
    return Desks(
        used=len(names["used"]),
        unused=len(names["unused"]),
        unknown=len(names["unknown"]),
        without_sensor=len(names["no_sensor"]),
        never_used=tuple(names["unused"][:_NAMED]),
    )


def _refusals(rows: Iterable[Row]) -> tuple[Refusal, ...]:
    return tuple(Refusal(reason=row["reason"], count=row["count"]) for row in rows if row["reason"] != "granted")


def _devices(rows: Sequence[Row], *, heard: bool) -> Devices | None:
    if not rows or not heard:
        return None
    hours = [round(row["silent_hours"], 1) for row in rows]
    worst = [
        Device(
            code=row["code"],
            kind=row["kind"],
            silent_hours=silent,
            silent_now=row["silent_now"],
            battery=None if row["battery"] is None else round(float(row["battery"]), 1),
        )
        for row, silent in zip(rows, hours, strict=True)
        if silent >= 1 or row["low"] or row["silent_now"]
    ]
    return Devices(
        total=len(rows),
        silent=sum(one >= _DAY_H for one in hours),
        silent_hours=round(sum(hours), 1),
        low_battery=sum(row["low"] for row in rows),
        worst=tuple(worst[:_LISTED]),
    )


def _certainty(days: Sequence[Row], counts: Row) -> Certainty:
    known, degraded, seconds = (sum(int(row[name]) for row in days) for name in ("known_s", "degraded_s", "seconds"))
    enough = counts["compared"] >= _COMPARED
    return Certainty(
        hours=round(seconds / 3600, 2),
        known=share(known, seconds),
        degraded=share(degraded, known),
        unknown_hours=round((seconds - known) / 3600, 1),
        head_counts=counts["head_counts"],
        compared=counts["compared"],
        error=round(counts["error"], 2) if enough else None,
        within=round(counts["within"], 4) if enough else None,
    )


def _hours(seconds: int) -> float:
    return round(seconds / 3600, 3)


def share(part: float, whole: float) -> float | None:
    """Return a part of a whole, rounded; None: there is no whole."""
    return round(part / whole, 4) if whole else None
