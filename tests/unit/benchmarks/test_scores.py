"""The figures of the accuracy benchmark, by hand values."""

from __future__ import annotations

import pytest

from benchmarks.scores import Answer, Presence, Scores, interval_score, is_wrong

UNKNOWN = Answer(present=None, low=None, high=None, quality="unknown")


def answer(present: int, low: int, high: int, quality: str | None = None) -> Answer:
    return Answer(present=present, low=low, high=high, quality=quality)


@pytest.mark.parametrize(
    ("truth", "low", "high", "expected"),
    [
        (5, 5, 5, 0),  # sure and right
        (5, 3, 7, 4),  # the width
        (3, 3, 7, 4),  # the bounds belong to it
        (2, 3, 7, 4 + 20),  # 2 / 0.1 for a person below
        (9, 3, 7, 4 + 40),  # and for two above
        (4, 5, 5, 20),  # sure and wrong by one
    ],
)
def test_an_interval_costs_its_width_and_twenty_for_each_person_outside(
    truth: int, low: int, high: int, expected: float
) -> None:
    assert interval_score(truth, low, high) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("error", "capacity", "wrong"),
    [(2, 8, False), (3, 8, True), (2, 20, False), (3, 20, True), (6, 60, False), (7, 60, True)],
)
def test_live_may_err_by_two_people_or_a_tenth_of_the_capacity(error: int, capacity: int, wrong: bool) -> None:
    assert is_wrong(10 + error, 10, capacity) is wrong
    assert is_wrong(10 - error, 10, capacity) is wrong


def test_the_figures_of_four_answers() -> None:
    scores = Scores()
    scores.add(answer(6, 4, 8, "live"), 7, 20, is_open=True)  # 1 off, held, width 4
    scores.add(answer(10, 9, 11, "live"), 5, 20, is_open=True)  # 5 off, missed by 4, width 2: wrong while live
    scores.add(answer(1, 0, 2, "degraded"), 0, 20, is_open=False)  # a ghost
    scores.add(answer(0, 0, 0, "live"), 0, 20, is_open=False)
    figures = scores.figures()
    assert figures["mae_pct"] == pytest.approx(100 * (1 + 5 + 1 + 0) / 20 / 4)
    assert figures["open_mae_pct"] == pytest.approx(100 * (1 + 5) / 20 / 2)
    assert figures["coverage"] == pytest.approx(3 / 4)
    assert figures["interval_score_pct"] == pytest.approx(100 * (4 + (2 + 80) + 2 + 0) / 20 / 4)
    assert figures["live"] == pytest.approx(2 / 2)
    assert figures["wrong_live"] == pytest.approx(1 / 3)
    assert figures["ghost"] == pytest.approx(1 / 2)
    assert figures["known"] == 1


def test_what_is_not_known_costs_the_whole_capacity_and_is_no_error_and_no_ghost() -> None:
    scores = Scores()
    scores.add(answer(4, 4, 4, "live"), 4, 10, is_open=True)
    scores.add(UNKNOWN, 4, 10, is_open=True)
    scores.add(UNKNOWN, 0, 10, is_open=False)
    figures = scores.figures()
    assert figures["interval_score_pct"] == pytest.approx(100 * 2 / 3)
    assert (figures["mae_pct"], figures["coverage"], figures["ghost"]) == (0, 1, 0)
    assert figures["live"] == pytest.approx(1 / 2)
    assert figures["known"] == pytest.approx(1 / 3)


def test_a_person_in_closed_hours_is_no_ghost_and_an_empty_open_hour_none_either() -> None:
    scores = Scores()
    scores.add(answer(1, 1, 1), 1, 10, is_open=False)
    scores.add(answer(1, 1, 1), 0, 10, is_open=True)
    assert "ghost" not in scores.figures()


def test_a_method_that_says_nothing_of_quality_has_no_share_of_live() -> None:
    scores = Scores()
    scores.add(answer(1, 1, 1), 1, 10, is_open=True)
    assert {"live", "wrong_live"} & scores.figures().keys() == set()


def test_flips_are_counted_in_each_room_beside_the_true_ones() -> None:
    presence = Presence()
    for said, truth in [(0, 0), (1, 0), (0, 2), (1, 2), (1, 0)]:  # three flips said, two true
        presence.add("a", 1, answer(said, said, said), truth)
        presence.add("a", 2, answer(1, 1, 1), 1)
    for _ in range(3):
        presence.add("b", 1, answer(1, 1, 1), 0)  # another place's room: always wrong, and no flip
    assert presence.figures() == {"right": pytest.approx(7 / 13), "flips": pytest.approx(3 / 2)}
