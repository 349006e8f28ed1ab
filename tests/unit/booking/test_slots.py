"""Free slots and their prices."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from booking.prices import Tariff, price_cents, price_grid, price_of_slot
from booking.rates import Price, PriceList
from booking.slots import Window, free_windows, slots_of, units_free

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def at(*hours: float) -> tuple[datetime, datetime]:
    first, last = hours
    return NOON + HOUR * first, NOON + HOUR * last


def test_slots_are_free_throughout_on_one_unit() -> None:
    opened = [at(0, 4), at(6, 8)]
    taken = [[at(1, 2), at(3, 7)], [at(0, 3.5)]]
    found = slots_of(opened, taken, length=HOUR, step=HOUR / 2, least=1, most=10)
    assert [((one.starts - NOON) / HOUR, one.units) for one in found] == [(0, 1), (2, 1), (6, 1), (6.5, 1), (7, 2)]
    both = slots_of(opened, taken, length=HOUR, step=HOUR / 2, least=2, most=10)
    assert [(one.starts - NOON) / HOUR for one in both] == [7]
    assert len(slots_of(opened, taken, length=HOUR, step=HOUR / 2, least=1, most=2)) == 2
    assert slots_of(opened, taken, length=5 * HOUR, step=HOUR / 2, least=1, most=2) == []


def test_a_unit_is_free_if_nothing_of_it_overlaps() -> None:
    taken = [[at(1, 2), at(3, 7)], [at(0, 3.5)], []]
    windows = (at(0, 1), at(2, 3), at(1.5, 3), at(3.5, 4), at(7, 8))
    assert [units_free(taken, one) for one in windows] == [2, 2, 1, 2, 3]


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(1, 6)), max_size=8),
    st.lists(st.tuples(st.integers(0, 20), st.integers(1, 6)), max_size=3),
)
def test_free_windows_are_what_is_left_of_each_moment(
    busy: list[tuple[int, int]], opening: list[tuple[int, int]]
) -> None:
    taken = sorted(at(first, first + length) for first, length in busy)
    opened: list[Window] = []
    for first, length in sorted(opening):
        if not opened or at(first, first)[0] > opened[-1][1]:
            opened.append(at(first, first + length))
    free = list(free_windows(opened, taken))
    for moment in (NOON + HOUR * step / 2 for step in range(60)):
        inside = any(first <= moment < last for first, last in opened)
        held = any(first <= moment < last for first, last in taken)
        assert any(first <= moment < last for first, last in free) == (inside and not held)


def test_a_price_is_rounded_half_up() -> None:
    assert price_cents(1000, timedelta(minutes=90)) == 1500
    assert price_cents(101, timedelta(minutes=30)) == 51
    assert price_cents(100, timedelta(minutes=20)) == 33
    assert price_cents(None, HOUR) is None


DAY = date(2026, 3, 2)


def test_one_price_of_a_slot_by_own_prices_or_by_a_rate() -> None:
    own = Tariff(hour_cents=900, prices={"student": 450})
    assert price_grid(own, PriceList(()), DAY, 2 * HOUR) == {"": 1800, "student": 900}
    assert price_grid(Tariff(prices={"student": 450}), PriceList(()), DAY, HOUR) == {"student": 450}
    assert price_of_slot(own, PriceList(()), DAY, HOUR, ["senior", "student"]) == 450

    def price(category: str | None, first: date, cents: int) -> Price:
        return Price(rate="laser", category=category, first=first, cents=cents, vat_permille=200)

    old, new = date(2026, 1, 1), date(2026, 3, 3)
    known = PriceList([price(None, old, 1000), price("student", old, 400), price(None, new, 1200)])
    laser = Tariff(rate="laser")
    assert price_grid(laser, known, DAY, 2 * HOUR) == {"": 2000, "student": 800}
    assert price_of_slot(laser, known, new, HOUR, []) == 1200, "from its first day on"
    assert price_of_slot(laser, known, new, HOUR, ["student"]) == 400
    assert price_of_slot(laser, known, date(2025, 12, 31), HOUR, []) is None
    assert price_of_slot(Tariff(rate="laser", by_the_hour=False), known, DAY, 5 * HOUR, []) == 1000, "each the same"
