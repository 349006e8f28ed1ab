"""What an answer without a key may say of a number of people."""

from __future__ import annotations

import pytest

from api.present.public import THRESHOLD, Band, band_of


@pytest.mark.parametrize("threshold", [0, 1, 3, 12])
def test_all_numbers_up_to_the_threshold_are_one_band(threshold: int) -> None:
    assert {band_of(number, threshold=threshold) for number in range(threshold + 1)} == {Band(low=0, high=threshold)}


def test_a_number_above_the_threshold_is_no_part_of_the_band() -> None:
    assert band_of(THRESHOLD + 1).low > THRESHOLD
    assert band_of(THRESHOLD).as_json() == {"from": 0, "to": 3}


def test_a_band_counts_as_its_middle_so_that_one_person_moves_no_sum() -> None:
    with_the_member, without = (2, 3, 1, 0), (1, 2, 0, 0)
    assert sum(band_of(one).middle for one in with_the_member) == sum(band_of(one).middle for one in without) == 6
