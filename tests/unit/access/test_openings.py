"""When a schedule turns, against a search minute by minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from access.openings import last_turn, next_turn
from access.schedules import DAYS, Schedule, schedule_from_json

PARIS = ZoneInfo("Europe/Paris")
MINUTE = timedelta(minutes=1)
DAY = [["08:00", "12:30"], ["13:30", "19:00"]]
WEEKS = dict.fromkeys(DAYS[:5], DAY)


def turns(hours: object, at: str, zone: ZoneInfo = PARIS) -> tuple[str | None, str | None]:
    schedule, moment = schedule_from_json(hours), datetime.fromisoformat(at)
    before, after = last_turn(schedule, moment, zone), next_turn(schedule, moment, zone)
    return f"{before:%m-%dT%H:%MZ}" if before else None, f"{after:%m-%dT%H:%MZ}" if after else None


@pytest.mark.parametrize(
    ("hours", "at", "expected"),
    [
        (WEEKS, "2026-11-25T09:00+01:00", ("11-25T07:00Z", "11-25T11:30Z")),
        (WEEKS, "2026-11-25T12:30+01:00", ("11-25T11:30Z", "11-25T12:30Z")),  # it closes at this very minute
        (WEEKS, "2026-11-25T18:59:59+01:00", ("11-25T12:30Z", "11-25T18:00Z")),
        (WEEKS, "2026-11-27T19:00+01:00", ("11-27T18:00Z", "11-30T07:00Z")),  # Friday evening: opens on Monday
        ({**WEEKS, "holidays": {"hours": []}}, "2026-12-24T20:00+01:00", ("12-24T18:00Z", "12-28T07:00Z")),
        ({**WEEKS, "closed": [["2026-12-24", "2027-01-03"]]}, "2026-12-23T20:00+01:00",
         ("12-23T18:00Z", "01-04T07:00Z")),
        ({**WEEKS, "except": [["2026-11-28", "2026-11-28", [["10:00", "11:00"]]]]}, "2026-11-27T19:00+01:00",
         ("11-27T18:00Z", "11-28T09:00Z")),
        ({"linked": [WEEKS]}, "2026-11-25T09:00+01:00", ("11-25T07:00Z", "11-25T11:30Z")),
        ({day: [["00:00", "24:00"]] for day in DAYS}, "2026-11-25T09:00+01:00", (None, None)),
        ({"mon": [["20:00", "24:00"]], "tue": [["00:00", "02:00"]]}, "2026-11-23T23:59+01:00",
         ("11-23T19:00Z", "11-24T01:00Z")),  # a night is two periods
        ({}, "2026-11-25T09:00+01:00", (None, None)),
        # 02:30 never comes in March: from 03:00; in October 02:00 follows 02:59
        ({"sun": [["02:30", "05:00"]]}, "2026-03-29T00:30+01:00", ("03-22T04:00Z", "03-29T01:00Z")),
        ({"sun": [["02:30", "05:00"]]}, "2026-10-25T02:45+02:00", ("10-25T00:30Z", "10-25T01:00Z")),
        ({"sun": [["02:30", "05:00"]]}, "2026-10-25T02:10+01:00", ("10-25T01:00Z", "10-25T01:30Z")),
    ],
)  # fmt: skip
def test_it_opens_and_closes(hours: object, at: str, expected: tuple[str | None, str | None]) -> None:
    assert turns(hours, at) == expected


PERIODS = st.lists(
    st.tuples(st.integers(0, 95), st.integers(1, 96)).filter(lambda pair: pair[0] < pair[1]).map(
        lambda pair: [f"{minute // 60:02d}:{minute % 60:02d}" for minute in (pair[0] * 15, pair[1] * 15)]
    ),
    max_size=2,
)  # fmt: skip


@settings(max_examples=60)
@given(
    hours=st.dictionaries(st.sampled_from(DAYS), PERIODS),
    start=st.sampled_from(["2026-03-28", "2026-10-24", "2028-02-28", "2026-12-31"]),
    minutes=st.integers(0, 2 * 24 * 60),
    zone=st.sampled_from(["Europe/Paris", "America/Cayenne", "Australia/Lord_Howe"]),
)
def test_as_a_search_minute_by_minute_finds(hours: object, start: str, minutes: int, zone: str) -> None:
    schedule, place = schedule_from_json(hours), ZoneInfo(zone)
    at = datetime.fromisoformat(start).replace(tzinfo=UTC) + minutes * MINUTE
    assert next_turn(schedule, at, place, days=2) == _search(schedule, at, place, MINUTE) or (
        _search(schedule, at, place, MINUTE) is None
    )
    before = last_turn(schedule, at, place, days=2)
    if before is not None:
        assert before <= at
        assert schedule.covers(before, place) is schedule.covers(at, place)
        assert schedule.covers(before - MINUTE, place) is not schedule.covers(at, place)


def _search(schedule: Schedule, at: datetime, zone: ZoneInfo, step: timedelta) -> datetime | None:
    state, moment = schedule.covers(at, zone), at
    while moment < at + timedelta(days=1, hours=20):
        moment += step
        if schedule.covers(moment, zone) is not state:
            return moment
    return None
