"""The API and Grafana's views count free seats by one rule, and read hours as the doors do."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit
from zoneinfo import ZoneInfo

import httpx
import psycopg
import pytest
from psycopg.types.json import Jsonb

from access.holidays import is_holiday
from access.schedules import DAYS, schedule_from_json, with_department
from dashboards.roles import create_reader, drop_reader
from tests.api_server import Centre, api_process
from tests.conftest import Database
from tests.free_seats import CASES, arrange
from tests.waiting import until


@pytest.fixture
def centre(database: Database) -> Iterator[Centre]:
    """Yield the writer of the database."""
    writer = Centre(database.url)
    yield writer
    writer.close()


@pytest.fixture
def served(database: Database, centre: Centre) -> Iterator[httpx.Client]:
    """Yield a client of an API over the table of cases: place ``case-N`` is case N."""
    centre.conn.execute("INSERT INTO member (ref) SELECT 'm-0000' || n FROM generate_series(1, 9) AS n")
    for number, case in enumerate(CASES):
        arrange(centre, f"case-{number}", case)
    with api_process(database.as_login("api_1")) as client:
        client.headers.update(centre.key())
        yield client


@pytest.fixture
def reader(database: Database) -> Iterator[str]:
    """Yield the URL of a Grafana reader of the whole network."""
    name = f"reader_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(database.url, autocommit=True) as owner:
        create_reader(owner, name, "of-the-test", None)
        parts = urlsplit(database.url)
        yield urlunsplit(parts._replace(netloc=f"{name}:of-the-test@{parts.hostname}:{parts.port}"))
        drop_reader(owner, name)


def test_the_api_says_what_the_rule_says(served: httpx.Client) -> None:
    told = {place["place"]: place for place in served.get("/v1/occupancy").json()["places"]}
    for number, case in enumerate(CASES):
        place = told[f"case-{number}"]
        room = next(space for space in place["spaces"] if space["space"] == "room-1")
        assert (_pair(place["free"]), _pair(room["free"])) == (case.free, case.in_room), case.name
        assert (place["open"], place["locked"]) == (case.opened, case.locked), case.name
        assert (room["booked_until"] is not None) == ("room" in case.booked), case.name


def test_a_seat_is_offered_by_the_same_rule(served: httpx.Client) -> None:
    answer = served.get("/v1/availability?near=45.83,1.26&seats=1&limit=500").json()
    offered = {row["place"]: (row["free"]["low"], row["free"]["high"]) for row in answer["places"]}
    assert offered == {f"case-{n}": case.free for n, case in enumerate(CASES) if case.free and case.free[0]}
    rooms = served.get("/v1/availability?near=45.83,1.26&seats=6&kind=meeting_room&limit=500").json()
    free = {f"case-{n}" for n, case in enumerate(CASES) if case.in_room and case.in_room[0]}
    assert {row["place"] for row in rooms["places"]} == free


def test_grafana_says_what_the_rule_says(served: httpx.Client, reader: str) -> None:
    del served
    with psycopg.connect(reader) as connection:
        places = connection.execute("SELECT place, free_low, free_high, open, locked FROM report.place_free").fetchall()
        rooms = connection.execute(
            "SELECT place, free_low, free_high FROM report.space_now WHERE space = 'room-1'"
        ).fetchall()
    told = {place: rest for place, *rest in places}
    inside = {place: rest for place, *rest in rooms}
    for number, case in enumerate(CASES):
        low, high, opened, locked = told[f"case-{number}"]
        assert (None if low is None else (low, high)) == case.free, case.name
        low, high = inside[f"case-{number}"]
        assert (None if low is None else (low, high)) == case.in_room, case.name
        assert (opened, locked) == (case.opened, case.locked), case.name


def test_what_happens_is_followed_without_an_event_of_any_device(served: httpx.Client, centre: Centre) -> None:
    def told() -> dict[str, Any]:
        answer: dict[str, Any] = served.get("/v1/places/case-0/occupancy").json()
        return answer

    since = served.get("/v1/occupancy").json()["cursor"]
    assert _pair(told()["free"]) == (17, 19)
    (place,) = centre.conn.execute("SELECT id FROM place WHERE code = 'case-0'").fetchone() or (None,)
    centre.conn.execute(
        "INSERT INTO booking (member, place, space, starts_at, ends_at) SELECT 'm-00001', place, id, now(), %s"
        " FROM space WHERE place = %s AND code = 'room-1'",
        (datetime.now(UTC) + timedelta(hours=1), place),
    )
    until(lambda: told()["spaces"][2]["booked_until"], deadline_s=30, what="the booking is told")
    centre.conn.execute("UPDATE place SET opening_hours = '{}' WHERE id = %s", (place,))
    until(lambda: told()["open"] is False, deadline_s=30, what="the place is closed")
    assert _pair(told()["free"]) == (0, 0)
    changed = served.get("/v1/occupancy", params={"changed_since": since}).json()["places"]
    assert [one["place"] for one in changed] == ["case-0"]


HOLIDAYS: Final = {"holidays": {"department": None, "hours": [["10:00", "12:00"]]}}
WEEKS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"mon": [["08:00", "12:00"], ["14:00", "24:00"]], "sun": [["00:00", "24:00"]]},
    {**{day: [["09:00", "18:00"]] for day in DAYS}, **HOLIDAYS},
    {**{day: [["09:00", "18:00"]] for day in DAYS}, "holidays": {"department": "974"}},
    {
        **{day: [["09:00", "18:00"]] for day in DAYS},
        **HOLIDAYS,
        "except": [["2026-12-24", "2026-12-26", [["09:00", "10:00"]]], ["2026-12-25", "2026-12-31", []]],
        "closed": [["2027-01-02", "2027-01-03"]],
    },
)


def test_hours_are_read_as_the_doors_read_them(centre: Centre) -> None:
    moments = [datetime(2026, 12, 20, tzinfo=UTC) + timedelta(minutes=30 * step) for step in range(48 * 16)]
    moments += [one + timedelta(minutes=29, seconds=59) for one in moments[::7]]
    moments += [datetime(2026, 3, 29, tzinfo=UTC) + timedelta(minutes=15 * step) for step in range(16)]
    moments += [datetime(2026, 10, 25, tzinfo=UTC) + timedelta(minutes=15 * step) for step in range(16)]
    for hours, department in product(WEEKS, ("87", "67", "974")):
        schedule, zone = schedule_from_json(with_department(hours, department)), ZoneInfo("Europe/Paris")
        found = centre.conn.execute(
            "SELECT hours_cover(%s, %s, at AT TIME ZONE 'Europe/Paris') FROM unnest(%s::timestamptz[]) AS at",
            (Jsonb(hours), department, moments),
        ).fetchall()
        assert [row[0] for row in found] == [schedule.covers(at, zone) for at in moments]


def test_public_holidays_are_the_same_in_the_database(centre: Centre) -> None:
    departments = ("87", "57", "67", "971", "972", "973", "974", "976", "977", "978")
    days = centre.conn.execute(
        "SELECT day::date, code, is_public_holiday(day::date, code)"
        " FROM generate_series(date '2020-01-01', date '2050-12-31', '1 day') AS day, unnest(%s::text[]) AS code",
        (list(departments),),
    ).fetchall()
    assert all(found is is_holiday(day, code) for day, code, found in days)


@pytest.mark.parametrize(
    "hours",
    [
        {"mon": [["08:00", "18:00"]], **HOLIDAYS},
        {"except": [["2026-12-24", "2026-12-24", []]], "closed": [["2026-12-25", "2026-12-26"]]},
        {"holidays": {"department": "2A", "hours": []}},
    ],
)
def test_a_place_may_say_what_it_does_on_holidays(centre: Centre, hours: dict[str, Any]) -> None:
    centre.place("limoges", opening_hours=Jsonb(hours))


@pytest.mark.parametrize(
    "hours",
    [
        {"holidays": []},
        {"holidays": {"hours": [["18:00", "08:00"]]}},
        {"holidays": {"department": "somewhere"}},
        {"closed": [["2026-12-26", "2026-12-24"]]},
        {"closed": [["2026-12-26"]]},
        {"closed": {}},
        {"except": [["2026-12-24", "2026-12-24"]]},
        {"except": [["2026-12-24", "tomorrow", []]]},
        {"except": [["2026-12-24", "2026-12-24", [["8", "9"]]]]},
        {"linked": []},
    ],
)
def test_hours_that_make_no_sense_are_refused(centre: Centre, hours: dict[str, Any]) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        centre.place("limoges", opening_hours=Jsonb(hours))


def _pair(free: dict[str, int] | None) -> tuple[int, int] | None:
    return None if free is None else (free["low"], free["high"])
