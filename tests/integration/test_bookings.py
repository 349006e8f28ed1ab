"""Bookings hold: a room has one party at a time, a closed place none; a closure is made once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg.types.json import Jsonb

from access.schedules import DAYS
from tests.integration.test_api_manage import wrong
from tests.managed import Managed, managed


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        yield one


def test_a_room_is_booked_once_at_a_time(network: Managed) -> None:
    others = [network.someone(name) for name in ("Ada Un", "Bob Deux")]
    body = {"member": others[0], "place": "limoges", "space": "room-1"}
    first = network.post("desk", "/v1/bookings", {**body, **_hours(9, 11)})
    assert first.status_code == 201, first.text
    over = network.post("desk", "/v1/bookings", {**body, "member": others[1], **_hours(10, 12)})
    assert wrong(over) == (409, "from")
    assert first.json()["ref"] in over.json()["detail"]
    assert wrong(network.post("desk", "/v1/bookings", {**body, **_hours(9, 11)})) == (409, "from")
    after = network.post("desk", "/v1/bookings", {**body, "member": others[1], **_hours(11, 12)})
    assert after.status_code == 201, "one ends when the next begins"
    moved = network.change("desk", "PATCH", after.headers["location"], _hours(10, 12))
    assert wrong(moved) == (409, "from")
    longer = network.change("desk", "PATCH", after.headers["location"], _hours(11, 13))
    assert longer.status_code == 200, "its own time doesn't stand against it"
    for member in others:  # seats of an open space are several
        seat = network.post("desk", "/v1/bookings", {**body, "member": member, "space": "open-space", **_hours(9, 11)})
        assert seat.status_code == 201, seat.text
    assert wrong(
        network.post("desk", "/v1/bookings", {**body, "member": others[0], "space": "open-space", **_hours(9, 11)})
    ) == (409, "from"), "the same booking twice"
    assert network.change("desk", "DELETE", first.headers["location"]).status_code == 200
    again = network.post("desk", "/v1/bookings", {**body, "member": others[1], **_hours(9, 10)})
    assert again.status_code == 201, "what is cancelled holds nothing"


def test_the_database_itself_refuses_a_room_twice(network: Managed) -> None:
    insert = """
    INSERT INTO booking (member, place, space, starts_at, ends_at)
    SELECT %s, s.place, s.id, now() + %s * interval '1 hour', now() + %s * interval '1 hour'
    FROM space s JOIN place p ON p.id = s.place WHERE p.code = 'isle' AND s.code = 'room-1' RETURNING ref
    """
    network.sql(insert, network.member, 100, 102)
    with pytest.raises(psycopg.errors.ExclusionViolation):
        network.sql(insert, network.someone(), 101, 103)
    network.sql(insert, network.someone(), 102, 103)
    with pytest.raises(psycopg.errors.ExclusionViolation):
        network.sql(
            "UPDATE booking SET ends_at = ends_at + interval '1 minute' WHERE member = %s RETURNING 1", network.member
        )


def test_a_closed_place_takes_no_booking(network: Managed) -> None:
    body = {"member": network.member, "place": "limoges", "space": "room-1"}
    day = _day(20)
    network.sql(
        "UPDATE place SET opening_hours = %s WHERE code = 'limoges' RETURNING 1",
        Jsonb({one: [["08:00", "12:00"], ["13:00", "18:00"]] for one in DAYS}),
    )
    try:
        assert network.post("desk", "/v1/bookings", {**body, **_hours(13, 18, day)}).status_code == 201
        early = network.post("desk", "/v1/bookings", {**body, **_hours(7, 9, day)})
        assert wrong(early) == (409, "from")
        assert f"opens at 08:00 on {day:%A %Y-%m-%d} (Europe/Paris)" in early.json()["detail"]
        noon = network.post("desk", "/v1/bookings", {**body, **_hours(11, 14, day)})
        assert wrong(noon) == (409, "until")
        assert f"closes at 12:00 on {day:%A %Y-%m-%d}" in noon.json()["detail"]
        network.sql(
            "INSERT INTO closure (place, first, last) SELECT id, %s, %s FROM place WHERE code = 'limoges' RETURNING 1",
            day + timedelta(days=1),
            day + timedelta(days=3),
        )
        shut = network.post("desk", "/v1/bookings", {**body, **_hours(9, 10, day + timedelta(days=2))})
        assert wrong(shut) == (409, "from")
        assert f"opens at 08:00 on {day + timedelta(days=4):%A %Y-%m-%d}" in shut.json()["detail"]
    finally:
        network.sql("DELETE FROM closure WHERE first > current_date + 10 RETURNING 1")
        network.sql("UPDATE place SET opening_hours = NULL WHERE code = 'limoges' RETURNING 1")


def test_a_closure_is_made_once(network: Managed) -> None:
    body = {"place": "limoges", "first": "2031-12-24", "last": "2031-12-26"}
    made = network.post("manager", "/v1/closures", body)
    assert made.status_code == 201, made.text
    assert wrong(network.post("manager", "/v1/closures", {**body, "reason": "Fêtes"})) == (409, "first")
    other = network.post("manager", "/v1/closures", {**body, "last": "2031-12-27"})
    assert other.status_code == 201, other.text
    days = {"first": body["first"], "last": body["last"]}
    assert wrong(network.change("manager", "PUT", other.headers["location"], days)) == (409, "first")
    network_wide = {"first": "2031-05-01", "last": "2031-05-01"}
    assert network.post("admin", "/v1/closures", network_wide).status_code == 201
    assert wrong(network.post("admin", "/v1/closures", network_wide)) == (409, "first")


def _day(after: int) -> date:
    """A day to come."""
    return (datetime.now(UTC) + timedelta(days=after)).date()


def _hours(first: int, last: int, day: date | None = None) -> dict[str, str]:
    """From one hour to another of a day to come, on the clock in Paris."""
    zone, day = ZoneInfo("Europe/Paris"), day or _day(10)
    return {
        name: datetime.combine(day, time(hour), zone).isoformat() for name, hour in (("from", first), ("until", last))
    }
