"""Sums and mixtures of distributions, made as long integers, are what plain loops make."""

from __future__ import annotations

import random

import pytest

from occupancy.counts import Counts, added, agreed, blended, normal, scaled, taken

_CLOSE = 3e-8


def _any(chance: random.Random) -> Counts:
    weights = [chance.random() ** 4 + 1e-4 for _ in range(chance.randrange(1, 90))]
    made = scaled(chance.randrange(60), weights)
    assert made is not None
    return made


def _differs(found: Counts, expected: dict[int, float]) -> float:
    numbers = {*expected, *range(found.low, found.low + len(found.chances))}
    return max(abs(found.chance(one) - expected.get(one, 0.0)) for one in numbers)


@pytest.mark.parametrize("seed", range(12))
def test_sum_and_difference_are_what_loops_make(seed: int) -> None:
    chance = random.Random(seed)
    one, other = _any(chance), _any(chance)
    total: dict[int, float] = {}
    rest: dict[int, float] = {}
    for a, p in enumerate(one.chances, one.low):
        for b, q in enumerate(other.chances, other.low):
            total[a + b] = total.get(a + b, 0.0) + p * q
            rest[max(0, a - b)] = rest.get(max(0, a - b), 0.0) + p * q
    assert _differs(added(one, other), total) < _CLOSE
    assert _differs(added(added(one, other), Counts(2, (1.0,))), {k + 2: p for k, p in total.items()}) < _CLOSE
    assert _differs(taken(one, other), rest) < _CLOSE
    again = taken(added(one, other), other)  # what one product left is multiplied again
    assert again.mean == pytest.approx(one.mean, abs=1.0 if again.low == 0 else 1e-4)


@pytest.mark.parametrize("seed", range(6))
def test_mixture_is_what_loops_make(seed: int) -> None:
    chance = random.Random(seed)
    several = [added(_any(chance), _any(chance)) for _ in range(4)] + [_any(chance)]
    weights = [chance.random() for _ in several]
    weights = [one / sum(weights) for one in weights]
    expected: dict[int, float] = {}
    for weight, one in zip(weights, several, strict=True):
        for n, p in enumerate(one.chances, one.low):
            expected[n] = expected.get(n, 0.0) + weight * p
    assert _differs(blended(several, weights), expected) < _CLOSE


def test_nearly_all_of_the_mass_in_one_place() -> None:
    sure = Counts(3, (1e-7, 1.0 - 2e-7, 1e-7))
    total = added(sure, sure)
    assert total.chance(8) == pytest.approx(1.0, abs=1e-6)
    assert sum(total.chances) == pytest.approx(1.0, abs=1e-12)
    assert taken(total, sure).chance(4) == pytest.approx(1.0, abs=1e-6)


def test_a_long_chain_keeps_its_mass_and_its_mean() -> None:
    made = normal(40, 30)
    for _ in range(200):
        made = taken(added(made, Counts(0, (0.1, 0.7, 0.2))), Counts(0, (0.1, 0.7, 0.2)))
    assert sum(made.chances) == pytest.approx(1.0, abs=1e-9)
    assert made.mean == pytest.approx(normal(40, 30).mean, abs=0.2)


def test_a_mixture_of_what_is_sure_is_sure() -> None:
    assert blended([Counts(4, (1.0,))] * 3, [0.25, 0.5, 0.25]) == Counts(4, (1.0,))


@pytest.mark.parametrize("seed", range(4))
def test_a_sum_of_several_is_what_loops_make_asked_between_or_not(seed: int) -> None:
    chance = random.Random(seed)
    several = [_any(chance) for _ in range(4)]
    expected: dict[int, float] = {0: 1.0}
    for one in several:
        before, expected = expected, {}
        for a, p in before.items():
            for b, q in enumerate(one.chances, one.low):
                expected[a + b] = expected.get(a + b, 0.0) + p * q
    made, asked = several[0], several[0]
    for one in several[1:]:
        made, asked = added(made, one), added(asked, one)
        assert sum(asked.chances) == pytest.approx(1.0, abs=1e-12)
    assert _differs(made, expected) < 3e-7  # each sum cuts off what is less likely than 1e-7 at its ends
    assert made == asked
    assert made.mean == pytest.approx(sum(one.mean for one in several), abs=1e-3)
    assert added(made.plain, normal(3, 2)).chances == pytest.approx(added(made, normal(3, 2)).chances, abs=_CLOSE)


@pytest.mark.parametrize("seed", range(6))
def test_witnesses_agree_as_loops_make_it(seed: int) -> None:
    chance = random.Random(seed)
    several = [_any(chance) for _ in range(1 + seed % 4)]
    low, high = min(one.low for one in several), max(one.high for one in several)
    wrong = 0.003 / (high - low + 1)
    weights = dict.fromkeys(range(low, high + 1), 1.0)
    for one in several if len(several) > 1 else ():
        weights = {n: weight * (wrong + one.chance(n)) for n, weight in weights.items()}
    if len(several) == 1:
        weights = {n: several[0].chance(n) for n in weights}
    total = sum(weights.values())
    assert _differs(agreed(several, 0.003), {n: weight / total for n, weight in weights.items()}) < 1e-6
