"""Whether units are free, and when that changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking.next_free import NextFree, next_free

DAY = datetime(2026, 11, 26, tzinfo=UTC)


def _at(hour: float) -> datetime:
    return DAY + timedelta(hours=hour)


@pytest.mark.parametrize(
    ("units", "free", "changes"),
    [
        ([], 0, None),
        ([[]], 1, None),
        ([[(8, 9)]], 1, None),  # over
        ([[(8, 10)]], 1, None),  # ends at this very instant
        ([[(10, 12)]], 0, 12),
        ([[(9, 11), (11, 13), (14, 15)]], 0, 13),  # one after the other
        ([[(12, 13)], [(15, 16)]], 2, 15),
        ([[(9, 11)], [(12, 13)]], 1, 12),
        ([[(9, 14)], [(9, 13), (13, 18)]], 0, 14),
    ],
)
def test_free_and_until_when(units: list[list[tuple[int, int]]], free: int, changes: int | None) -> None:
    booked = [[(_at(first), _at(last)) for first, last in unit] for unit in units]
    assert next_free(booked, _at(10)) == NextFree(free=free, changes=None if changes is None else _at(changes))


HOURS = st.lists(st.sets(st.integers(0, 23)), min_size=1, max_size=3)


@given(units=HOURS, at=st.integers(0, 23))
def test_it_is_what_a_look_at_each_hour_says(units: list[set[int]], at: int) -> None:
    found = next_free([[(_at(hour), _at(hour + 1)) for hour in unit] for unit in units], _at(at))
    assert found.free == sum(at not in unit for unit in units)
    hours = range(at, 25)
    if found.free:
        stay = [next((hour for hour in hours if hour in unit), None) for unit in units if at not in unit]
        expected = None if None in stay else max(hour for hour in stay if hour is not None)
    else:
        expected = min(next(hour for hour in hours if hour not in unit) for unit in units)
    assert found.changes == (None if expected is None else _at(expected))
