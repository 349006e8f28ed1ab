"""A counter on its own: which way it looks, what its totals heal, what it cannot have counted."""

from __future__ import annotations

import pytest

from occupancy.doors import Door
from occupancy.hours import HOUR
from occupancy.lasting import STAY


def day(door: Door, number: int, *passages: tuple[float, int, int]) -> bool:
    """People pass at these hours of a day; return whether the night after it turned the counter."""
    for hour, entered, left in passages:
        door.passed(round((24 * number + hour) * HOUR), entered, left)
    return door.turned()


COMING = [(8 + minute / 10, 1, 0) for minute in range(20)]
GOING = [(16 + minute / 10, 0, 1) for minute in range(20)]


def turned_round(passages: list[tuple[float, int, int]]) -> list[tuple[float, int, int]]:
    return [(hour, left, entered) for hour, entered, left in passages]


def test_a_counter_that_looks_the_wrong_way_is_turned_after_one_day() -> None:
    door = Door()
    assert day(door, 0, *turned_round(COMING + GOING)) and door.swapped
    assert door.passed(30 * HOUR, 0, 3) == (3, 0)
    assert not day(door, 1, *turned_round(COMING + GOING)), "it stays as it was found"


def test_one_that_is_mounted_the_wrong_way_later_is_turned_after_one_day() -> None:
    door = Door()
    assert not any(day(door, number, *COMING, *GOING) for number in range(20))
    assert day(door, 20, *turned_round(COMING + GOING))


@pytest.mark.parametrize(
    "passages",
    [
        COMING + [(hour, 0, 1) for hour, _, _ in COMING[:2]],  # people leave elsewhere
        [*GOING, (15.0, 1, 0)],  # people come in elsewhere
        [(12.0 + n / 20, 0, 1) for n in range(10)] + [(13.0 + n / 20, 1, 0) for n in range(10)],  # lunch
        [(10.0, 0, 1), (14.0, 1, 0)],  # one who was in since yesterday
    ],
)
def test_what_people_may_do_turns_no_counter(passages: list[tuple[float, int, int]]) -> None:
    door = Door()
    assert not any(day(door, number, *passages) for number in range(10))


def test_totals_heal_lost_reports() -> None:
    door = Door()
    assert door.moved(2, 1, 1002, 501) == (2, 1), "the first says nothing of before"
    assert door.moved(1, 0, 1010, 504) == (8, 3), "seven and three were in reports that were lost"
    assert door.moved(0, 2, None, None) == (0, 2)
    assert door.moved(1, 0, 1020, 520) == (1, 0), "others may have passed meanwhile; nothing says so"


def test_totals_that_begin_again() -> None:
    door = Door()
    door.moved(0, 0, 65_530, 40)
    assert door.moved(3, 1, 4, 42) == (10, 2), "16 bits were full"
    assert door.moved(2, 1, 2, 1) == (2, 1), "it was restarted"
    assert door.moved(1, 1, 90_000, 70_000) == (1, 1), "the totals of another device"


def test_more_than_twice_its_busiest_day_is_absurd() -> None:
    door = Door()
    assert door.most(8, 0) < 65_500
    assert door.most(8, 0) >= 30, "a place may be fuller than it should be"
    day(door, 0, (9.0, 400, 0))
    door.begin(0.93, whole=True)
    assert 400 < door.most(8, 0) < 4000, "what passes here counts, not the capacity alone"


def test_its_own_rhythm_says_when_it_has_fallen_silent() -> None:
    door = Door()
    for minute in range(0, 300, 10):
        door.spoke((minute + 1) * HOUR // 60, silent=False)
    assert 10 < door.lasts(STAY) * 60 / HOUR < 40
    assert Door().lasts(STAY) == STAY and not Door().loses(STAY)
