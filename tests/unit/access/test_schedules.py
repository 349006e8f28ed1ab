"""Schedules against an oracle that counts minutes by hand, through both clock changes of a year."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from access import ListError, Period, Schedule
from access.holidays import holidays
from access.schedules import Closure, Holidays, Special, schedule_from_json, schedule_to_json

PARIS = ZoneInfo("Europe/Paris")
YEARS = st.sampled_from([2025, 2026, 2027])


def periods(data: list[tuple[int, int]]) -> tuple[Period, ...]:
    return tuple(Period(start_min=begin, end_min=end) for begin, end in sorted(data))


PERIODS = st.lists(
    st.tuples(st.integers(0, 95), st.integers(1, 96))
    .filter(lambda pair: pair[0] < pair[1])
    .map(lambda pair: (pair[0] * 15, pair[1] * 15)),
    max_size=2,
).map(periods)
NIGHTLY = st.sampled_from([(120, 180), (119, 121), (60, 120), (180, 181), (0, 1440), (150, 1440), (0, 150)])
WEEKS = st.lists(PERIODS | NIGHTLY.map(lambda one: periods([one])), min_size=7, max_size=7).map(tuple)


@st.composite
def schedules(draw: st.DrawFn, year: int, depth: int = 1) -> Schedule:
    def around() -> date:
        change = draw(st.sampled_from([last_sunday(year, 3), last_sunday(year, 10), date(year, 5, 8)]))
        return change + timedelta(days=draw(st.integers(-2, 2)))

    specials = []
    for _ in range(draw(st.integers(0, 2))):
        first = around()
        specials.append(Special(first=first, last=first + timedelta(draw(st.integers(0, 2))), periods=draw(PERIODS)))
    closures = [Closure(first=first, last=first) for first in [around() for _ in range(draw(st.integers(0, 1)))]]
    linked = [draw(schedules(year, depth - 1)) for _ in range(draw(st.integers(0, 1)))] if depth else []
    return Schedule(
        days=draw(WEEKS),
        holidays=draw(st.sampled_from([None, Holidays(), Holidays(department="974", periods=periods([(540, 720)]))])),
        exceptions=tuple(specials),
        closures=tuple(closures),
        linked=tuple(linked),
    )


def last_sunday(year: int, month: int) -> date:
    day = date(year, month, 31)
    return day - timedelta(days=(day.weekday() + 1) % 7)


def paris_by_hand(at: datetime) -> tuple[date, int]:
    """The wall clock by directive 2000/84/EC: summer time from 01:00 UTC on March's last Sunday to October's."""
    begin = datetime.combine(last_sunday(at.year, 3), datetime.min.time(), UTC) + timedelta(hours=1)
    end = datetime.combine(last_sunday(at.year, 10), datetime.min.time(), UTC) + timedelta(hours=1)
    local = at + timedelta(hours=2 if begin <= at < end else 1)
    return local.date(), local.hour * 60 + local.minute


def open_minutes(schedule: Schedule, day: date) -> set[int]:
    """Every open minute of a wall-clock day, told one by one from the words of the docstring."""
    if any(one.first <= day <= one.last for one in schedule.closures):
        return set()
    own = schedule.days[day.weekday()]
    if schedule.holidays is not None and day in holidays(day.year, schedule.holidays.department):
        own = schedule.holidays.periods
    for special in reversed(schedule.exceptions):
        if special.first <= day <= special.last:
            own = special.periods
    found = {minute for one in own for minute in range(one.start_min, one.end_min)}
    for other in schedule.linked:
        found |= open_minutes(other, day)
    return found


@settings(max_examples=40, deadline=None)
@given(data=st.data(), year=YEARS)
def test_no_instant_of_the_clock_changes_opens_what_is_closed_or_the_reverse(data: st.DataObject, year: int) -> None:
    schedule = data.draw(schedules(year))
    for month in (3, 10):
        change = datetime.combine(last_sunday(year, month), datetime.min.time(), UTC) + timedelta(hours=1)
        cache: dict[date, set[int]] = {}
        for step in range(-5 * 60, 5 * 60):
            at = change + timedelta(minutes=step)
            day, minute = paris_by_hand(at)
            if day not in cache:
                cache[day] = open_minutes(schedule, day)
            for offset in (timedelta(0), timedelta(seconds=59, microseconds=999_999)):
                assert schedule.covers(at + offset, PARIS) is (minute in cache[day]), (at, minute)


@settings(max_examples=25, deadline=None)
@given(data=st.data(), year=YEARS)
def test_every_quarter_of_any_day_is_as_counted_by_hand(data: st.DataObject, year: int) -> None:
    schedule = data.draw(schedules(year, depth=2))
    first = datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=data.draw(st.integers(0, 364)))
    for step in range(0, 48 * 60, 15):
        at = first + timedelta(minutes=step)
        day, minute = paris_by_hand(at)
        assert schedule.covers(at, PARIS) is (minute in open_minutes(schedule, day))


@settings(max_examples=60, deadline=None)
@given(data=st.data(), year=YEARS)
def test_a_schedule_with_all_it_can_have_comes_back_as_it_was(data: st.DataObject, year: int) -> None:
    schedule = data.draw(schedules(year, depth=2))
    assert schedule_from_json(schedule_to_json(schedule)) == schedule


def paris(*when: int) -> datetime:
    return datetime(*when, tzinfo=PARIS).astimezone(UTC)  # type: ignore[misc,arg-type]


OFFICE = {"mon": [["08:00", "12:00"], ["14:00", "18:00"]], "wed": [["08:00", "12:00"]], "fri": [["08:00", "18:00"]]}


def read(**more: Any) -> Schedule:
    return schedule_from_json({**OFFICE, **more})


def test_a_day_has_its_exceptions_hours_before_its_holidays() -> None:
    schedule = read(
        holidays={"department": None, "hours": [["10:00", "11:00"]]},
        **{"except": [["2026-05-08", "2026-05-08", [["20:00", "22:00"]]]]},
    )
    assert schedule.covers(paris(2026, 5, 8, 20, 30), PARIS)
    assert not schedule.covers(paris(2026, 5, 8, 10, 30), PARIS)  # Friday, 8 May, with an exception
    assert schedule.covers(paris(2026, 5, 1, 10, 30), PARIS)  # Friday, 1 May, without
    assert not schedule.covers(paris(2026, 5, 1, 9, 0), PARIS)
    assert schedule.covers(paris(2026, 5, 15, 9, 0), PARIS)  # a Friday like any other


def test_holidays_are_those_of_the_department() -> None:
    good_friday = paris(2026, 4, 3, 9, 0)
    assert read(holidays={"department": "75", "hours": []}).covers(good_friday, PARIS)
    assert not read(holidays={"department": "67", "hours": []}).covers(good_friday, PARIS)


def test_a_closure_closes_what_is_linked_and_a_link_opens_what_an_exception_closes() -> None:
    always = {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
    august = read(closed=[["2026-08-03", "2026-08-16"]], linked=[always])
    assert not august.covers(paris(2026, 8, 3, 0, 0), PARIS)
    assert not august.covers(paris(2026, 8, 16, 23, 59), PARIS)
    assert august.covers(paris(2026, 8, 17, 0, 0), PARIS)
    assert read(linked=[always], **{"except": [["2026-08-03", "2026-08-03", []]]}).covers(
        paris(2026, 8, 3, 9, 0), PARIS
    )


def test_the_period_of_an_instant_tells_two_openings_of_a_day_apart() -> None:
    schedule = read()
    morning, noon = (
        schedule.period_at(paris(2026, 3, 2, 9, 0), PARIS),
        schedule.period_at(paris(2026, 3, 2, 13, 0), PARIS),
    )
    afternoon = schedule.period_at(paris(2026, 3, 2, 14, 0), PARIS)
    assert morning == (date(2026, 3, 2), Period(start_min=480, end_min=720))
    assert noon is None
    assert afternoon is not None
    assert afternoon != morning


@pytest.mark.parametrize(
    "value",
    [
        {"holidays": []},
        {"holidays": {"department": 67}},
        {"holidays": {"hours": "none"}},
        {"except": {}},
        {"except": [["2026-05-08", "2026-05-08"]]},
        {"except": [["2026-05-08", "2026-05-07", []]]},
        {"except": [["2026-13-08", "2026-13-08", []]]},
        {"except": [["2026-W01-1", "2026-W02-1", []]]},
        {"closed": [["2026-05-08"]]},
        {"closed": [["2026-05-08", "2026-05-01"]]},
        {"closed": [[1, 2]]},
        {"linked": {}},
        {"linked": ["other"]},
        {"linked": [{"lundi": []}]},
        {"vacances": []},
    ],
)
def test_what_makes_no_sense_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(ListError):
        schedule_from_json(value)


def test_links_of_links_end() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100):
        deep = {"linked": [deep]}
    with pytest.raises(ListError, match="deep"):
        schedule_from_json(deep)


@pytest.mark.parametrize("end", ["24:00", "00:00", "23:59"])
def test_an_end_at_midnight_shuts_nobody_out_before(end: str) -> None:
    schedule = schedule_from_json({"fri": [["18:00", end]], "except": [["2026-11-28", "2026-11-28", [["20:00", end]]]]})
    for day in (27, 28):
        assert schedule.covers(datetime(2026, 11, day, 23, 59, 30, tzinfo=PARIS), PARIS)
        assert not schedule.covers(datetime(2026, 11, day + 1, 0, 0, tzinfo=PARIS), PARIS)
    assert schedule_to_json(schedule)["fri"] == [["18:00", "24:00"]]


@pytest.mark.parametrize(
    ("period", "how"),
    [
        (["22:00", "02:00"], "write 22:00 to 24:00 on this day and 00:00 to 02:00 on the next one"),
        (["00:00", "00:00"], "a whole day is 00:00 to 24:00"),
        (["08:00", "08:00"], "is no time at all"),
    ],
)
def test_hours_that_cross_midnight_are_refused_with_how_to_write_them(period: list[str], how: str) -> None:
    with pytest.raises(ListError, match=how):
        schedule_from_json({"fri": [period]})
