"""OpenStreetMap's opening hours say the same here as to a second reader of that syntax."""

from __future__ import annotations

import warnings
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from access.holidays import holidays
from access.schedules import Schedule, schedule_from_json
from access.school_holidays import in_school_holidays
from rights.osm_hours import HoursUnreadable, hours_from_osm, hours_to_osm

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its grammar's library uses a module that Python has renamed
    from osm_opening_hours_humanized import OHParser  # type: ignore[import-untyped]

PARIS = ZoneInfo("Europe/Paris")
TODAY = date(2026, 11, 26)
CLOCK = (
    time(0),
    time(8, 59),
    time(9),
    time(11, 59),
    time(12),
    time(14),
    time(17, 59),
    time(18),
    time(21, 30),
    time(23, 59),
)


def read(text: str, department: str = "87", today: date = TODAY) -> Schedule:
    hours = hours_from_osm(text, department=department, today=today)
    body = dict(hours)
    if "holidays" in body:
        body["holidays"] = {**body["holidays"], "department": department}
    return schedule_from_json(body)


def is_open(schedule: Schedule, day: date, clock: time) -> bool:
    return schedule.covers(datetime.combine(day, clock, PARIS), PARIS)


@pytest.mark.parametrize("department", ["87", "67", "974"])
@pytest.mark.parametrize(
    "text",
    [
        "24/7",
        "Mo-Fr 09:00-18:00",
        "Mo-Fr 09:00-12:00,14:00-18:00; Sa 10:00-12:00; PH off",
        "Mo-Sa 09:00-18:00; PH 10:00-12:00",
        "Mo-Fr 09:00-18:00; Aug off; PH off",
        "Jul-Aug Mo-Sa 10:00-20:00; Sep-Jun Mo-Fr 09:00-18:00",
        "Mo-Fr 09:00-18:00; 2026 Dec 24-2026 Dec 31 off",
        "Mo-Fr 18:00-22:00; Fr 20:00-02:00",
    ],
)
def test_every_day_of_a_year_is_as_a_second_library_reads_it(text: str, department: str) -> None:
    ours = read(text, department)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = OHParser(text)
        theirs.PH_dates += [day for year in (2026, 2027) for day in holidays(year, department)]
        for ahead in range(365):
            day = TODAY + timedelta(days=ahead)
            for clock in CLOCK:
                expected = theirs.is_open(datetime.combine(day, clock))
                assert is_open(ours, day, clock) is expected, (text, day, clock)


def test_school_holidays_are_those_of_the_zone() -> None:
    text = "Mo-Fr 09:00-18:00; SH Mo-Fr 14:00-18:00"
    for department in ("87", "35", "75"):
        schedule = read(text, department)
        for ahead in range((date(2027, 7, 2) - TODAY).days):
            day = TODAY + timedelta(days=ahead)
            expected = day.weekday() < 5 and not in_school_holidays(day, department)
            assert is_open(schedule, day, time(9)) is expected, (department, day)
    both = read("Mo-Fr 09:00-18:00; PH,SH off")
    assert not is_open(both, date(2026, 12, 22), time(10))
    assert not is_open(both, date(2027, 5, 6), time(10)), "Ascension"
    with pytest.raises(HoursUnreadable, match="school holidays of this place's department"):
        read(text, "2A")


@pytest.mark.parametrize(
    ("text", "at", "quoted"),
    [
        ("Mo-Fr 09:00-18:00; Sa 25:00-30:00", 23, "'25:00-30:00'"),
        ("lundi 9-12", 1, "'lundi 9-12'"),
        ("Mo-Fr 9h-18h", 7, "'9h-18h'"),
    ],
)
def test_an_error_says_where(text: str, at: int, quoted: str) -> None:
    with pytest.raises(HoursUnreadable, match=f"character {at}, from {quoted}") as caught:
        read(text)
    assert caught.value.at == at


def test_what_no_week_can_say_is_refused() -> None:
    with pytest.raises(HoursUnreadable, match="differ from day to day"):
        read("2026-2028 Mo-Su 09:00-10:00; week 1-53/2 We 14:00-15:00; week 1-53/2 Fr 16:00-17:00; Su[1] 10:00-12:00;"
             " Sa[2] 10:00-12:00; Tu[3] 11:00-19:00; Th[2] 08:00-19:00; Mo[-1] off")  # fmt: skip
    with pytest.raises(HoursUnreadable, match="expected 1 to"):
        read(" ")


@pytest.mark.parametrize(
    ("hours", "text"),
    [
        ({}, "off"),
        ({day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}, "24/7"),
        (
            {
                "mon": [["09:00", "12:00"], ["14:00", "18:00"]],
                "tue": [["09:00", "12:00"], ["14:00", "18:00"]],
                "fri": [["20:00", "24:00"]],
                "holidays": {"department": None, "hours": []},
                "except": [["2026-12-24", "2026-12-24", [["09:00", "12:00"]]], ["2026-12-21", "2026-12-31", []]],
                "closed": [["2027-02-01", "2027-02-01"]],
            },
            "Mo-Tu 09:00-12:00,14:00-18:00; Fr 20:00-24:00; PH off; 2026 Dec 21-2026 Dec 31 off;"
            " 2026 Dec 24 09:00-12:00; 2027 Feb 01 off",
        ),
    ],
)
def test_what_is_written_reads_as_it_was(hours: dict[str, object], text: str) -> None:
    assert hours_to_osm(hours) == text
    again, before = read(text), schedule_from_json(hours)
    for ahead in range(120):
        day = TODAY + timedelta(days=ahead)
        for clock in CLOCK:
            at = datetime.combine(day, clock, PARIS).astimezone(UTC)
            assert again.covers(at, PARIS) is before.covers(at, PARIS), (day, clock)
