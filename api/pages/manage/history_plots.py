"""Makes plots of a place's history: a day by quarter hours, a week by hours, a month by days."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from access.holidays import is_holiday
from api.http.timestamps import to_datetime, to_us
from api.present.network import Place
from api.present.opening import opening_of
from reports.curves import Point, curve
from reports.model import Day
from reports.plots import day_columns
from reports.words import MONTHS, WEEKDAYS, Language, day_name, number, percent

View = Literal["day", "week", "month"]
VIEWS: Final[tuple[View, ...]] = ("day", "week", "month")
BY: Final[Mapping[View, str]] = {"day": "quarter", "week": "hour", "month": "day"}
"""The length of a row of the API's history, by view."""
_MINUTES: Final = {"day": 15, "week": 60}
_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """The local days of a view."""

    view: View
    first: date
    after: date

    @property
    def before(self) -> date:
        """A day of the stretch before."""
        return self.first - timedelta(days=1)


def stretch(view: View, day: date) -> Stretch:
    """Return the day, week or month that ``day`` lies in."""
    if view == "day":
        return Stretch(view=view, first=day, after=day + timedelta(days=1))
    if view == "week":
        monday = day - timedelta(days=day.weekday())
        return Stretch(view=view, first=monday, after=monday + timedelta(days=7))
    first = day.replace(day=1)
    return Stretch(view=view, first=first, after=(first + timedelta(days=32)).replace(day=1))


def plot(
    place: Place, of: Stretch, rows: Sequence[Mapping[str, Any]], usual: Mapping[tuple[str, int], tuple[float, float]],
    *, now: datetime, language: Language,
) -> str:  # fmt: skip
    """Return the SVG of a stretch.

    Args:
        place: whose history it is.
        of: the days.
        rows: of the API's history, by ``BY``.
        usual: low and high by day (``mon`` … ``holiday``) and hour.
        now: what is after it is to come.
        language: of the texts.
    """
    if of.view == "month":
        # the plot of reports: people-hours of each day
        days = [
            Day(
                day=date.fromisoformat(row["at"][:10]),
                person_hours=row["person_hours"] if row["known"] else None,
                peak=row["peak"],
                known=row["known"],
            )
            for row in rows
        ]
        return day_columns(days, of.first, (of.after - of.first).days, language)
    zone, minutes = ZoneInfo(place.time_zone), _MINUTES[of.view]
    step = timedelta(minutes=minutes)
    means: dict[datetime, float | None] = {}
    for row in rows:
        at = datetime.fromisoformat(row["at"]).astimezone(UTC)
        for n in range(max(1, row["minutes"] // minutes)):  # old days are thinned to longer rows
            means[at + n * step] = row["mean"]
    times = list(_times(of, zone, step))
    opened = _opened(place, times)
    points, ticks = [], []
    for n, (at, is_open) in enumerate(zip(times, opened, strict=True)):
        local = at.astimezone(zone)
        day = "holiday" if is_holiday(local.date(), place.department) else _WEEKDAYS[local.weekday()]
        to_come = at + step > now
        points.append(Point(
            people=means.get(at), usual=usual.get((day, local.hour)), open=is_open, to_come=to_come and at not in means
        ))  # fmt: skip
        if of.view == "day" and local.minute == 0 and local.hour % 3 == 0:
            ticks.append((n, f"{local.hour} h" if language == "fr" else f"{local.hour}:00"))
        elif of.view == "week" and local.hour == 0:
            ticks.append((n, f"{WEEKDAYS[local.weekday()].of(language)[:3]} {local.day}"))
    return curve(points, ticks, language)


def table(of: Stretch, rows: Sequence[Mapping[str, Any]], language: Language) -> list[tuple[str, ...]]:
    """Return the lines of the table behind a plot, as texts: when, people, at most, people-hours, known.

    Of a day every full hour, else each row. Written by hand, since Babel needs 20 ms for a week's texts.
    """
    return [
        (
            _when(of, row["at"], language),
            *(number(row[name], language, 1) for name in ("mean", "peak", "person_hours") if row["mean"] is not None),
            percent(row["known"], language),
        )
        for row in rows
        if of.view != "day" or row["at"][14:16] == "00" or row["minutes"] > _MINUTES["day"]
    ]


def _when(of: Stretch, at: str, language: Language) -> str:
    local = datetime.fromisoformat(at)
    if of.view == "day":
        return at[11:16]
    day = f"{WEEKDAYS[local.weekday()].of(language)[:3]} {day_name(local.date(), language)}"
    return day if of.view == "month" else f"{day}, {at[11:16]}"


def usual_of(answer: Mapping[str, Any]) -> dict[tuple[str, int], tuple[float, float]]:
    """Return low and high by day and hour from the API's answer."""
    return {
        (one["day"], one["hour"]): (one["low"], one["high"])
        for one in answer["hours"]
        if one["low"] is not None and one["high"] is not None
    }


def title(of: Stretch, language: Language) -> str:
    """Return what the stretch is called: ``jeudi 26 novembre 2026``, or its month, or its week's days."""
    month = MONTHS[of.first.month - 1].of(language)
    if of.view == "month":
        return f"{month} {of.first.year}"
    if of.view == "day":
        return f"{WEEKDAYS[of.first.weekday()].of(language)} {of.first.day} {month} {of.first.year}"
    last = of.after - timedelta(days=1)
    return f"{of.first.day} {month} – {last.day} {MONTHS[last.month - 1].of(language)} {last.year}"


def _times(of: Stretch, zone: ZoneInfo, step: timedelta) -> Iterator[datetime]:
    """The beginning of each point; the days of clock changes have more or fewer of them."""
    at, end = (datetime(one.year, one.month, one.day, tzinfo=zone).astimezone(UTC) for one in (of.first, of.after))
    while at < end:
        yield at
        at += step


def _opened(place: Place, times: Sequence[datetime]) -> list[bool | None]:
    """Whether it is open by its hours at each time; a lockdown now doesn't count."""
    hours = replace(place, locked=False)
    found: list[bool | None] = []
    known: bool | None = None
    due = datetime.min.replace(tzinfo=UTC)
    for at in times:
        if at >= due:
            now = opening_of(hours, to_us(at))
            known, due = now.open, to_datetime(now.due)
        found.append(known)
    return found
