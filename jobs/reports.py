"""Makes the monthly reports on the first of the month, and counts them again ten days later (docs/reports.md)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from database.leases import Fenced
from jobs.job import Round
from jobs.report_mail import mail_report
from reports.making import make_group, make_place, show_group, show_place, store
from reports.model import PublicReport, Report
from reports.month import Month

RECOUNT: Final = timedelta(days=10)
"""A gateway that was offline has reported by then, as for statements (``jobs.statements.GRACE``)."""

_COUNTED: Final = """
-- up to when opening hours are counted
SELECT done_until FROM maintenance WHERE task = 'worth'
"""
_RUNS: Final = "SELECT month, recounted_at IS NOT NULL FROM monthly_report_run WHERE month >= %s"
_ZONES: Final = "SELECT DISTINCT time_zone FROM place"
_PLACES: Final = """
-- the places with a history
SELECT p.id, p.department FROM place p WHERE EXISTS (SELECT FROM space_state s WHERE s.place = p.id) ORDER BY p.id
"""
_DONE: Final = """
-- the reports of a month were made, or counted again
INSERT INTO monthly_report_run AS r (month, made_at, recounted_at) VALUES (%(month)s, %(now)s, %(recounted)s)
ON CONFLICT (month) DO UPDATE SET recounted_at = coalesce(excluded.recounted_at, r.recounted_at)
"""


def make_reports(round_: Round) -> None:
    """Make the reports of months that are over, or count them again; each report is a transaction."""
    connection = round_.connection
    row = connection.execute(_COUNTED).fetchone()
    if row is None:
        return  # no day is counted yet
    zones = [ZoneInfo(zone) for (zone,) in connection.execute(_ZONES).fetchall()]
    first = _oldest(round_.now, round_.keep)
    runs: dict[date, bool] = dict(connection.execute(_RUNS, (first.first,)).fetchall())
    for month in months_due(first, min(row[0], round_.now), zones):
        again = round_.now >= max(month.ends(zone) for zone in zones) + RECOUNT
        if month.first in runs and (runs[month.first] or not again):
            continue
        made = make_month(connection, month, round_.now, round_.keep)
        recounted = round_.now if again else None
        with connection.transaction():
            connection.execute(_DONE, {"month": month.first, "now": round_.now, "recounted": recounted})
        round_.log(f"reports: {month}, {made} reports stored")


def months_due(first: Month, counted: datetime, zones: list[ZoneInfo]) -> Iterator[Month]:
    """Yield the months from ``first`` on that are over in each of ``zones`` and counted to their end."""
    month = first
    while zones and max(month.ends(zone) for zone in zones) <= counted:
        yield month
        month = month.next


def _oldest(now: datetime, keep: timedelta) -> Month:
    """The first month whose events are all still there."""
    return Month.of((now - keep).date() + timedelta(days=1)).next


def make_month(connection: Fenced, month: Month, now: datetime, keep: timedelta) -> int:
    """Store the reports of a month of all places, departments and the network; return how many are new versions."""
    stored = 0
    groups: dict[str | None, list[Report]] = {None: []}
    for place, department in connection.execute(_PLACES).fetchall():
        with connection.transaction():
            report = make_place(connection, place, month, now, keep, settled=True)
            if report.since is None or report.since >= month.after:
                continue  # nothing was ever known of it by then
            stored += _store(connection, report, show_place(connection, place, month, now), month, place)
        groups[None].append(report)
        if department is not None:
            groups.setdefault(department, []).append(report)
    for department, reports in groups.items():
        if reports:
            with connection.transaction():
                name = department or ""
                report = make_group(connection, reports, month, now, department=department, name=name)
                shown = show_group(connection, report, month, now)
                stored += _store(connection, report, shown, month, None)
    return stored


def _store(connection: Fenced, report: Report, shown: PublicReport, month: Month, place: int | None) -> bool:
    made = store(connection, report, shown, month, place=place)
    if made is not None and made[0] == 1 and report.scope != "department":
        mail_report(connection, report, month, place)
    return made is not None
