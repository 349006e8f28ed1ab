"""French school holidays by zone."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from access.holidays import DEPARTMENTS
from access.school_holidays import FIRST_DAY, LAST_DAY, ZONES, in_school_holidays


def test_every_department_of_the_mainland_has_a_zone() -> None:
    mainland = {code for code in DEPARTMENTS if len(code) == 2} - {"2A", "2B"}
    assert ZONES.keys() == mainland


@pytest.mark.parametrize(
    ("day", "department", "holidays"),
    [
        (date(2026, 10, 16), "75", False),
        (date(2026, 10, 17), "75", True),
        (date(2026, 11, 1), "75", True),
        (date(2026, 11, 2), "75", False),  # the day of the return
        (date(2027, 2, 15), "69", True),  # zone A
        (date(2027, 2, 15), "35", False),  # zone B
        (date(2027, 2, 15), "31", True),  # zone C
        (date(2026, 4, 27), "59", False),
        (date(2026, 4, 26), "59", True),
        (date(2026, 7, 14), "33", True),
    ],
)
def test_a_day_is_as_the_ministry_says(day: date, department: str, holidays: bool) -> None:
    assert in_school_holidays(day, department) is holidays


@pytest.mark.parametrize("department", ["2A", "974", None, "99"])
def test_where_the_calendar_is_not_known_nothing_is_said(department: str | None) -> None:
    assert in_school_holidays(date(2026, 12, 25), department) is None


def test_beyond_the_calendar_nothing_is_said() -> None:
    assert in_school_holidays(LAST_DAY, "75") is False
    assert in_school_holidays(LAST_DAY + timedelta(days=1), "75") is None
    assert in_school_holidays(FIRST_DAY - timedelta(days=1), "75") is None
