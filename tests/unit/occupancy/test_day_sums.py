"""What counters add up to: whatever the order, never for longer than a day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from occupancy.day_sums import QUIET, Sums, add, day_of, inside, turns

PARIS = ZoneInfo("Europe/Paris")
HOUR = 3_600_000_000


def us(text: str) -> int:
    return (datetime.fromisoformat(text).replace(tzinfo=PARIS) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(
        microseconds=1
    )


def counted(*reports: tuple[str, int, int]) -> Sums:
    sums: Sums = {}
    for at, entered, left in reports:
        add(sums, day_of(us(at), PARIS)[0], entered, left, us(at))
    return sums


def shown(sums: Sums, at: str) -> int | None:
    return inside(sums, day_of(us(at), PARIS)[0])


@pytest.mark.parametrize(
    ("at", "start", "hours"),
    [
        ("2026-11-25T03:59:59", "2026-11-24T04:00", 24),
        ("2026-11-25T04:00:00", "2026-11-25T04:00", 24),
        ("2026-03-29T03:30:00", "2026-03-28T04:00", 23),  # the clocks go forward at two
        ("2026-10-25T02:30:00", "2026-10-24T04:00", 25),  # and back at three
        ("2028-02-29T12:00:00", "2028-02-29T04:00", 24),
    ],
)
def test_a_day_is_from_four_to_four_by_the_clock_on_the_wall(at: str, start: str, hours: int) -> None:
    assert day_of(us(at), PARIS) == (us(start), us(start) + hours * HOUR)


def test_a_day_begins_at_nobody_after_a_quiet_night() -> None:
    sums = counted(("2026-11-24T09:00", 30, 0), ("2026-11-24T18:00", 0, 28))
    assert shown(sums, "2026-11-24T23:00") == 2
    assert shown(sums, "2026-11-25T04:00") == 0
    assert turns(sums, PARIS) == (us("2026-11-25T04:00"), us("2026-11-26T04:00"))


def test_who_works_through_the_night_leaves_a_sum_without_an_anchor() -> None:
    sums = counted(("2026-11-24T21:00", 3, 0), ("2026-11-25T02:30", 0, 1))
    assert shown(sums, "2026-11-25T03:00") == 2
    assert shown(sums, "2026-11-25T12:00") is None
    add(sums, day_of(us("2026-11-25T12:30"), PARIS)[0], 4, 0, us("2026-11-25T12:30"))
    assert shown(sums, "2026-11-25T13:00") is None
    assert shown(sums, "2026-11-26T09:00") == 0


def test_a_report_that_nobody_moved_moves_nothing() -> None:
    assert counted(("2026-11-25T03:00", 0, 0)) == {}


REPORTS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 4 * 24 * 3600).map(lambda s: s * 1_000_000)),
    max_size=30,
)


@given(REPORTS, st.data())
def test_the_order_of_reports_changes_no_sum(reports: list[tuple[int, int, int]], data: Any) -> None:
    first = us("2026-11-23T12:00")

    def told(order: list[tuple[int, int, int]]) -> Sums:
        sums: Sums = {}
        for entered, left, after in order:
            at = first + after
            add(sums, day_of(at, PARIS)[0], entered, left, at)
        return sums

    one, other = told(reports), told(data.draw(st.permutations(reports)))
    now = max((first + after for _, _, after in reports), default=first)
    day = day_of(now, PARIS)[0]
    assert inside(one, day) == inside(other, day)
    assert turns(one, PARIS) == turns(other, PARIS)
    today = sum(entered - left for entered, left, after in reports if day_of(first + after, PARIS)[0] == day)
    assert inside(one, day) in (None, today)
    late = any(day - QUIET < first + after < day and (a or b) for a, b, after in reports)
    assert (inside(one, day) is None) == late
