"""For how long a word holds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from access.inside import LONG_AGO
from occupancy.lasting import STAY, ends, lasts

MINUTE = 60_000_000


def test_without_a_rhythm_a_word_holds_for_a_stay() -> None:
    assert lasts(None) == STAY == LONG_AGO.total_seconds() * 1_000_000


@given(st.integers(1, 10**12))
def test_one_lost_report_is_forgiven(expect_every: int) -> None:
    assert lasts(expect_every) >= max(3 * expect_every, 10 * MINUTE)


def test_to_the_microsecond() -> None:
    assert ends(5, 10) == 16
