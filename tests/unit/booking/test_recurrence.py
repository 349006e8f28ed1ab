"""Series: which days, on the place's clock, within bounds."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from time import perf_counter
from zoneinfo import ZoneInfo

import pytest

from booking.recurrence import MOST, RuleError, read_rule, starts_of, windows_of

PARIS = ZoneInfo("Europe/Paris")


def days(rule: str, first: date = date(2027, 1, 4)) -> list[str]:
    start = datetime.combine(first, datetime.min.time()).replace(hour=9)
    return [f"{at:%m-%d}" for at in starts_of(read_rule(rule), start, PARIS)]


# python-dateutil gives the same, also for 2,672 random rules (2026-11)
@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("FREQ=DAILY;INTERVAL=2;COUNT=3", ["01-04", "01-06", "01-08"]),
        ("RRULE:FREQ=WEEKLY;BYDAY=TU,TH;COUNT=3", ["01-05", "01-07", "01-12"]),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU;COUNT=4", ["01-04", "01-10", "01-18", "01-24"]),
        ("FREQ=WEEKLY;UNTIL=20270118", ["01-04", "01-11", "01-18"]),
        ("FREQ=WEEKLY;UNTIL=20270118T080000Z", ["01-04", "01-11", "01-18"]),
        ("FREQ=WEEKLY;UNTIL=20270118T075959Z", ["01-04", "01-11"]),
        ("FREQ=MONTHLY;BYDAY=-1FR;COUNT=3", ["01-29", "02-26", "03-26"]),
        ("FREQ=MONTHLY;BYDAY=2TU,4TU;COUNT=3", ["01-12", "01-26", "02-09"]),
        ("FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=3", ["01-31", "02-28", "03-31"]),
        ("FREQ=MONTHLY;COUNT=2", ["01-04", "02-04"]),
        ("FREQ=DAILY;BYDAY=SA;BYMONTHDAY=1,2,3,4,5,6,7;COUNT=2", ["02-06", "03-06"]),
    ],
)
def test_a_rule_falls_on_its_days(rule: str, expected: list[str]) -> None:
    assert days(rule) == expected


def test_the_31st_and_29_february_come_when_they_come() -> None:
    assert days("FREQ=MONTHLY;COUNT=3", date(2027, 1, 31)) == ["01-31", "03-31", "05-31"]
    assert days("FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=29;COUNT=1", date(2028, 2, 29)) == ["02-29"]


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("FREQ=SECONDLY;COUNT=2", "FREQ must be"),
        ("FREQ=WEEKLY", "has an end"),
        ("FREQ=WEEKLY;COUNT=2;UNTIL=20270201", "not both"),
        ("FREQ=WEEKLY;COUNT=10000", f"1 to {MOST}"),
        ("FREQ=DAILY;UNTIL=20280601", f"more than {MOST}"),
        ("FREQ=DAILY;UNTIL=20990101", "too far"),
        ("FREQ=DAILY;INTERVAL=7;BYDAY=TU;COUNT=5", "never comes true"),
        ("FREQ=MONTHLY;BYMONTHDAY=31;INTERVAL=12;COUNT=5", "only 2 occurrences"),
        ("FREQ=WEEKLY;BYDAY=XX;COUNT=2", "BYDAY"),
        ("FREQ=WEEKLY;BYDAY=2TU;COUNT=2", "FREQ=MONTHLY"),
        ("FREQ=MONTHLY;BYMONTHDAY=0;COUNT=2", "BYMONTHDAY"),
        ("FREQ=WEEKLY;UNTIL=20271331", "UNTIL"),
        ("FREQ=WEEKLY;BYSETPOS=1;COUNT=2", "not supported"),
        ("FREQ=WEEKLY;FREQ=DAILY;COUNT=2", "twice"),
        ("every Tuesday", "expected parts"),
        ("", "expected parts"),
        (";" * 500, "expected parts"),
        ("FREQ=WEEKLY;COUNT=٣", "expected parts"),
    ],
)
def test_a_rule_that_can_not_be_used_says_why(rule: str, why: str) -> None:
    started = perf_counter()
    with pytest.raises(RuleError, match=why):
        days(rule)
    assert perf_counter() - started < 5, "no rule takes long"


def test_nine_stays_nine_when_the_clocks_change() -> None:
    starts = starts_of(read_rule("FREQ=WEEKLY;COUNT=2"), datetime.fromisoformat("2027-03-24T09:00"), PARIS)
    assert [begin.hour for begin, _ in windows_of(starts, 60, PARIS)] == [8, 7], "UTC"
    over = [datetime.fromisoformat("2027-03-28T01:00"), datetime.fromisoformat("2027-10-31T01:00")]
    lengths = [end - begin for begin, end in windows_of(over, 180, PARIS)]
    assert lengths == [timedelta(hours=2), timedelta(hours=4)], "until four on the clock"


def test_a_time_that_never_comes_is_after_the_change() -> None:
    (window,) = windows_of([datetime.fromisoformat("2027-03-28T02:30")], 45, PARIS)
    assert window == (datetime(2027, 3, 28, 1, 30, tzinfo=UTC), datetime(2027, 3, 28, 2, 15, tzinfo=UTC))
