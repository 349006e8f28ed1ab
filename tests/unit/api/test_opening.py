"""A place is open or closed by hours, holidays, closures and lockdowns; time alone changes what is published."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from api.http.timestamps import parse_rfc3339
from api.present.board import Board
from api.present.booked import BookedTime, BookingsByPlace
from api.present.network import Network
from api.present.opening import is_open, opening_of
from tests.unit.api.network_of import a_gateway, a_place, a_state

MONDAYS = {"mon": [["08:00", "18:00"]]}
BEFORE = parse_rfc3339("2026-11-23T16:59:50Z")  # ten seconds before 18:00 in Paris
SHUT = parse_rfc3339("2026-11-23T17:00:00Z")
MONDAY_AFTER = "2026-11-30T07:00:00.000Z"


def told(board: Board, now: int, place: str = "place-1") -> dict[str, Any]:
    view = board.view(place, now)
    assert view is not None
    answer: dict[str, Any] = json.loads(view.body)
    return answer


def a_board(**place: Any) -> Board:
    board = Board(boot="b0")
    board.set_network(Network([a_place(1, **{"opening_hours": MONDAYS, **place})]), BEFORE)
    board.apply([a_state(10, 1, 4, at=BEFORE), a_state(11, 1, 4, at=BEFORE)], BEFORE)
    return board


def test_a_place_closes_without_an_event() -> None:
    board = a_board()
    open_still = told(board, SHUT - 1)
    assert (open_still["open"], open_still["changes_at"]) == (True, "2026-11-23T17:00:00.000Z")
    assert (open_still["seats"], open_still["free"]) == (24, {"low": 20, "high": 20})
    number = board.full.number
    board.age(SHUT)
    (view,) = board.full.since(number)
    shut = json.loads(view.body)
    assert (shut["open"], shut["free"], shut["changes_at"]) == (False, {"low": 0, "high": 0}, MONDAY_AFTER)
    assert shut["present"] == 4, "the number of people stays"
    assert shut["changed_at"] == "2026-11-23T17:00:00.000Z"
    assert [space["free"] for space in shut["spaces"]] == [{"low": 0, "high": 0}]
    opened = told(board, parse_rfc3339(MONDAY_AFTER))
    assert (opened["open"], opened["changes_at"]) == (True, "2026-11-30T17:00:00.000Z")


def test_two_replicas_say_the_same_whenever_they_began() -> None:
    early, late = a_board(), Board(boot="b1")
    early.age(SHUT + 5)
    late.set_network(early.network, SHUT + 900)
    late.load([a_state(10, 1, 4, at=BEFORE), a_state(11, 1, 4, at=BEFORE)], [a_gateway(1, heard=BEFORE)], SHUT + 900)
    assert told(early, SHUT + 900) == told(late, SHUT + 900)
    assert early.full.digest == late.full.digest


def test_a_lockdown_is_published_as_a_change_of_now() -> None:
    board = a_board()
    cursor, later = board.full.number, BEFORE + 1_000_000
    board.set_network(Network([a_place(1, opening_hours=MONDAYS, locked=True)]), later)
    (view,) = board.full.since(cursor)
    assert (view.seats.opening.locked, view.changed) == (True, later)
    answer = told(board, later)
    assert (answer["open"], answer["locked"], answer["changes_at"]) == (False, True, None)
    assert board.full.changed_since(later) == [view]
    board.set_network(Network([a_place(1, opening_hours=MONDAYS, locked=True)]), later + 1)
    assert board.full.number == view.number, "nothing new is published"


def test_bookings_begin_and_end_by_the_clock() -> None:
    board = a_board(opening_hours=None)
    start, end = BEFORE + 1_000_000, BEFORE + 3_000_000
    board.set_bookings(BookingsByPlace([BookedTime(place=1, space=11, starts=start, ends=end)]), BEFORE)
    assert told(board, start - 1)["free"] == {"low": 20, "high": 20}
    assert told(board, start)["free"] == {"low": 19, "high": 20}
    assert told(board, end)["free"] == {"low": 20, "high": 20}
    board.set_bookings(BookingsByPlace(), end)
    assert board.full.latest(board.network.places[0]) is not None


def test_a_booked_room_is_booked_until_its_last_booking_without_a_gap() -> None:
    place = a_place(1)
    room = a_place(1).spaces[1]
    room = type(room)(
        id=12,
        place=1,
        code="room",
        name="Room",
        kind="meeting_room",
        parent=10,
        capacity=6,
        generated=True,
        one_party=True,
    )
    board = Board(boot="b0")
    board.set_network(Network([a_place(1, spaces=(*place.spaces, room))]), BEFORE)
    hour = 3600 * 1_000_000
    rows = [BookedTime(place=1, space=12, starts=SHUT + n * hour, ends=SHUT + (n + 1) * hour) for n in (1, 0, 3)]
    board.set_bookings(BookingsByPlace(rows), BEFORE)
    assert told(board, BEFORE)["spaces"][1]["booked_until"] is None
    booked = told(board, SHUT)["spaces"][1]
    assert (booked["booked_until"], booked["free"]) == ("2026-11-23T19:00:00.000Z", {"low": 0, "high": 0})
    assert told(board, SHUT + 2 * hour)["spaces"][1]["booked_until"] is None
    assert told(board, SHUT + 2 * hour)["free"] is None, "chairs of a meeting room are no seats to work at"


@pytest.mark.parametrize(
    ("department", "at", "expected"),
    [
        ("87", "2026-12-26T10:00:00Z", True),
        ("67", "2026-12-26T10:00:00Z", False),
        ("87", "2026-12-25T10:00:00Z", False),
    ],
)
def test_holidays_are_those_of_the_department(department: str, at: str, expected: bool) -> None:
    week = {day: [["08:00", "18:00"]] for day in ("fri", "sat")}
    place = a_place(1, department=department, opening_hours={**week, "holidays": {"department": None, "hours": []}})
    assert is_open(place, parse_rfc3339(at)) is expected


def test_closures_are_told_with_the_day_on_which_it_opens() -> None:
    place = a_place(1, opening_hours=MONDAYS, closures=((date(2026, 11, 30), date(2026, 11, 30)),))
    opening = opening_of(place, SHUT)
    assert (opening.open, opening.changes) == (False, parse_rfc3339("2026-12-07T07:00:00Z"))


def test_a_place_without_hours_is_only_known_to_be_closed() -> None:
    place = a_place(1, closures=((date(2026, 11, 24), date(2026, 11, 24)),))
    opening = opening_of(place, SHUT)
    assert (opening.open, opening.changes) == (None, None)
    assert opening.due == parse_rfc3339("2026-11-23T23:00:00Z"), "but it is looked at again when the closure begins"
    assert is_open(place, opening.due) is False
