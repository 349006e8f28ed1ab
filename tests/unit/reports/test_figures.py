"""A place's report from rows: of months that run, of places that opened in the month or of which nothing is known."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from reports.figures import place_report
from reports.grouping import group_report
from reports.model import Report
from reports.month import Month

MONTH = Month.parsed("2026-10")
KEEP = timedelta(days=90)
LATER = datetime(2026, 11, 1, 3, tzinfo=UTC)


def _day(day: date, people: int | None, seconds: int = 86400) -> dict[str, Any]:
    known = 0 if people is None else seconds
    return {
        "day": day,
        "person_s": (people or 0) * known,
        "known_s": known,
        "degraded_s": 0,
        "seconds": seconds,
        "day_peak": people,
    }


def _report(now: datetime, *days: dict[str, Any], settled: bool = False, **other: Any) -> Report:
    about = {"code": "p", "name": "P", "department": "87", "time_zone": "Europe/Paris", "capacity": 10}
    about |= {"since": days[0]["day"] if days else None, "sensors": True}
    rows: dict[str, Any] = {
        "about": [about],
        "use": [],
        "days": days,
        "hours": [],
        "desks": [],
        "doors": [],
        "categories": [],
        "bookings": [{"held": 0, "hours": 0, "no_shows": 0, "cancelled": 0}],
        "devices": [],
        "head_counts": [{"head_counts": 0, "compared": 0, "error": None, "within": None}],
    }
    return place_report(rows | other, MONTH, now, KEEP, settled=settled)


def test_a_place_of_which_nothing_is_known_is_unknown_for_the_whole_month() -> None:
    report = _report(LATER)
    assert (report.complete, report.use, report.places_known, report.all_person_hours) == (True, None, 0, None)
    assert len(report.by_day) == 31 and {one.person_hours for one in report.by_day} == {None}
    # 745 hours: a clock change
    assert (report.certainty.hours, report.certainty.unknown_hours, report.certainty.known) == (745, 745, 0)


def test_days_before_a_place_opened_dont_count_and_days_without_a_row_are_unknown() -> None:
    opened = [_day(date(2026, 10, 27), 2), _day(date(2026, 10, 28), 0), _day(date(2026, 10, 30), 4)]
    report = _report(LATER, *opened, settled=True)
    assert [one.person_hours for one in report.by_day] == [48, 0, None, 96, None]
    assert (report.certainty.unknown_hours, report.complete) == (48, True)
    assert not _report(LATER, *opened).complete  # of the last day the jobs may not have heard yet
    assert report.since == date(2026, 10, 27)


def test_a_month_that_runs_ends_with_yesterday_or_where_the_jobs_are() -> None:
    rows = [_day(date(2026, 10, 1) + timedelta(days=n), 1) for n in range(14)]
    for hour in (0, 12):
        report = _report(datetime(2026, 10, 15, hour, 30, tzinfo=UTC), *rows)
        assert (report.complete, report.counted_until) == (False, date(2026, 10, 15))
    early = _report(datetime(2026, 10, 15, 22, 5, tzinfo=UTC), *rows)  # 0:05 of the 16th: yesterday isn't counted yet
    assert (early.counted_until, early.certainty.unknown_hours) == (date(2026, 10, 15), 0)
    dark = _report(datetime(2026, 10, 20, 12, tzinfo=UTC), *rows)  # nothing was heard since
    assert (dark.counted_until, dark.certainty.unknown_hours) == (date(2026, 10, 20), 5 * 24)


def test_doors_of_a_month_whose_events_are_deleted_are_not_known() -> None:
    report = _report(LATER + timedelta(days=90), doors=[{"reason": "granted", "count": 3}])
    assert (report.let_in, report.refusals, report.categories, report.devices) == (None, None, None, None)
    assert _report(LATER, doors=[{"reason": "granted", "count": 3}]).let_in == 3


def test_a_group_is_the_sum_of_its_places_and_an_unknown_place_adds_nothing() -> None:
    used = {
        "n": 0,
        "code": "place",
        "name": "P",
        "root": True,
        "days": 31,
        "open_s": 36000,
        "known_s": 18000,
        "seat_s": 180000,
        "person_s": 90000,
        "quarters": 20,
        "busy": 5,
        "peak": 9.0,
        "until": date(2026, 11, 1),
        "peak_at": datetime(2026, 10, 5, 8, tzinfo=UTC),
        "peak_capacity": 10,
    }
    one = _report(LATER, _day(date(2026, 10, 1), 1), use=[used])
    assert one.use is not None and one.use.peak_at == "2026-10-05T10:00:00+02:00"
    rows: dict[str, Any] = {"days": [_day(date(2026, 10, 1), 1)], "hours": []}
    group = group_report([one, _report(LATER)], rows, MONTH, department=None, name="")
    assert (group.places, group.places_known) == (2, 1)
    assert group.use is not None and (group.use.person_hours, group.use.utilisation) == (25, 0.5)
    assert group.use.peak == 1 and group.use.peak_at == "2026-10-01"  # of all together, not the sum of peaks
    assert [row.person_hours for row in group.rows] == [25, None]
    assert group.certainty.hours == pytest.approx(2 * 745)
