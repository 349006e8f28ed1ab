"""The courses of a day at the doors: what they differ by, what tells them apart, what is learned from the nights."""

from __future__ import annotations

import pytest

from occupancy.counts import exactly, normal
from occupancy.flow import Flow
from occupancy.habits import Habits
from occupancy.hours import HOUR, Calendar
from occupancy.misses import Misses
from occupancy.passing import departed, on_their_own, unnoticed
from occupancy.paths import Paths
from tests.unit.occupancy.test_flow import HOURS, ZONE, at


def learned(*days: tuple[int, int]) -> Misses:
    made = Misses()
    for came, went in days:
        made.learn(came, went)
    return made


ALIKE = [(200, 188), (210, 197), (190, 179)] * 6
UNLIKE = [(200, 160), (210, 205), (190, 200), (205, 170)] * 5


def test_days_that_balance_alike_have_one_course_and_days_that_do_not_have_several() -> None:
    alike, unlike = learned(*ALIKE), learned(*UNLIKE)
    assert not alike.matters and alike.differing < 0.01
    assert unlike.matters and 0.05 < unlike.differing < 0.12, "the logarithms of their ratios spread by 0.11"


def test_the_ratio_of_a_day_moves_the_share_that_misses_more() -> None:
    unlike = learned(*UNLIKE)
    usual_in, usual_out = unlike.shares()
    assert usual_in == pytest.approx(0.04) and usual_out > 0.06
    assert unlike.shares(-1.5)[1] > usual_out > unlike.shares(1.5)[1]


def test_who_is_still_in_is_no_error_of_the_day() -> None:
    closed, open_end = learned((200, 200)), learned((220, 200))
    assert open_end.balance != closed.balance
    assert learned((220, 200 + 20)).shares() == pytest.approx(learned((220, 220)).shares())


def a_day(*passages: tuple[str, int, int], before: Misses) -> Paths:
    """What is known after these passages of a Monday, after such days ``before``."""
    flow, habits, calendar = Flow(), Habits(), Calendar(ZONE, HOURS)
    flow.misses = before
    flow.at = at(8, "07:00")
    flow.paths = Paths.begin(exactly(0), several=flow.misses.matters)
    for clock, entered, left in passages:
        flow.step(habits, calendar, at(8, clock), entered, left)
    return flow.paths


BUSY = [(f"{9 + n // 6}:{n % 6}5", 20, 18) for n in range(12)]


def test_a_busy_day_is_less_sure_where_days_differ() -> None:
    alike, unlike = (a_day(("08:30", 40, 0), *BUSY, before=learned(*days)).together for days in (ALIKE, UNLIKE))
    assert alike.variance < 40 and unlike.variance > 200, "of 216 who left, 0.12 more or fewer were missed"


def test_who_leaves_must_have_been_in() -> None:
    """As many leave as came: by the usual ratio 12 more had gone already, so fewer are missed today."""
    before = a_day(("08:30", 40, 0), *BUSY, before=learned(*UNLIKE))
    after = a_day(("08:30", 40, 0), *BUSY, ("12:10", 0, 30), ("12:20", 0, 25), before=learned(*UNLIKE))
    assert after.weights[0] < 0.5 * before.weights[0], "the course with the most missed exits is unlikely now"
    assert after.weights[2] > 1.1 * before.weights[2]


def test_a_head_count_tells_the_courses_apart() -> None:
    flow = Flow()
    flow.at = HOUR
    flow.paths = Paths((exactly(10), exactly(18), exactly(25)), (1 / 3,) * 3)
    flow.told(25)
    assert flow.paths.weights[2] > 0.9
    assert flow.paths.together.quantiles(0.5) == (25,)


def test_of_few_people_each_leaves_alone_and_of_many_others_leave_beside() -> None:
    flow, habits, calendar = Flow(), Habits(), Calendar(ZONE, HOURS)
    flow.misses = learned(*ALIKE)
    left = []
    for people in (4, 40):
        silent = flow.silent(
            Paths.begin(normal(people, 1), several=False), habits, calendar, at(8, "10:00"), at(8, "14:00")
        )
        left.append(1.0 - silent.together.mean / people)
    assert left[0] > 3.2 * left[1] > 0.0, "2.6 by their number alone"


def test_who_leaves_after_a_silence_was_in_all_that_time() -> None:
    """Nobody was believed to be in; two leave after three hours: six person-hours with two exits, not none."""
    flow, habits, calendar = Flow(), Habits(), Calendar(ZONE, HOURS)
    flow.step(habits, calendar, at(8, "10:00"), 0, 0)
    flow.step(habits, calendar, at(8, "13:00"), 0, 2)
    assert sum(habits.hours) == pytest.approx(6) and sum(habits.exits) == 2


def test_who_leaves_by_another_door_is_no_share_of_what_is_missed() -> None:
    usual = [(200, 188)] * 5
    ratios = [
        made.balance[1] / made.balance[0]
        for made in (learned(*[*usual, (5, out), (5, out)] * 4) for out in (5, 15, 45))
    ]
    assert ratios[0] == pytest.approx(0.94, abs=0.01)
    assert ratios[2] - ratios[0] < 0.02
    assert ratios[2] == pytest.approx(ratios[1], abs=0.01), "forty more say no more than ten"
    assert learned(*[(200, 130)] * 20).shares()[1] > 0.3, "what each day shows is learned all the same"


def test_the_more_leave_in_one_report_the_more_are_likely_in() -> None:
    wide = normal(60.0, 400.0)
    after = [departed(wide, left, 0.0, 1.0, 0.25, closed=False)[0].mean + left for left in (0, 8, 16, 30)]
    assert after == sorted(after)
    assert after[-1] > after[-2] + 1.5


def afternoon(hours: int, *, each: int) -> float:
    """How many of 200 are in after so many hours in each of which ``each`` were counted leaving."""
    flow, habits, calendar = Flow(), Habits(), Calendar(ZONE, HOURS)
    flow.misses = learned(*[(200, 184)] * 20)
    habits.rates = [0.12] * len(habits.rates)
    flow.at = at(8, "09:00")
    flow.paths = Paths.begin(exactly(200), several=False)
    for hour in range(10, 10 + hours):
        flow.step(habits, calendar, at(8, f"{hour}:00"), 0, each)
    return flow.paths.mean


def test_who_leaves_uncounted_leaves_once() -> None:
    miss_out = learned(*[(200, 184)] * 20).shares()[1]
    gone = 5 * 18 / (1 - miss_out)
    assert afternoon(5, each=18) == pytest.approx(200 - gone, abs=0.75 * 5 * 18 * miss_out)


def test_after_closing_departures_and_silence_weigh_alike() -> None:
    counts, rate = normal(20.0, 16.0), 2.0
    for inside in range(20, 10, -1):  # they leave just as fast as people do
        counts, _ = unnoticed(counts, 0.0, rate * (1.0 / (rate * on_their_own(inside))))
        counts, _ = departed(counts, 1, 0.0, 1.0, 1.0, closed=True)
    assert abs(counts.mean - 10.0) < 1.5, f"nothing was surprising about it: {counts.mean}"
