"""What is worked out more quickly must be the same number."""

from __future__ import annotations

from math import comb

import pytest

from occupancy.counts import persons
from occupancy.habits import Habits
from occupancy.hours import HOUR, Calendar
from occupancy.stays import Stays
from occupancy.topology import Topology


@pytest.mark.parametrize(("number", "chance"), [(10, 0.5), (150, 0.97), (300, 0.03), (400, 0.5)])
def test_many_persons_are_a_binomial_number(number: int, chance: float) -> None:
    found = persons([chance] * number)
    for n in range(number + 1):
        exact = comb(number, n) * chance**n * (1 - chance) ** (number - n)
        assert found.chance(n) == pytest.approx(exact, rel=1e-6, abs=2e-7)


def test_the_risk_of_leaving_is_the_same_in_one_piece_and_in_many(topology: Topology) -> None:
    """Within an hour it is one product; across the hours' borders it adds up to the same."""
    calendar = Calendar(topology.zone(1), None)
    habits, stays = Habits(), Stays()
    stays.at = first = calendar.piece(1_764_160_000_000_000)[0] + HOUR // 4
    for minutes in (1, 44, 45, 46, 200):
        at = first + minutes * HOUR // 60
        pieces = sum(habits.rates[bin_] * hours for bin_, hours in calendar.pieces(first, at))
        assert stays.risk_at(habits, calendar, at) == pytest.approx(stays.risk + pieces, rel=1e-12)
