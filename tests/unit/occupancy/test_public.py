"""What an answer without a key may say of a number of people."""

from __future__ import annotations

import pytest

from occupancy.public import THRESHOLD, Band, Rule


@pytest.mark.parametrize("threshold", [1, 3, 12])
@pytest.mark.parametrize("numbers", [True, False])
@pytest.mark.parametrize("capacity", [None, 0, 2, 8, 60])
def test_all_numbers_up_to_the_threshold_are_one_band(threshold: int, numbers: bool, capacity: int | None) -> None:
    rule = Rule(threshold=threshold, numbers=numbers)
    (band,) = {rule.band(number, capacity) for number in range(threshold + 1)}
    assert band.low == 0
    assert band.high is not None
    assert band.high >= threshold
    assert band.exact is None


def test_a_place_may_show_numbers_above_the_threshold() -> None:
    rule = Rule(numbers=True)
    assert [rule.band(n, 24).exact for n in (0, THRESHOLD, THRESHOLD + 1, 20)] == [None, None, 4, 20]
    assert rule.band(2, 24).as_json() == {"from": 0, "to": 3}
    assert rule.band(4, 24).as_json() is None


def test_without_numbers_a_larger_space_is_nearly_full_or_not() -> None:
    bands = [Rule().band(number, 24) for number in range(26)]
    assert set(bands) == {Band(low=0, high=21), Band(low=22, high=24), Band(low=22, high=None)}
    assert all(band.low <= n and (band.high is None or n <= band.high) for n, band in enumerate(bands))


def test_a_band_counts_as_its_middle_so_that_one_person_moves_no_sum() -> None:
    rule = Rule(numbers=True)
    with_the_member, without = (2, 3, 1, 0), (1, 2, 0, 0)
    assert sum(rule.band(one, 8).middle for one in with_the_member) == 6
    assert sum(rule.band(one, 8).middle for one in without) == 6
