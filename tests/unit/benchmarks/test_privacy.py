"""A guesser of public answers doesn't find out which month a member came; one who sees numbers does."""

from __future__ import annotations

import pytest

from benchmarks.privacy import LIMIT, aucs
from occupancy.public import Rule


@pytest.mark.parametrize("same", [False, True])
def test_no_guesser_finds_the_month_of_a_member_in_what_is_public(same: bool) -> None:
    assert max(aucs(Rule(), 200, same=same).values()) <= LIMIT


def test_the_guessers_are_good_ones() -> None:
    numbers = Rule(numbers=True)
    assert max(aucs(numbers, 48, same=False, sizes=(12, 24)).values()) > 0.65
    assert aucs(numbers, 12, same=True, sizes=(12, 24))["total"] > 0.95
