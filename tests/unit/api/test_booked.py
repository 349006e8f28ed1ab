"""Bookings in arrays say what a list of them says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from api.present.booked import Booked, BookedTime, BookingsByPlace

ROWS = st.lists(
    st.tuples(st.integers(0, 50), st.integers(1, 20), st.sampled_from((None, 1, 2))).map(
        lambda one: (one[0], one[0] + one[1], one[2])
    ),
    max_size=30,
)


@given(rows=ROWS, moment=st.integers(0, 75))
def test_an_instant(rows: list[tuple[int, int, int | None]], moment: int) -> None:
    booked = Booked(rows)
    for space in (None, 1, 2):
        assert booked.at(moment)[space] == sum(start <= moment < end and its == space for start, end, its in rows)
    turns = [turn for start, end, _ in rows for turn in (start, end)]
    assert booked.around(moment) == (
        max((turn for turn in turns if turn <= moment), default=None),
        min((turn for turn in turns if turn > moment), default=None),
    )


@given(rows=ROWS, start=st.integers(0, 75), length=st.integers(1, 30))
def test_the_most_at_one_instant_of_a_window(rows: list[tuple[int, int, int | None]], start: int, length: int) -> None:
    booked = Booked(rows)
    for spaces in ({1}, {1, 2, None}):
        most = max(
            sum(first <= moment < last and space in spaces for first, last, space in rows)
            for moment in range(start, start + length)
        )
        assert booked.most(start, start + length, spaces) == most


def test_bookings_one_after_the_other_hold_one_seat() -> None:
    booked = Booked([(0, 10, 1), (10, 20, 1), (20, 30, 1)])
    assert booked.most(0, 30, {1}) == 1
    assert booked.until(1, 5) == 30


def test_some_places_are_replaced() -> None:
    one = BookingsByPlace([BookedTime(place=1, space=None, starts=0, ends=9), (2, 5, 0, 9)])
    other = BookingsByPlace([(1, None, 0, 9), (2, 5, 0, 8)])
    assert one.differ(other) == {2}
    one.put([1, 2], BookingsByPlace([(2, 5, 0, 8)]))
    assert (one.places(), len(one.of(1))) == ({2}, 0)
    assert one.differ(other) == {1}
