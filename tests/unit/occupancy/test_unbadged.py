"""The share of people who come in without a badge is learned from what else speaks of the place."""

from __future__ import annotations

import json

import pytest

from occupancy.hours import HOUR
from occupancy.stays import Stays
from occupancy.unbadged import Unbadged

T = 1_764_160_000_000_000
PRIOR = 0.03


def compared(share: float, hours: int, *, variance: float = 1.0) -> Unbadged:
    """Ten badges' worth of people, and so many more seen, every hour."""
    learned = Unbadged()
    for hour in range(hours):
        learned.compared(T + hour * HOUR, (10.0 + 10.0 * share, variance), (10.0 + 10.0 * learned.share, 0.0), 10.0)
    return learned


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25])
def test_people_beyond_the_badges_are_learned(share: float) -> None:
    month = compared(share, 400)
    assert month.share == pytest.approx(share, abs=0.04)
    assert month.variance**0.5 < 0.02, "and how sure that is"


def test_a_single_hour_hardly_moves_what_was_believed() -> None:
    hour = compared(0.25, 1)
    assert PRIOR < hour.share < 0.06


def test_an_absurd_comparison_counts_no_more_than_a_large_one() -> None:
    absurd, large = Unbadged(), Unbadged()
    for one, seen in ((absurd, 900.0), (large, 40.0)):
        for hour in range(3):
            one.compared(T + hour * HOUR, (10.3, 1.0), (10.3, 0.0), 10.0)
        one.compared(T + 9 * HOUR, (seen, 1.0), (10.3, 0.0), 10.0)
    assert absurd.share <= large.share, "its own scale makes it less sure"
    assert absurd.share < 0.1


def test_a_share_is_never_negative_nor_known_without_badges() -> None:
    assert compared(-0.4, 100).share == 0.0
    nobody = Unbadged()
    nobody.compared(T, (30.0, 1.0), (0.0, 0.0), 0.0)
    assert nobody.share == PRIOR


def test_members_who_leave_and_never_came_are_the_share_of_those_with_a_card() -> None:
    stays = Stays()
    for number in range(200):
        at, member = T + number * HOUR, f"m-{number}"
        if number % 5:
            stays.entered(member, at, 0.0)
        stays.exited(member)
    assert stays.unbadged.share == pytest.approx(0.25, abs=0.07), "40 of 160"


def test_where_no_reader_is_on_the_way_out_badges_alone_teach_nothing() -> None:
    stays = Stays()
    for number in range(500):
        stays.entered(f"m-{number}", T + number * HOUR, 0.0)
    assert stays.unbadged.share == PRIOR


def test_an_uncertain_share_widens_the_number() -> None:
    stays = Stays()
    for number in range(20):
        stays.entered(f"m-{number}", T, 0.0)
    unsure = stays.counts(0.0, out=True).variance
    for _ in range(300):
        stays.unbadged.compared(T, (20.6, 0.1), (20.6, 0.0), 20.0)
    assert stays.counts(0.0, out=True).variance < unsure - 0.1


def test_a_head_count_beyond_the_badges_teaches() -> None:
    stays = Stays()
    for number in range(20):
        stays.entered(f"m-{number}", T, 0.0)
    stays.told(25, T, 0.0, out=True)
    assert stays.unbadged.share > PRIOR + 0.005
    assert stays.counts(0.0, out=True).mean == pytest.approx(25, abs=0.01)


def test_what_was_learned_is_stored_and_forgotten_slowly() -> None:
    learned = compared(0.2, 400)
    stored = Unbadged.from_json(json.loads(json.dumps(learned.to_json())))
    assert (stored.share, stored.variance) == (learned.share, learned.variance)
    year = T + 365 * 24 * HOUR
    learned.compared(year, (10.0 + 10 * learned.share, 1.0), (10.0 + 10 * learned.share, 0.0), 10.0)
    assert learned.variance > 0.9 * Unbadged().variance > 2 * stored.variance
