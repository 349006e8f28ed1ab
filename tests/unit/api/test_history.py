"""The periods of the history: local days of any length, sums that agree, ranges that can't be answered."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.history.formats import as_csv, as_parquet, json_rows
from api.history.periods import Cell, by_hour, quarters, row_of
from api.history.quarter_json import quarter_rows
from api.history.questions import By, HistoryQuestion, window_of
from api.http.errors import BadQuery

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2027, 1, 1, tzinfo=UTC)
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)


def day(first: date, zone: ZoneInfo, people: list[int]) -> dict[str, object]:
    """A row of ``history_day``, each quarter hour with as many people, all of it known."""
    starts = datetime(first.year, first.month, first.day, tzinfo=zone).astimezone(UTC)
    count = len(people)
    return {
        "starts": starts,
        "minutes": 15,
        "persons": [one * 900 for one in people],
        "known": [900] * count,
        "peak": people,
        "degraded": [0] * count,
        "capacity": [20] * count,
    }


def cells(row: dict[str, object]) -> list[Cell]:
    return quarters(**row)  # type: ignore[arg-type]


def asked(by: By, start: str | None, end: str | None) -> HistoryQuestion:
    return HistoryQuestion.model_validate({"by": by, "from": start, "to": end})


@given(st.lists(st.integers(0, 500), min_size=100, max_size=100), st.sampled_from([SPRING, AUTUMN, date(2026, 6, 1)]))
def test_quarter_hours_hours_and_days_add_up_also_where_the_clocks_change(people: list[int], first: date) -> None:
    length = {SPRING: 92, AUTUMN: 100}.get(first, 96)
    found = cells(day(first, PARIS, people[:length]))
    hours = list(by_hour(found, PARIS))
    assert len(hours) == length // 4
    assert {cell.minutes for cell in hours} == {60}
    for name in ("person_s", "seat_s", "known_s", "seconds"):
        assert sum(getattr(cell, name) for cell in hours) == sum(getattr(cell, name) for cell in found)
    assert max(cell.peak or 0 for cell in hours) == max(people[:length])
    assert [cell.at for cell in hours] == [found[0].at + n * timedelta(hours=1) for n in range(length // 4)]


@pytest.mark.parametrize("first", [SPRING, AUTUMN, date(2026, 7, 14)])
@pytest.mark.parametrize("zone", ["Europe/Paris", "Indian/Reunion", "Pacific/Marquesas"])
def test_what_is_written_quickly_is_what_the_other_formats_say(first: date, zone: str) -> None:
    place = ZoneInfo(zone)
    starts = datetime(first.year, first.month, first.day, tzinfo=place).astimezone(UTC)
    following = first + timedelta(days=1)
    ends = datetime(following.year, following.month, following.day, tzinfo=place).astimezone(UTC)
    row = day(first, place, [n % 7 for n in range(int((ends - starts) / timedelta(minutes=15)))])
    start, end = starts + timedelta(hours=1), ends - timedelta(minutes=30)
    slow = [row_of(cell, place, public=False, group=False) for cell in cells(row) if start <= cell.at < end]
    assert json.loads(quarter_rows([row], place, start, end, public=False)) == json.loads(json_rows(slow))
    assert as_csv(slow).count(b"\r\n") == len(slow) + 1


def test_a_range_is_widened_to_whole_local_periods() -> None:
    month = window_of(asked("month", "2026-03-15T12:00:00+01:00", "2026-10-26"), PARIS, NOW)
    assert (month.first, month.last) == (date(2026, 3, 1), date(2026, 11, 1))
    week = window_of(asked("week", "2026-03-15", "2026-03-17"), PARIS, NOW)
    assert (week.first, week.last) == (date(2026, 3, 9), date(2026, 3, 23))
    hour = window_of(asked("hour", "2026-03-15T12:20:00Z", "2026-03-15T12:40:00Z"), ZoneInfo("Asia/Kolkata"), NOW)
    assert (hour.start, hour.end) == (
        datetime(2026, 3, 15, 11, 30, tzinfo=UTC),
        datetime(2026, 3, 15, 13, 30, tzinfo=UTC),
    )
    both = window_of(asked("quarter", str(SPRING), str(AUTUMN + timedelta(days=1))), PARIS, NOW)
    assert both.end - both.start == timedelta(days=211)  # one hour less, one hour more


@pytest.mark.parametrize(
    ("start", "end", "parameter"),
    [
        ("2026-03-02", "2026-03-01", "to"),
        ("2026-03-02", "2026-03-02", "to"),
        ("2026-03-02T10:00:00Z", "2026-03-02T10:00:00+01:00", "to"),
        ("1999-12-31", "2026-03-01", "from"),
        ("2026-02-30", None, "from"),
        ("2026-03-01T10:00:00", None, "from"),  # without its zone
        (None, "9999-01-01", "to"),
        ("2027-01-02", None, "from"),  # in the future, and nobody asked for an end
    ],
)
def test_a_range_that_makes_no_sense_is_refused(start: str | None, end: str | None, parameter: str) -> None:
    with pytest.raises(BadQuery) as refused:
        window_of(asked("day", start, end), PARIS, NOW)
    assert refused.value.parameter == parameter


@pytest.mark.parametrize("by", ["quarter", "hour", "day", "week", "month"])
def test_ten_years_come_in_pages_that_join_and_end_where_the_range_does(by: By) -> None:
    rest = whole = window_of(asked(by, "2016-01-15", "2026-01-20"), PARIS, NOW)
    pages = 0
    while True:
        page = rest.page(1000, 1)
        pages += 1
        assert page.first == rest.first
        if page is rest:
            break
        assert (page.last - page.first).days * {"quarter": 96, "hour": 24}.get(by, 1 / 7) <= 1000
        rest = window_of(asked(by, page.last.isoformat(), whole.end.isoformat()), PARIS, NOW)
        assert rest.first == page.last
    assert rest.last == whole.last
    assert pages == {"quarter": 366, "hour": 90, "day": 4, "week": 1, "month": 1}[by]


def test_a_file_of_columns_is_what_readers_of_parquet_expect() -> None:
    rows = [row_of(cell, PARIS, public=False, group=False) for cell in cells(day(SPRING, PARIS, [1, 2] * 46))]
    data = as_parquet(rows)
    assert data[:4] == data[-4:] == b"PAR1"
    # pyarrow read these very bytes: change the digest only after it has read the new ones
    assert hashlib.sha256(data).hexdigest()[:16] == "f6cf3cc40c41aaee"
    length = int.from_bytes(data[-8:-4], "little")
    footer = data[-8 - length : -8]
    for name in (b"at", b"person_hours", b"quality"):
        assert bytes([len(name)]) + name in footer


@pytest.mark.parametrize("named", [(), ("place",), ("department",)])
def test_the_columns_do_not_depend_on_whether_there_are_rows(named: tuple[str, ...]) -> None:
    rows = [row_of(cell, PARIS, public=False, group=False) for cell in cells(day(SPRING, PARIS, [1] * 92))]
    full = [replace(row, place="limoges", department="87") for row in rows]
    assert as_csv([], named) == as_csv(full, named).partition(b"\r\n")[0] + b"\r\n"
    assert all(name.encode() in as_parquet([], named) for name in named)
    assert list(json.loads(json_rows(full, named))[0])[: len(named) + 1] == [*named, "at"]
