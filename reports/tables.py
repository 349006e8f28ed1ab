"""The figures of a report as tables, with each column's unit and meaning; CSV and Parquet are made of them. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from process.parquet import Column as Written
from process.parquet import Kind, written
from reports.model import PublicReport, Report, Use

Name = Literal["summary", "days", "hours", "spaces", "places", "refusals", "categories", "devices"]
NAMES: Final = get_args(Name)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: its name, kind, unit and meaning."""

    name: str
    kind: Kind
    unit: str
    about: str


def _column(name: str, kind: Kind, unit: str, about: str) -> Column:
    return Column(name=name, kind=kind, unit=unit, about=about)


_USE: Final = (
    _column("open_hours", "real", "h", "Opening hours of the days that are counted"),
    _column("seat_hours", "real", "seat × h", "Offered, as far as a number is known"),
    _column("person_hours", "real", "person × h", "Taken in opening hours; empty: unknown"),
    _column("utilisation", "real", "share", "person_hours / seat_hours"),
    _column("busy_share", "real", "share", "Known time over 80 % of the capacity"),
    _column("known", "real", "share", "Opening hours with a number"),
    _column("peak", "real", "persons", "Highest mean of a quarter hour"),
    _column("peak_at", "text", "local time", "Its start; of a group, its day"),
)
COLUMNS: Final[Mapping[Name, Sequence[Column]]] = {
    "summary": (
        _column("figure", "text", "", "Name of the figure"),
        _column("unit", "text", "", "Its unit"),
        _column("value", "real", "as `unit` says", "In this month; empty: unknown"),
        _column("month_before", "real", "as `unit` says", "In the month before; empty: unknown"),
        _column("year_before", "real", "as `unit` says", "In the same month of the year before; empty: unknown"),
        _column("about", "text", "", "What it means"),
    ),
    "days": (
        _column("day", "text", "date", "Local day"),
        _column("person_hours", "real", "person × h", "At all hours; empty: unknown"),
        _column("peak", "real", "persons", "Most people at a time; of a group the highest mean of a quarter hour"),
        _column("known", "real", "share", "Of the day, with a number"),
    ),
    "hours": (
        _column("weekday", "whole", "1 to 7", "1: Monday"),
        _column("hour", "whole", "0 to 23", "Local hour"),
        _column("people", "real", "persons", "On average over what is known; empty: unknown"),
    ),
    "spaces": (
        _column("code", "text", "", "The space"),
        _column("name", "text", "", "Its name"),
        *_USE,
    ),
    "places": (
        _column("code", "text", "", "The place"),
        _column("name", "text", "", "Its name"),
        _column("department", "text", "", "INSEE code"),
        _column("open_hours", "real", "h", "Opening hours of the days that are counted"),
        _column("person_hours", "real", "person × h", "Taken in opening hours; empty: unknown"),
        _column("utilisation", "real", "share", "Taken of the seats offered"),
        _column("peak", "real", "persons", "Highest mean of a quarter hour"),
        _column("known", "real", "share", "Opening hours with a number"),
    ),
    "refusals": (
        _column("reason", "text", "", "Reason of the refusal"),
        _column("count", "whole", "refusals", "How often"),
    ),
    "categories": (
        _column("category", "text", "", "Empty: no category; `*`: categories of few members together"),
        _column("members", "whole", "members", "Different members"),
        _column("days", "whole", "days", "Days on which a member was let in"),
    ),
    "devices": (
        _column("device", "text", "", "The device's code; in a group after its place"),
        _column("kind", "text", "", "What it is"),
        _column("silent_hours", "real", "h", "Silent in the month"),
        _column("battery", "real", "percent", "As last reported; empty: unknown"),
    ),
}

