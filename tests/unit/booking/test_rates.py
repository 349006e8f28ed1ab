"""Which price holds on a day, for whom; how a part of an amount is rounded."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking.rates import Price, PriceList, share

JANUARY, MARCH = date(2026, 1, 1), date(2026, 3, 1)
NORMAL = Price(rate="half-day", category=None, first=JANUARY, cents=800, vat_permille=200)
STUDENT = Price(rate="half-day", category="student", first=JANUARY, cents=400, vat_permille=200)
FUNDED = Price(
    rate="half-day", category="seeker", first=JANUARY, cents=900, vat_permille=200, funder=7, funder_permille=900
)
DEARER = Price(rate="half-day", category=None, first=MARCH, cents=850, vat_permille=200)
PRICES = PriceList([DEARER, NORMAL, STUDENT, FUNDED])


@pytest.mark.parametrize(
    ("day", "categories", "price"),
    [
        (date(2025, 12, 31), (), None),
        (JANUARY, (), NORMAL),
        (date(2026, 2, 28), (), NORMAL),
        (MARCH, (), DEARER),
        (MARCH, ("student",), STUDENT),
        (MARCH, ("student", "seeker"), FUNDED),  # 90 cents are left to pay
        (MARCH, ("unheard-of",), DEARER),
    ],
)
def test_the_price_of_a_day_is_the_one_that_leaves_least_to_pay(
    day: date, categories: tuple[str, ...], price: Price | None
) -> None:
    assert PRICES.on("half-day", day, categories) == price
    assert PRICES.on("other", day, categories) is None


@pytest.mark.parametrize(
    ("cents", "permille", "part"),
    [(801, 500, 401), (-801, 500, -401), (1, 499, 0), (333, 55, 18), (100, 0, 0), (7, 1000, 7)],
)
def test_a_part_is_rounded_to_the_nearest_cent_halves_away_from_zero(cents: int, permille: int, part: int) -> None:
    assert share(cents, permille) == part


@given(st.integers(-(10**9), 10**9), st.integers(0, 1000))
def test_a_part_is_never_more_than_half_a_cent_off(cents: int, permille: int) -> None:
    assert 2 * abs(1000 * share(cents, permille) - cents * permille) <= 1000
    assert share(-cents, permille) == -share(cents, permille)
