"""What may be asked of the history, and the periods that an answer covers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from api.http.errors import BadQuery
from api.http.models import Code, Question
from api.http.timestamps import parse_rfc3339, to_datetime

By = Literal["quarter", "hour", "day", "week", "month"]
As = Literal["published", "known"]
Format = Literal["json", "csv", "parquet"]

ROWS: Final = 10_000
MOST_ROWS: Final = 40_000
ROWS_A_DAY: Final = {"quarter": 96, "hour": 24, "day": 1, "week": 1 / 7, "month": 1 / 28}
_DEFAULT: Final = {"quarter": 1, "hour": 7, "day": 31, "week": 182, "month": 366}
"""Days that are answered without `from`."""
_EARLIEST: Final = date(2000, 1, 1)
_LATEST: Final = date(2199, 12, 31)
_EXPECTED: Final = "expected a day (2026-03-01) or a time with its zone (2026-03-01T08:00:00+01:00), 2000 to 2199"
_TIME: Final = "^[0-9]{4}-[0-9]{2}-[0-9]{2}.*$"


class HistoryQuestion(Question):
    """Which times, and how."""

    by: By = Field(default="hour", description="The length of a row, in local time of the place.")
    as_: As = Field(
        default="known",
        alias="as",
        description="`published`: what this API answered at the time, never rewritten. `known`: what all events that "
        "are stored by now say. Without a key of all that is asked for it is always `published`.",
    )
    from_: str | None = Field(
        default=None,
        alias="from",
        max_length=40,
        json_schema_extra={"pattern": _TIME},
        description="A local day or a time with its zone; begins a whole period.",
        examples=["2026-03-01"],
    )
    to: str | None = Field(
        default=None,
        max_length=40,
        json_schema_extra={"pattern": _TIME},
        description="Likewise; not included. Default: now.",
        examples=["2026-04-01"],
    )
    limit: int = Field(
        default=ROWS, ge=100, le=MOST_ROWS, description="At most about so many rows; `next` is where to go on."
    )
    format: Format = "json"


class PlaceHistoryQuestion(HistoryQuestion):
    """Which times of which space, and how."""

    space: Code | None = Field(
        default=None, description="One space, also a retired one (needs a key of the place). Default: the whole place."
    )


class NetworkHistoryQuestion(HistoryQuestion):
    """Which times of which places, and how."""

    by: By = "day"
    of: Literal["network", "department", "place"] = Field(default="network", description="What a row is about.")
    department: str | None = Field(default=None, max_length=10, description="Only this department.", examples=["87"])
    place: list[Code] = Field(
        default=[], max_length=200, description="Only these places (repeatable); with `of=place`."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What a page of an answer covers: local days, and within them two instants."""

    by: By
    zone: ZoneInfo
    first: date
    last: date
    """Not included."""
    start: datetime
    end: datetime
    """Not included."""

    def page(self, limit: int, series: int) -> Window:
        """Return its beginning, of about ``limit`` rows with ``series`` rows a period."""
        days = max(1, int(limit / series / ROWS_A_DAY[self.by]))
        if self.by == "week":
            days = max(7, days - days % 7)
        end = self.first + timedelta(days=days)
        if self.by == "month":
            end = max(end.replace(day=1), _next_month(self.first))
        if end >= self.last:
            return self
        return Window(
            by=self.by, zone=self.zone, first=self.first, last=end, start=self.start, end=_midnight(end, self.zone)
        )

    def begun(self, day: date | None, limit: int, series: int) -> Window:
        """Return the page that begins with ``day``, the first one with a row; all of it where nothing is in it."""
        if day is None or day >= self.last:
            return self
        day = _period_start(day, self.by)
        if day <= self.first:
            return self.page(limit, series)
        start = max(self.start, _midnight(day, self.zone))
        rest = Window(by=self.by, zone=self.zone, first=day, last=self.last, start=start, end=self.end)
        return rest.page(limit, series)


def window_of(question: HistoryQuestion, zone: ZoneInfo, now: datetime) -> Window:
    """Return what ``question`` asks for, widened to whole periods, and not beyond ``now``.

    Raises:
        BadQuery: a time can't be read, or the range ends before it begins.
    """
    by = question.by
    end = now if question.to is None else _moment("to", question.to, zone)
    if question.from_ is not None:
        start = _moment("from", question.from_, zone)
    else:
        start = _midnight((min(end, now) - timedelta(days=_DEFAULT[by])).astimezone(zone).date(), zone)
    if end <= start and question.to is None:
        raise BadQuery(
            "from", f"lies in the future: the history ends now ({end.astimezone(zone).isoformat('T', 'seconds')})"
        )
    if end <= start:
        raise BadQuery("to", f"is not after `from` ({start.astimezone(zone).isoformat()}): nothing lies between them")
    end = max(min(end, now), start + timedelta(microseconds=1))
    if by in ("quarter", "hour"):
        minutes = 15 if by == "quarter" else 60
        start = _floor(start, zone, minutes)
        end = _floor(end + timedelta(minutes=minutes, microseconds=-1), zone, minutes)
        first, last = start.astimezone(zone).date(), (end - timedelta(microseconds=1)).astimezone(zone).date()
        return Window(by=by, zone=zone, first=first, last=last + timedelta(days=1), start=start, end=end)
    first = _period_start(start.astimezone(zone).date(), by)
    last = _period_end((end - timedelta(microseconds=1)).astimezone(zone).date(), by)
    return Window(by=by, zone=zone, first=first, last=last, start=_midnight(first, zone), end=_midnight(last, zone))


def _moment(name: str, text: str, zone: ZoneInfo) -> datetime:
    try:
        if len(text) == 10:
            day = date.fromisoformat(text)
            if not _EARLIEST <= day <= _LATEST:
                raise ValueError
            return _midnight(day, zone)
        moment = to_datetime(parse_rfc3339(text))
        if not _EARLIEST <= moment.date() <= _LATEST:
            raise ValueError
    except (ValueError, OverflowError) as error:
        raise BadQuery(name, _EXPECTED) from error
    return moment


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _floor(at: datetime, zone: ZoneInfo, minutes: int) -> datetime:
    """The start of the local quarter hour or hour that ``at`` lies in; offsets are multiples of 15 minutes."""
    offset = at.astimezone(zone).utcoffset() or timedelta()
    local = int((at.astimezone(UTC) + offset).timestamp())
    return datetime.fromtimestamp(local - local % (minutes * 60), UTC) - offset


def _period_start(day: date, by: By) -> date:
    if by == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if by == "month" else day


def _period_end(day: date, by: By) -> date:
    if by == "week":
        return _period_start(day, by) + timedelta(days=7)
    return _next_month(day) if by == "month" else day + timedelta(days=1)


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
