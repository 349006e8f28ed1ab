"""Months, their neighbours, and how long they are in local time."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from reports.month import Month

PARIS = ZoneInfo("Europe/Paris")


def test_a_month_knows_its_neighbours() -> None:
    month = Month.parsed("2028-02")
    assert (month.days, str(month.before), str(month.next)) == (29, "2028-01", "2028-03")
    assert str(Month.of(date(2028, 2, 29)).year_before) == "2027-02"
    assert str(Month.parsed("2026-01").before) == "2025-12" and str(Month.parsed("2026-12").next) == "2027-01"


@pytest.mark.parametrize(("text", "hours"), [("2026-03", 743), ("2026-10", 745), ("2026-02", 672)])
def test_a_month_with_a_clock_change_is_an_hour_shorter_or_longer(text: str, hours: int) -> None:
    month = Month.parsed(text)
    assert (month.ends(PARIS).timestamp() - month.starts(PARIS).timestamp()) / 3600 == hours


@pytest.mark.parametrize("text", ["2026-13", "2026-1", "1999-01", "2026-00", "2026-10-01", "octobre"])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write it as 2026-10"):
        Month.parsed(text)
