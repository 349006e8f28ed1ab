"""Worlds of another making than the simulator's, and what the estimator makes of one."""

from __future__ import annotations

from itertools import pairwise

import pytest

from benchmarks.accuracy import Estimator, Scored
from benchmarks.other_worlds import GROUPS, other_worlds
from benchmarks.worlds import people


@pytest.mark.parametrize("group", sorted(GROUPS))
def test_a_world_is_in_order_and_the_same_again(group: str) -> None:
    (world,), (again,) = (list(other_worlds(group, range(3, 4), 4)) for _ in range(2))
    assert list(world.events) == list(again.events) and world.truth == again.truth
    assert all(before[2] <= after[2] for before, after in pairwise(world.events))
    assert min(number for _, number in world.truth[1]) == 0
    assert people(world.truth[1], world.first) == 0 and max(number for _, number in world.truth[1]) > 1


def test_after_closing_nobody_is_left_behind_in_a_world_of_another_making() -> None:
    (world,) = other_worlds("other_counters", range(9001, 9002), 21)
    scored = Scored()
    scored.listen(world, Estimator(world))
    figures = scored.figures("counters")
    assert figures["ghost"] < 0.05 and figures["wrong_live"] < 0.01 and figures["coverage"] > 0.88, figures
