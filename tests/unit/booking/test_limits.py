"""What a place, a pass and an organisation allow of one booking."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking.limits import (
    Held,
    Quota,
    Rule,
    most_at_once,
    most_within,
    periods,
    refused_by_quotas,
    refused_by_rule,
    refused_cancelling,
    refused_window,
    span,
)

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2027, 3, 1, 8, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def held(after: timedelta, length: timedelta = HOUR, **given: object) -> Held:
    fields = {"own": True, "place": 1, "under": "p-1", "kind": "desk", **given}
    return Held(starts=NOW + after, ends=NOW + after + length, **fields)  # type: ignore[arg-type]


def named(rule: Rule, wish: Held, others: list[Held] | None = None) -> str | None:
    refusal = refused_by_rule(rule, wish, others or [], NOW, PARIS)
    return None if refusal is None else refusal.rule


@pytest.mark.parametrize(
    ("after", "length", "begun", "rule"),
    [
        (HOUR, HOUR, False, None),
        (HOUR, -HOUR, False, "window"),
        (-timedelta(minutes=5), HOUR, False, None),
        (-timedelta(minutes=6), HOUR, False, "past"),
        (-timedelta(minutes=6), HOUR, True, None),
        (-HOUR, HOUR, True, "past"),
        (3653 * DAY, HOUR, False, "farthest"),
        (HOUR, 32 * DAY, False, "longest"),
    ],
)
def test_windows_that_no_place_accepts(after: timedelta, length: timedelta, begun: bool, rule: str | None) -> None:
    refusal = refused_window(NOW + after, NOW + after + length, NOW, begun=begun)
    assert (None if refusal is None else refusal.rule) == rule


def test_each_limit_refuses_from_its_edge_on() -> None:
    rule = Rule(notice=HOUR, ahead=DAY, shortest=HOUR, longest=2 * HOUR)
    assert named(rule, held(HOUR)) is None
    assert named(rule, held(HOUR - timedelta(seconds=1))) == "notice"
    assert named(rule, held(DAY)) is None
    assert named(rule, held(DAY + timedelta(seconds=1))) == "ahead"
    assert named(rule, held(HOUR, HOUR - timedelta(seconds=1))) == "shortest"
    assert named(rule, held(HOUR, 2 * HOUR + timedelta(seconds=1))) == "longest"


def test_a_members_other_bookings_count_where_they_are() -> None:
    others = [held(2 * HOUR), held(5 * HOUR), held(2 * HOUR, place=2), held(2 * HOUR, own=False)]
    assert named(Rule(open_bookings=3), held(HOUR), others) is None
    assert named(Rule(open_bookings=2), held(HOUR), others) == "open_bookings"
    assert named(Rule(at_once=1), held(3 * HOUR), others) is None, "one ends when the next begins"
    assert named(Rule(at_once=1), held(3 * HOUR, 3 * HOUR), others) == "at_once"


def test_a_rolling_limit_is_of_any_days_in_a_row() -> None:
    rule = Rule(rolling_days=7, rolling=10 * HOUR)
    week = [held(DAY * day, 2 * HOUR) for day in (0, 1, 2, 6)]
    assert named(rule, held(3 * DAY, 2 * HOUR), week) is None
    assert named(rule, held(3 * DAY, 3 * HOUR), week) == "rolling"
    assert named(rule, held(7 * DAY, 4 * HOUR), week) is None, "the first day no longer counts"
    assert named(rule, held(7 * DAY, 5 * HOUR), week) == "rolling"


def test_a_rule_for_one_kind_counts_before_the_places_own() -> None:
    general = Rule(notice=HOUR, at_once=1, rolling_days=7, rolling=HOUR)
    rule = Rule(at_once=3, rolling_days=30, rolling=DAY).over(general)
    assert rule == Rule(notice=HOUR, at_once=3, rolling_days=30, rolling=DAY)


def test_quotas_count_by_local_week_and_month() -> None:
    month = Quota(of="organisation", per="month", time=10 * HOUR, kind="desk")
    full = [held(DAY, 9 * HOUR, own=False), held(DAY, DAY, kind="room")]
    wish = held(2 * DAY, 2 * HOUR)
    refusal = refused_by_quotas([month], wish, full, PARIS)
    assert refusal is not None
    assert (refusal.rule, "11 h" in refusal.why) == ("quota_organisation", True)
    assert refused_by_quotas([month], held(40 * DAY, 2 * HOUR), full, PARIS) is None, "another month"
    own = Quota(of="pass", per="week", bookings=1)
    assert refused_by_quotas([own], wish, [held(DAY, under="p-2"), held(DAY, own=False)], PARIS) is None
    assert refused_by_quotas([own], wish, [held(DAY)], PARIS) is not None
    at_once = Quota(of="organisation", per="at_once", bookings=2, place=1)
    assert refused_by_quotas([at_once], wish, [held(2 * DAY), held(2 * DAY, place=2)], PARIS) is None
    assert refused_by_quotas([at_once], wish, [held(2 * DAY), held(2 * DAY, own=False)], PARIS) is not None


def test_members_cancel_as_early_as_the_place_asks() -> None:
    rule = Rule(cancel=2 * HOUR)
    starts, ends = NOW + 2 * HOUR, NOW + 3 * HOUR
    assert refused_cancelling(rule, starts, ends, NOW) is None
    late = refused_cancelling(rule, starts, ends, NOW + timedelta(seconds=1))
    assert late is not None
    assert (late.rule, "2 h" in late.why) == ("cancel", True)
    over = refused_cancelling(Rule(), NOW - HOUR, NOW, NOW)
    assert over is not None
    assert over.rule == "past"


def test_a_day_of_23_hours_has_23() -> None:
    night = datetime(2027, 3, 28, tzinfo=PARIS)
    ((first, last),) = periods(night.astimezone(UTC), (night + HOUR).astimezone(UTC), "day", PARIS)
    assert last - first == 23 * HOUR
    one = Held(own=True, place=1, under=None, kind="desk", starts=first, ends=last + HOUR)
    assert most_within([one], one, 1, PARIS) == 23 * HOUR


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 20)), max_size=12), st.integers(0, 40), st.integers(1, 20))
def test_the_most_at_once_is_that_of_every_moment(others: list[tuple[int, int]], after: int, length: int) -> None:
    windows = [held(HOUR * begin, HOUR * hours) for begin, hours in others]
    starts, ends = NOW + HOUR * after, NOW + HOUR * (after + length)
    moments = [starts + timedelta(minutes=30) + HOUR * step for step in range(length)]
    naive = max(sum(one.starts <= at < one.ends for one in windows) for at in moments)
    assert most_at_once(windows, starts, ends) == naive


def test_lengths_are_written_for_people() -> None:
    lengths = (DAY, 2 * DAY, timedelta(minutes=90), timedelta(minutes=5), 25 * HOUR)
    assert [span(one) for one in lengths] == ["1 day", "2 days", "1 h 30 min", "5 min", "25 h"]
