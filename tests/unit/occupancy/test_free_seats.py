"""The rule of free seats, case by case, and what must always hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from occupancy.free_seats import Free, Room, free_for_work, free_in, seats_for_work
from tests.free_seats import CASES, Case, People

PEOPLE = st.none() | st.tuples(st.integers(0, 40), st.integers(0, 10)).map(lambda pair: (pair[0], pair[0] + pair[1]))
ROOMS = st.builds(
    lambda seats, for_work, one_party, people, bookings: Room(
        seats=seats,
        for_work=for_work,
        one_party=one_party,
        low=people and people[0],
        high=people and people[1],
        bookings=bookings,
    ),
    st.none() | st.integers(0, 40),
    st.booleans(),
    st.booleans(),
    PEOPLE,
    st.integers(0, 3),
)


def room(
    people: People, seats: int | None, *, for_work: bool = False, one_party: bool = False, booked: int = 0
) -> Room:
    low, high = people or (None, None)
    return Room(seats=seats, for_work=for_work, one_party=one_party, low=low, high=high, bookings=booked)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_table(case: Case) -> None:
    opened = None if case.hours == "unknown" and not case.closure else case.hours == "open" and not case.closure
    meeting = room(case.room, 6, one_party=True, booked=case.booked.count("room"))
    rooms = (
        room(case.open_space, case.seats, for_work=True, booked=case.booked.count("open")),
        meeting,
        room((0, 0), 8, for_work=case.lab_for_work),
    )
    low, high = case.place or (None, None)
    free = free_for_work(
        rooms, low=low, high=high, opened=opened, locked=case.locked, bookings=case.booked.count("place")
    )
    assert (None if free is None else (free.low, free.high)) == case.free
    inside = free_in(meeting, opened=opened, locked=case.locked)
    assert (None if inside is None else (inside.low, inside.high)) == case.in_room


@given(
    rooms=st.lists(ROOMS, max_size=5),
    people=PEOPLE,
    opened=st.none() | st.booleans(),
    locked=st.booleans(),
    bookings=st.integers(0, 3),
)
def test_never_negative_nor_more_than_there_are(
    rooms: list[Room], people: People, opened: bool | None, locked: bool, bookings: int
) -> None:
    low, high = people or (None, None)
    free = free_for_work(rooms, low=low, high=high, opened=opened, locked=locked, bookings=bookings)
    if locked or opened is False:
        assert free == Free(low=0, high=0)
    elif free is not None:
        assert 0 <= free.low <= free.high <= (seats_for_work(rooms) or 0)


@given(room=ROOMS, opened=st.none() | st.just(True))
def test_one_more_person_or_booking_frees_nothing(room: Room, opened: bool | None) -> None:
    if room.low is None or room.high is None:
        return
    fuller = Room(
        seats=room.seats,
        for_work=room.for_work,
        one_party=room.one_party,
        low=room.low + 1,
        high=room.high + 1,
        bookings=room.bookings + 1,
    )
    before, after = (free_in(one, opened=opened, locked=False) for one in (room, fuller))
    if before is not None and after is not None:
        assert after.low <= before.low
        assert after.high <= before.high
