"""When a number is stale: the rule, and what the API makes of it."""

from __future__ import annotations

import pytest

from api.present.occupancy import SpaceState, occupancy_of
from occupancy.staleness import SECOND, believed_until, complete_until, true_as_of
from tests.staleness import CASES, TTL_S, Case

NOW = 1_900_000_000 * SECOND


def _times(case: Case) -> tuple[int, int]:
    complete = complete_until(0 if age is None else NOW - age * SECOND for age in case.complete)
    return NOW - case.event * SECOND, complete


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_rule(case: Case) -> None:
    assert (believed_until(true_as_of(*_times(case)), TTL_S) < NOW) == case.stale


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_api_withholds_a_stale_number(case: Case) -> None:
    at, complete = _times(case)
    state = SpaceState(
        space=1,
        place=1,
        revision=1,
        present=3,
        low=3,
        high=3,
        capacity=8,
        quality="live",
        at=at,
        ttl_s=TTL_S,
        changed=at,
    )
    shown = occupancy_of(state, None, complete=complete, now=NOW)
    assert (shown.quality, shown.present) == (("stale", None) if case.stale else ("live", 3))


def test_a_number_is_shown_up_to_its_last_instant() -> None:
    end = believed_until(NOW, TTL_S)
    assert end == NOW + 120_000_000
    assert complete_until([]) == 0