_FIGURES: Final = (
    ("all_person_hours", "person × h", "At all hours", "all_person_hours"),
    ("known_share", "share", "Of all hours, with a number", "certainty.known"),
    ("degraded_share", "share", "Of what is known, less sure", "certainty.degraded"),
    ("unknown_hours", "h", "Without a number", "certainty.unknown_hours"),
    ("head_counts", "counts", "By a manager, in the month", "certainty.head_counts"),
    ("head_counts_compared", "counts", "Of them, compared", "certainty.compared"),
    ("mean_error", "persons", "Head count against number", "certainty.error"),
    ("within_interval", "share", "Head counts inside the interval", "certainty.within"),
    ("desks_used", "desks", "Taken at some time", "desks.used"),
    ("desks_unused", "desks", "Never taken", "desks.unused"),
    ("desks_unknown", "desks", "Sensor mostly silent", "desks.unknown"),
    ("desks_without_sensor", "desks", "Not watched", "desks.without_sensor"),
    ("bookings_held", "bookings", "Kept until their time", "bookings.held"),
    ("booked_hours", "h", "Hours of these", "bookings.hours"),
    ("no_shows", "bookings", "Nobody came", "bookings.no_shows"),
    ("bookings_cancelled", "bookings", "Cancelled", "bookings.cancelled"),
    ("let_in", "times", "Let in by a reader", "let_in"),
    ("refused", "times", "Refused at a door", "refused"),
    ("devices", "devices", "In service", "devices.total"),
    ("devices_silent", "devices", "Silent for a day or more", "devices.silent"),
    ("devices_low_battery", "devices", "Low battery", "devices.low_battery"),
)


def rows_of(report: Report | PublicReport, table: Name) -> list[dict[str, Any]]:
    """Return the rows of a table, by column; None: unknown. Of what is public there are days and hours."""
    names = [column.name for column in COLUMNS[table]]
    return [{name: row.get(name) for name in names} for row in _rows(report, table)]


def _rows(report: Report | PublicReport, table: Name) -> Iterable[dict[str, Any]]:
    if table == "days":
        return (day.model_dump(mode="json") for day in report.by_day)
    if table == "hours":
        return (hour.model_dump() for hour in report.by_hour)
    if isinstance(report, PublicReport):
        return ()
    makers: dict[Name, Callable[[Report], Iterable[dict[str, Any]]]] = {
        "summary": _summary,
        "spaces": lambda one: (space.model_dump() for space in one.spaces),
        "places": lambda one: (place.model_dump() for place in one.rows),
        "refusals": lambda one: (refusal.model_dump() for refusal in one.refusals or ()),
        "categories": _categories,
        "devices": lambda one: (
            ({"device": dev.code, **dev.model_dump()} for dev in one.devices.worst) if one.devices else ()
        ),
    }
    return makers[table](report)


def as_csv(report: Report | PublicReport, table: Name) -> bytes:
    """Return a table with a line of names; no cell may run as a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([column.name for column in COLUMNS[table]])
    for row in rows_of(report, table):
        writer.writerow([_safe(cell) for cell in row.values()])
    return text.getvalue().encode()


def as_parquet(report: Report | PublicReport, table: Name) -> bytes:
    """Return a table as a Parquet file."""
    rows = rows_of(report, table)
    return written(
        [
            Written(name=one.name, kind=one.kind, values=[_typed(row[one.name], one.kind) for row in rows])
            for one in COLUMNS[table]
        ]
    )


def _safe(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def _typed(value: Any, kind: Kind) -> Any:
    if value is None:
        return None
    return float(value) if kind == "real" else int(value) if kind == "whole" else str(value)


def _summary(report: Report) -> Iterable[dict[str, Any]]:
    def figure(use: Use | None, name: str) -> float | None:
        return None if use is None else getattr(use, name)

    for column in _USE:
        if column.kind == "real":
            yield {
                "figure": column.name,
                "unit": column.unit,
                "about": column.about,
                "value": figure(report.use, column.name),
                "month_before": figure(report.before, column.name),
                "year_before": figure(report.year_before, column.name),
            }
    for name, unit, about, path in _FIGURES:
        yield {"figure": name, "unit": unit, "about": about, "value": _value(report, path)}


def _value(report: Report, path: str) -> float | None:
    value: Any = report
    for name in path.split("."):
        value = None if value is None else getattr(value, name)
    return None if value is None else float(value)


def _categories(report: Report) -> Iterable[dict[str, Any]]:
    if report.categories is None:
        return
    for one in report.categories.groups:
        yield {"category": one.name, "members": one.members, "days": one.days}
    if report.categories.others is not None:
        yield {"category": "*", "members": report.categories.others.members, "days": report.categories.others.days}
