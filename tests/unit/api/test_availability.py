"""A free seat is a known one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from api.http.timestamps import parse_rfc3339
from api.present.availability import Offer, offer_of
from api.present.board import Board
from api.present.network import Network
from api.present.opening import is_open
from occupancy.staleness import SECOND
from tests.unit.api.network_of import NOW, a_place, a_state


def offer(
    *, seats: int = 1, kind: str | None = None, now: int = NOW, present: int | None = 4, high: int = 5, **place: Any
) -> Offer:
    board = Board(boot="b0")
    board.set_network(Network([a_place(1, **place)]), NOW)
    for space in (10, 11):
        state = a_state(space, 1, present)
        board.apply([replace(state, high=None if present is None else high)], NOW)
    view = board.view("place-1", now)
    assert view is not None
    found = offer_of(view, seats=seats, kind=kind)
    assert found is not None
    return found


def test_seats_are_counted_from_the_most_people_there_may_be() -> None:
    one = offer()
    assert one.free is not None
    assert (one.state, one.free.low, one.free.high) == ("free", 19, 20), "24 seats to work at, though 30 people fit in"
    assert offer(seats=19).state == "free"
    assert offer(seats=20).state == "full"


def test_a_kind_asks_its_own_space() -> None:
    one = offer(kind="open_space")
    assert one.space is not None
    assert one.free is not None
    assert (one.space.code, one.free.low) == ("open", 19)


def test_unknown_and_stale_are_never_free() -> None:
    assert offer(present=None).state == "unknown"
    assert offer(now=NOW + 3600 * SECOND).state == "unknown"
    assert offer(now=NOW + 3600 * SECOND).free is None


def test_what_could_never_hold_so_many_is_full_even_when_unknown() -> None:
    assert offer(present=None, seats=25).state == "full"
    assert offer(present=None, seats=24).state == "unknown"


def test_a_place_without_such_a_space_offers_nothing() -> None:
    board = Board(boot="b0")
    board.set_network(Network([a_place(1)]), NOW)
    view = board.view("place-1", NOW)
    assert view is not None
    assert offer_of(view, seats=1, kind="fab_lab") is None


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-23T07:30:00Z", True),  # Monday 08:30 in Paris
        ("2026-11-23T06:30:00Z", False),
        ("2026-11-23T17:00:00Z", False),  # 18:00: just closed
        ("2026-11-24T09:00:00Z", False),  # Tuesday has no hours
        ("2026-07-06T06:30:00Z", True),  # 08:30 in summer
    ],
)
def test_hours_are_local(at: str, expected: bool) -> None:
    place = a_place(1, opening_hours={"mon": [["08:00", "18:00"]]})
    assert is_open(place, parse_rfc3339(at)) is expected


def test_hours_that_cannot_be_read_are_not_known() -> None:
    assert is_open(a_place(1), NOW) is None
    assert is_open(a_place(1, opening_hours={"mon": "always"}), NOW) is None
    assert is_open(a_place(1, opening_hours={"mon": [["08:00", "18:00"]]}, time_zone="Mars/Base"), NOW) is None


def test_a_closed_place_has_no_seat() -> None:
    assert offer(opening_hours={}).state == "closed"


def test_a_place_without_seats_to_work_at_offers_none() -> None:
    board = Board(boot="b0")
    board.set_network(Network([a_place(1, spaces=a_place(1).spaces[:1])]), NOW)
    view = board.view("place-1", NOW)
    assert view is not None
    assert offer_of(view, seats=1, kind=None) is None
