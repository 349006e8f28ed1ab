"""Usual weeks come from memory once all are read; windows across a clock change."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from access.schedules import schedule_from_json
from api.http.errors import Unavailable
from api.http.timestamps import parse_rfc3339
from api.present import weeks
from api.present.ahead import NO_CURVES, ahead_of
from api.present.asking import window_of
from api.present.availability_models import AvailabilityQuestion
from api.present.booked import NOTHING
from api.present.curves import Forecasts
from api.present.wanted import Entitled, Wanted, unfit
from tests.unit.api.network_of import a_place

SUNDAY = {"sun": [["00:00", "06:00"]]}


class Database:
    """Has the weeks of some spaces; the place of space 10·n is n."""

    def __init__(self, spaces: Sequence[int]) -> None:
        self.spaces = list(spaces)
        self.queries = 0
        self.down = False

    async def rows(self, _pool: Any, query: str, values: Sequence[Any]) -> list[dict[str, Any]]:
        self.queries += 1
        if self.down:
            raise Unavailable("down")
        week = [[kind, hour, kind + hour / 100, 0, 9, 12] for kind in range(8) for hour in range(24)]
        if "LIMIT" in query:
            _, after, most = values
            found = [one for one in sorted(self.spaces) if one > after][:most]
            return [{"place": one // 10, "space": one, "usual": json.dumps(week)} for one in found]
        return [{"place": one // 10, "space": one, "usual": week} for one in self.spaces if one // 10 in values[1]]


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    database = Database(range(10, 2010, 5))
    monkeypatch.setattr(weeks, "public_rows", database.rows)
    monkeypatch.setattr(weeks, "_REST_S", 0.0)
    return database


def test_weeks_are_read_once_and_again_what_changed(database: Database) -> None:
    known = weeks.Weeks(None)  # type: ignore[arg-type]
    assert set((asyncio.run(known.of([3], public=True)))[3]) == {30, 35}
    assert database.queries == 1
    asyncio.run(known.read_all(public=True))
    read = database.queries
    assert read > 2, "several pages"
    found = asyncio.run(known.of([1, 3, 200, 999], public=True))
    assert {place: set(spaces) for place, spaces in found.items()} == {1: {10, 15}, 3: {30, 35}, 200: {2000, 2005}}
    assert database.queries == read, "nothing is asked of the database"
    database.spaces = [10, 9990]
    database.down = True
    with pytest.raises(Unavailable):
        asyncio.run(known.read_all(public=True))
    assert set(asyncio.run(known.of([3], public=True))) == {3}, "what was read is kept"
    database.down = False
    asyncio.run(known.read_all(public=True))
    assert {place: set(spaces) for place, spaces in (asyncio.run(known.of([1, 3, 999], public=True))).items()} == {
        1: {10},
        999: {9990},
    }


def test_weeks_are_read_again_once_some_were_learned(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weeks, "_LEAST_S", 0.0)

    async def run() -> None:
        known = weeks.Weeks(None)  # type: ignore[arg-type]
        database.spaces = []
        reading = asyncio.create_task(known.run())
        while not known._whole[False]:
            await asyncio.sleep(0)
        assert await known.of([3], public=False) == {}
        database.spaces = [30]
        known.learnt()
        async with asyncio.timeout(30):
            while not await known.of([3], public=False):
                await asyncio.sleep(0)
        reading.cancel()

    asyncio.run(run())


def test_too_many_weeks_are_read_when_they_are_asked_for(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weeks, "_MOST_SPACES", 100)
    known = weeks.Weeks(None)  # type: ignore[arg-type]
    asyncio.run(known.read_all(public=True))
    read = database.queries
    for _ in range(2):
        assert set((asyncio.run(known.of([3], public=True)))[3]) == {30, 35}
    assert database.queries == read + 1


@pytest.mark.parametrize(
    ("start", "closes"),
    [
        ("2026-10-25T01:00:00+02:00", "2026-10-25T06:00:00+01:00"),  # six hours
        ("2026-03-29T01:00:00+01:00", "2026-03-29T06:00:00+02:00"),  # four hours
    ],
)
def test_a_window_across_a_clock_change(start: str, closes: str) -> None:
    place = a_place(1, opening_hours=SUNDAY)
    begins, ends = parse_rfc3339(start), parse_rfc3339(closes)
    entitled = (Entitled(places=None, schedule=schedule_from_json(SUNDAY)),)
    for later, closed, outside in ((0, None, None), (1_000_000, "closes_early", "pass_hours")):
        wanted = Wanted(seats=1, start=begins, end=ends + later, passes=entitled)
        why = ahead_of(place, NO_CURVES, NOTHING, wanted, None).why
        assert why is not None
        assert why.code == (closed or "unknown")
        refused = unfit(place, wanted)
        assert (refused.code if refused else None) == outside


def test_the_hour_that_comes_twice_has_one_usual(database: Database) -> None:
    place = a_place(1)
    forecasts = Forecasts(None)  # type: ignore[arg-type]
    now = parse_rfc3339("2026-10-20T00:00:00Z")
    medians = []
    for at in ("2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"):
        found = asyncio.run(forecasts.at([place], parse_rfc3339(at), now, public=True))
        medians.append(round(found[1][10][3], 2))
    assert medians == [6.02, 6.02, 6.03]


def test_a_time_out_of_range_comes_with_one_that_is_in_range() -> None:
    now = parse_rfc3339("2026-11-23T08:00:30Z")
    for at, said in (("2020-01-01T00:00:00Z", "in the past"), ("2030-01-01T00:00:00Z", "more than a year ahead")):
        with pytest.raises(Exception, match=said) as caught:
            window_of(AvailabilityQuestion(near="45,1", at=at), now)
        assert "as 2026-11-24T08:00:00.000Z" in str(caught.value)
