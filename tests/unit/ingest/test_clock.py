"""When events happened, where the edge's clock jumped."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ingest import clock

S = 1_000_000
H = 3600 * S
DAY = 24 * H
NOW = 2_000_000_000 * S


def step(seconds: float) -> dict[str, Any]:
    return {"kind": "gateway", "what": "clock_step", "at": 0, "device": "gateway", "value": seconds}


DESK: dict[str, Any] = {"kind": "desk", "at": 0, "device": "d", "occupied": True}


def test_what_came_before_a_step_gets_it_and_what_came_after_does_not() -> None:
    events = [DESK, DESK, step(7200.0), DESK, step(-3600.0), DESK]
    assert clock.corrections(events, 0) == [H, H, -H, -H, 0, 0]
    assert clock.corrections(events, 3 * H) == [4 * H, 4 * H, 2 * H, 2 * H, 3 * H, 3 * H]


def test_small_steps_are_within_the_tolerance() -> None:
    assert clock.corrections([DESK, step(-3.5), DESK], 0) == [0, 0, 0]
    assert clock.corrections([step(200.0)] * 3 + [DESK], 0) == [400 * S, 0, 0, 0]


def test_a_step_without_a_number_or_beyond_all_reason_changes_nothing() -> None:
    bare = {key: value for key, value in step(0).items() if key != "value"}
    assert clock.corrections([DESK, bare, step(1e300), DESK], 0) == [0, 0, 0, 0]


def test_an_earlier_run_keeps_its_own_time_where_that_can_be_true() -> None:
    """Right until the power went; then 1970 until the time was heard: what is added to the present run is not its."""
    assert clock.of_run(0, NOW, [[NOW - 9 * H, NOW - H]]) == 0
    assert clock.of_run(NOW - 5 * S, NOW, [[NOW - 9 * H, 5 * S]]) == 0


def test_an_earlier_run_of_1970_ends_where_the_next_begins() -> None:
    moved = clock.of_run(0, NOW, [[100 * S, NOW - H]])
    assert 100 * S + moved == NOW - H
    ahead = clock.of_run(0, NOW, [[NOW + 40 * DAY, NOW - H]])
    assert NOW + 40 * DAY + ahead == NOW - H


def test_runs_follow_each_other() -> None:
    boots = [[50 * S, 20 * S], [90 * S, NOW - 2 * H]]
    moved = clock.of_run(0, NOW, boots)
    middle = NOW - 2 * H - 90 * S
    assert 50 * S + moved == 20 * S + middle, "the first ends where the second begins"


@given(
    st.integers(-(60 * 366 * DAY), 60 * 366 * DAY),
    st.lists(st.tuples(st.integers(0, NOW + 366 * DAY), st.integers(0, NOW)), max_size=5),
)
def test_no_run_ends_after_the_next_begins(shift: int, boots: list[tuple[int, int]]) -> None:
    for number in range(len(boots)):
        ended, began = boots[number]
        mine = clock.of_run(shift, NOW, boots[number:])
        following = clock.of_run(shift, NOW, boots[number + 1 :])
        assert ended + mine <= began + following
