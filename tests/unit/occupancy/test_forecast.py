"""The usual, the next hours, and the chance of a seat."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from occupancy.departures import KEPT, Track, learn, read
from occupancy.forecast import Quantiles, chance, follow, forecast
from occupancy.forecast import ahead as ahead_of
from occupancy.usual import QUARTER_US, Calendar, Sample, days_of, micros, usual

PARIS = ZoneInfo("Europe/Paris")
MONDAY = datetime(2026, 8, 31, tzinfo=PARIS)
QUARTER = timedelta(minutes=15)
CALENDAR = Calendar(zone=PARIS)
CAPACITY = 20
Row = tuple[datetime, float, float]


@lru_cache(maxsize=4)
def weeks(number: int = 8, seed: int = 1) -> tuple[Row, ...]:
    """Working days of six to fourteen people, busier on Tuesdays, each with a level of its own; empty weekends."""
    dice = random.Random(seed)
    rows: list[Row] = []
    for day in range(7 * number):
        level = 0.0 if day % 7 > 4 else dice.uniform(6, 12) + 2 * (day % 7 == 1)
        for quarter in range(96):
            hour = quarter / 4
            share = max(0.0, min(1.0, (hour - 8) / 2, (19 - hour) / 2)) * (0.6 if 12 <= hour < 13.5 else 1)
            mean = max(0.0, level * share + dice.gauss(0, 0.4) * (share * level > 0))
            rows.append((MONDAY + timedelta(days=day) + quarter * QUARTER, mean, 1.0))
    return tuple(rows)


def ahead(history: tuple[Row, ...], now: datetime, *minutes: int) -> tuple[Quantiles, ...]:
    return forecast(history, CAPACITY, now, minutes, calendar=CALENDAR)


def mean_at(history: tuple[Row, ...], at: datetime) -> float:
    return next(mean for start, mean, _ in history if start == at)


def test_nothing_known_means_no_forecast() -> None:
    for history in ([], [(MONDAY, None, 0.0)], [(MONDAY + n * QUARTER, 3.0, 1.0) for n in range(96)]):
        (found,) = forecast(history, CAPACITY, MONDAY + timedelta(days=1), [60], calendar=CALENDAR)
        assert (found.median, found.low, found.high, found.curve) == (None, None, None, ())


def test_a_kind_of_day_that_was_never_seen_is_unknown_not_empty() -> None:
    workdays = tuple(one for one in weeks() if one[0].weekday() < 5)
    friday = MONDAY + timedelta(days=53, hours=15)  # the Friday of the last week, 15:00
    tonight, tomorrow = ahead(workdays, friday, 60, 20 * 60)
    assert tonight.median is not None
    assert tomorrow.median is None


def test_todays_level_carries_on_and_fades_into_the_usual() -> None:
    history = weeks()
    noon = MONDAY + timedelta(days=51, hours=10)  # a Wednesday
    busy = tuple((at, mean * 1.5 if at >= noon - timedelta(hours=10) else mean, 1.0) for at, mean, _ in history)
    calm = tuple((at, mean * 0.6 if at >= noon - timedelta(hours=10) else mean, 1.0) for at, mean, _ in history)
    many, few = (ahead(rows, noon, 60)[0].median for rows in (busy, calm))
    assert many is not None
    assert few is not None
    assert many > few + 3
    later = [ahead(rows, noon, 24 * 60)[0].median or 0.0 for rows in (busy, calm)]
    assert abs(later[0] - later[1]) < (many - few) / 2


def test_an_hour_ahead_it_beats_what_is_now_and_what_is_usual() -> None:
    history = weeks(8)
    errors = {"forecast": 0.0, "now": 0.0, "usual": 0.0}
    inside = asked = 0
    for day in (50, 51, 52):
        midnight = MONDAY + timedelta(days=day)
        learnt = learn(days_of(history, CALENDAR), CALENDAR, midnight.date())
        assert learnt is not None
        hours = {(one.kind, one.hour): one.median for one in usual(history, CALENDAR, midnight)}
        track = Track.resumed(learnt.track)
        for quarter in range(18 * 4):
            start = midnight + quarter * QUARTER
            present, truth = mean_at(history, start), mean_at(history, start + timedelta(hours=1))
            at = micros(start)
            follow(learnt, CALENDAR, track, [(at, present)])
            (found,) = ahead_of(learnt, CALENDAR, track, at, [at + 4 * QUARTER_US], capacity=CAPACITY)
            if quarter < 7 * 4 or found.median is None or found.low is None or found.high is None:
                continue
            errors["forecast"] += abs(found.median - truth)
            errors["now"] += abs(present - truth)
            errors["usual"] += abs(hours[day % 7, quarter // 4 + 1] - truth)
            inside += found.low <= truth <= found.high
            asked += 1
    assert asked == 3 * 44
    assert errors["forecast"] < 0.6 * errors["now"]
    assert errors["forecast"] < 0.8 * errors["usual"]
    assert 0.75 <= inside / asked <= 0.99


def test_a_day_that_is_closed_by_its_hours_is_not_forecast_as_open() -> None:
    closed = (MONDAY + timedelta(days=52)).date()

    def opened(at: int) -> bool:
        moment = datetime.fromtimestamp(at / 1e6, PARIS)
        return moment.weekday() < 5 and 8 <= moment.hour < 19 and moment.date() != closed

    calendar = Calendar(zone=PARIS, opened=opened)
    evening = MONDAY + timedelta(days=51, hours=20)
    (found,) = forecast(weeks(), CAPACITY, evening, [15 * 60], calendar=calendar)
    assert found.median == 0
    (open_day,) = forecast(weeks(), CAPACITY, evening, [15 * 60], calendar=CALENDAR)
    assert open_day.median is not None
    assert open_day.median > 4


def test_a_working_day_on_which_nobody_came_stays_empty() -> None:
    today = MONDAY + timedelta(days=51)
    history = tuple((at, 0.0 if at >= today else mean, 1.0) for at, mean, _ in weeks())
    (found,) = ahead(history, today + timedelta(hours=12), 60)
    assert found.median == 0


def test_school_holidays_are_learned_where_the_calendar_knows_them() -> None:
    holidays = {(MONDAY + timedelta(days=day)).date() for day in range(28, 42)}
    rows = tuple(
        (at, mean * 0.5 if at.date() in holidays else mean, 1.0)
        for at, mean, _ in weeks(10)
    )  # fmt: skip
    calendar = Calendar(zone=PARIS, school_holidays=lambda day: day in holidays)
    term, away = (
        {(one.kind, one.hour): one.median for one in usual(rows, calendar, MONDAY + timedelta(days=70), school=school)}
        for school in (False, True)
    )
    assert 0.35 < away[2, 11] / term[2, 11] < 0.8


def test_what_was_learned_is_stored_and_read_again() -> None:
    learnt = learn(days_of(weeks(), CALENDAR), CALENDAR, (MONDAY + timedelta(days=56)).date())
    assert learnt is not None
    again = read(learnt.stored(), learnt.numbers())
    assert again is not None
    assert (again.stored(), again.numbers()) == (learnt.stored(), learnt.numbers())
    assert read({**learnt.stored(), "form": 0}, learnt.numbers()) is None


def test_microseconds_and_datetimes_say_the_same() -> None:
    now = MONDAY + timedelta(days=50, hours=11)
    numbers = [(round(at.timestamp()) * 10**6, mean, known) for at, mean, known in weeks()]
    assert forecast(numbers, CAPACITY, round(now.timestamp()) * 10**6, [timedelta(hours=1)]) == ahead(weeks(), now, 60)
    with pytest.raises(ValueError, match="naive"):
        forecast([], CAPACITY, datetime(2026, 11, 2), [60])  # noqa: DTZ001


@pytest.mark.parametrize("night", [datetime(2026, 10, 25, tzinfo=PARIS), datetime(2027, 3, 28, tzinfo=PARIS)])
def test_the_nights_of_the_clock_change_have_a_forecast(night: datetime) -> None:
    start = night.astimezone(UTC) - timedelta(weeks=4)
    rows = [(start + n * QUARTER, 3.0 + (n // 4) % 5, 1.0) for n in range(4 * 7 * 96)]
    found = forecast(rows, CAPACITY, night, range(0, 24 * 60 + 15, 15), calendar=CALENDAR)
    assert [one.at for one in found] == sorted({one.at for one in found})
    assert all(one.median is not None for one in found)


sparse = st.lists(
    st.tuples(st.integers(0, 6000), st.one_of(st.none(), st.floats(0, 40)), st.sampled_from([0.0, 0.4, 0.9, 1.0])),
    max_size=300,
)


@settings(max_examples=15, deadline=None)
@given(
    said=sparse,
    full=st.integers(0, 3),
    capacity=st.one_of(st.none(), st.integers(0, 60)),
    hour=st.integers(0, 24 * 70),
    minutes=st.lists(st.integers(0, 2000), max_size=4),
)
def test_quantiles_are_ordered_finite_and_no_more_than_ever(
    said: list[tuple[int, float | None, float]], full: int, capacity: int | None, hour: int, minutes: list[int]
) -> None:
    rows: list[Sample] = [*weeks()[: full * 1400], *((MONDAY + n * QUARTER, mean, known) for n, mean, known in said)]
    found = forecast(rows, capacity, MONDAY + timedelta(hours=hour), minutes, calendar=CALENDAR)
    assert len(found) == len(minutes)
    most = max([mean for _, mean, _ in rows if mean is not None] + [0.0])
    for one in found:
        if one.median is None or one.low is None or one.high is None:
            assert (one.median, one.low, one.high, one.curve) == (None, None, None, ())
            continue
        assert all(math.isfinite(value) for value in one.curve)
        assert list(one.curve) == sorted(one.curve)
        assert (one.low, one.median, one.high) == (one.curve[0], one.curve[3], one.curve[-1])
        assert one.low >= 0
        if capacity is not None:
            assert one.high <= max(capacity, most)
            chances = [chance(one.curve, capacity, seats) for seats in range(1, capacity + 2)]
            assert chances == sorted(chances, reverse=True)
            assert all(0 <= likely <= 1 for likely in chances)


def test_the_chance_of_a_seat_follows_from_the_quantiles() -> None:
    curve = (4.0, 5.0, 7.0, 9.0, 10.0, 11.0, 12.0)
    assert len(curve) == len(KEPT)
    assert chance(curve, 9, 1) == pytest.approx(0.4375)  # at most 8 people and a half
    assert chance(curve, 9, 6) == pytest.approx(0.05 * (1 - 0.5 / 5))
    assert chance(curve, 30, 1) == 1
    assert chance(curve, 2, 3) == 0
    assert chance((0.0,) * 7, 1, 1) == 1
