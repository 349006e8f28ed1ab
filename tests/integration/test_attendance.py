"""Bookings follow what doors and desks report: checked in, left, over, released where nobody came."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final

import psycopg
import pytest
from psycopg.types.json import Jsonb

from database.pool import connect
from gateway.contract.stored_events import KINDS
from jobs.attendance.following import follow
from tests.conftest import Database

SETUP: Final = """
INSERT INTO place (code, name, shard, latitude, longitude, source, source_id) VALUES ('a', 'A', 0, 45, 1, 't', '1');
INSERT INTO space (place, code, name, kind) VALUES (1, 'place', 'A', 'place');
INSERT INTO space (place, parent, code, name, kind, capacity) VALUES (1, 1, 'open', 'Open', 'open_space', 8),
  (1, 1, 'room', 'Room', 'meeting_room', 6);
INSERT INTO desk (place, space, code, name) VALUES (1, 2, 'd1', 'D1'), (1, 2, 'd2', 'D2');
INSERT INTO door (place, code, name, to_space) VALUES (1, 'entry', 'Entry', 1);
INSERT INTO gateway (place, code) VALUES (1, 'a-g1');
INSERT INTO device (gateway, place, code, kind, driver, address, door, side) VALUES
  (1, 1, 'in', 'reader', 'esp_rfid', 'in', 1, 'in'), (1, 1, 'out', 'reader', 'esp_rfid', 'out', 1, 'out');
INSERT INTO device (gateway, place, code, kind, driver, address, space, desk) VALUES
  (1, 1, 'desk1', 'desk_sensor', 'zigbee2mqtt', 'desk1', 2, 1);
INSERT INTO stream (gateway, epoch) VALUES (1, '0123456789abcdef');
INSERT INTO resource (place, space, code, name, kind) VALUES
  (1, 2, 'desks', 'Desk', 'desk'), (1, 3, 'room', 'Room', 'room');
INSERT INTO resource_unit (resource, place, code, desk) VALUES (1, 1, 'd1', 1), (1, 1, 'd2', 2), (2, 1, '1', NULL);
INSERT INTO member (ref, name, email) VALUES ('m-anne', 'Anne', 'anne@example.org'), ('m-boris', 'Boris', NULL);
"""
IN, OUT, DESK1 = 1, 2, 3
NOW: Final = datetime.now(UTC).replace(microsecond=0)


class Centre:
    """A place's stored events, bookings and jobs; ``minutes`` count from now."""

    def __init__(self, owner: psycopg.Connection[Any], jobs: psycopg.Connection[Any]) -> None:
        self.owner, self.jobs = owner, jobs
        self._seq = count(1)
        self.run(0)

    def sql(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        cursor = self.owner.execute(query.encode(), values)
        return cursor.fetchall() if cursor.description else []

    def run(self, minutes: float) -> None:
        while not follow(self.jobs, at(minutes)):
            pass

    def stored(self, minutes: float, device: int, *, kind: str = "access", state: int | None = 1, **more: Any) -> None:
        """An event as the ingest stores it."""
        seq, when = next(self._seq), at(minutes)
        member, detail = more.pop("member", None), Jsonb(more) if more else None
        self.sql(
            "INSERT INTO event (at, received_at, tx, stream, seq, place, device, kind, state, member, detail)"
            " VALUES (%s, now(), %s, 1, %s, 1, %s, %s, %s, %s, %s)",
            when, seq, seq, device, KINDS[kind], state, member, detail,
        )  # fmt: skip
        self.sql("SELECT append_feed(%s, '{1}', '{1}', %s, %s, %s, %s)", seq, [seq], [seq], [when], [when])

    def booked(self, begin: float, end: float, *, unit: int | None = 1, member: str = "m-anne") -> str:
        query = "INSERT INTO booking (place, unit, member, starts_at, ends_at) VALUES (1, %s, %s, %s, %s) RETURNING ref"
        return str(self.sql(query, unit, member, at(begin), at(end))[0][0])

    def heard(self, minutes: float, *, desk: bool | None = False, present: int | None = 0, sent: bool = True) -> None:
        """The gateway was heard with nothing left to send, and this is the state of all spaces."""
        self.sql(
            "INSERT INTO gateway_state (gateway, place, online, heard_at, changed_at, spool_depth)"
            " VALUES (1, 1, true, %s, %s, %s)"
            " ON CONFLICT (gateway) DO UPDATE SET heard_at = excluded.heard_at, spool_depth = excluded.spool_depth",
            at(minutes), at(minutes), 0 if sent else 5,
        )  # fmt: skip
        fold = Jsonb({"desks": {str(DESK1): [desk, 0]}, "silent": []})
        self.sql("DELETE FROM space_state")
        self.sql(
            "INSERT INTO space_state (space, place, revision, present, low, high, quality, at, ttl_s, changed_at, fold)"
            " SELECT id, 1, 1, %s, %s, %s, %s, %s, 120, %s, %s FROM space",
            present, present, present, "unknown" if present is None else "live", at(minutes), at(minutes), fold,
        )  # fmt: skip

    def state(self, ref: str) -> tuple[Any, ...]:
        """Status, and when it was checked in and ends, in minutes from now."""
        status, came, ends = self.sql("SELECT status, checked_in_at, ends_at FROM booking WHERE ref = %s", ref)[0]
        return status, None if came is None else (came - NOW).total_seconds() / 60, (ends - NOW).total_seconds() / 60

    def mails(self) -> list[str]:
        return [row[0] for row in self.sql("SELECT kind FROM mail ORDER BY id")]


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


@pytest.fixture
def centre(database: Database) -> Iterator[Centre]:
    with (
        psycopg.connect(database.url, autocommit=True) as owner,
        connect(database.as_login("maintain_1"), application_name="test", autocommit=True) as jobs,
    ):
        owner.execute(SETUP.encode())
        yield Centre(owner, jobs)


def test_a_desk_is_held_from_badge_in_until_its_holder_has_left(centre: Centre) -> None:
    early, later = centre.booked(60, 120), centre.booked(200, 300, unit=2)
    other = centre.booked(60, 120, unit=2, member="m-boris")
    centre.stored(44, IN, member="m-anne")  # 16 minutes before: too early
    centre.run(45)
    assert centre.state(early) == ("booked", None, 120)
    centre.stored(46, IN, member="m-anne", state=0)  # refused
    centre.stored(47, IN, member="m-anne", awaits=True)
    centre.run(48)
    assert centre.state(early) == ("booked", None, 120)
    went = int(at(47).timestamp() * 1_000_000)
    centre.stored(47.2, IN, kind="access_taken", state=None, access_at=went)
    centre.run(48)
    assert centre.state(early) == ("checked_in", 47, 120)
    revision = centre.sql("SELECT revision FROM booking WHERE ref = %s", early)
    centre.stored(70, OUT, member="m-anne")
    centre.stored(80, IN, member="m-anne")
    centre.stored(90, OUT, member="m-anne")
    centre.run(90)
    assert centre.sql("SELECT revision FROM booking WHERE ref = %s", early) == revision
    centre.sql("UPDATE attendance_mark SET n = 0")  # every event once more
    centre.run(104)
    assert centre.state(early) == ("checked_in", 47, 120)  # may come back within 15 minutes
    centre.run(105)
    assert centre.state(early) == ("ended", 47, 90)
    assert centre.sql("SELECT released_at FROM booking WHERE ref = %s", early) == [(at(90),)]
    assert centre.sql("SELECT unit FROM free_units(1, %s, %s)", at(90), at(120)) == [(1,)]
    assert centre.state(other) == ("booked", None, 120)
    centre.run(120)
    assert centre.state(other) == ("ended", None, 120)
    assert centre.state(later) == ("booked", None, 300)
    # A gateway was offline: its badge-in comes after the end.
    centre.stored(61, IN, member="m-boris")
    centre.run(121)
    assert centre.state(other) == ("ended", 61, 120)


def test_who_is_inside_already_is_checked_in_and_who_leaves_before_is_not(centre: Centre) -> None:
    centre.stored(-30, IN, member="m-anne")
    inside, gone = centre.booked(0, 60), centre.booked(0, 60, unit=2, member="m-boris")
    centre.stored(-10, IN, member="m-boris")
    centre.run(-9)
    assert centre.state(gone) == ("checked_in", -10, 60)
    centre.stored(-5, OUT, member="m-boris")
    centre.run(1)
    assert centre.state(inside) == ("checked_in", 0, 60)
    assert centre.state(gone) == ("booked", None, 60)


def test_a_desk_that_becomes_taken_checks_in_who_booked_it(centre: Centre) -> None:
    before, booking = centre.booked(0, 30, member="m-boris"), centre.booked(30, 60)
    centre.stored(5, DESK1, kind="desk")
    centre.stored(25, DESK1, kind="desk", state=0)
    centre.stored(26, DESK1, kind="desk")  # the desk is Boris's until 30
    centre.stored(31, DESK1, kind="desk")  # says again that it is taken
    centre.run(31)
    assert (centre.state(before), centre.state(booking)) == (("ended", 5, 30), ("booked", None, 60))
    centre.stored(32, DESK1, kind="desk", state=0)
    centre.stored(33, DESK1, kind="desk")
    centre.run(34)
    assert centre.state(booking) == ("checked_in", 33, 60)
    centre.stored(40, OUT, member="m-anne")
    centre.heard(55, desk=True)  # somebody sits there: the desk isn't free
    centre.run(55)
    assert centre.state(booking) == ("checked_in", 33, 60)
    centre.heard(56, desk=False)
    centre.run(56)
    assert centre.state(booking) == ("ended", 33, 40)


def test_a_room_is_held_while_anybody_may_be_in_it(centre: Centre) -> None:
    room = centre.booked(0, 60, unit=3)
    centre.stored(1, IN, member="m-anne")
    centre.stored(20, OUT, member="m-anne")
    for present in (2, None):
        centre.heard(40, present=present)
        centre.run(40)
        assert centre.state(room) == ("checked_in", 1, 60)
    centre.heard(41)
    centre.run(41)
    assert centre.state(room) == ("ended", 1, 20)


def test_a_no_show_is_released_only_where_all_is_known_to_be_silent(centre: Centre) -> None:
    refs = [centre.booked(0, 60), centre.booked(0, 60, unit=3, member="m-boris")]
    centre.run(5)
    assert centre.mails() == []  # off unless the place says so
    centre.sql("INSERT INTO booking_rule (place, no_show_minutes) VALUES (1, 20)")
    centre.sql("INSERT INTO booking_rule (place, kind, no_show_minutes) VALUES (1, 'room', 40)")
    centre.heard(9)
    centre.run(9.9)
    assert centre.mails() == []
    centre.run(12)
    centre.run(13)
    assert centre.mails() == ["no_show_warning"]
    centre.heard(21.9)  # warned at 12: ten minutes from then on
    centre.run(21.9)
    assert centre.state(refs[0])[0] == "booked"
    centre.heard(25, sent=False)  # a badge-in may be among what it has left to send
    centre.run(25)
    assert centre.state(refs[0])[0] == "booked"
    for desk, present in ((True, 0), (None, 0), (False, None)):
        centre.heard(25, desk=desk, present=present)
        centre.run(25)
        assert centre.state(refs[0])[0] == "booked", (desk, present)
    centre.heard(25)
    centre.run(28)  # not heard for three minutes, and a number holds for two
    assert centre.state(refs[0])[0] == "booked"
    centre.run(26)
    assert [centre.state(ref) for ref in refs] == [("no_show", None, 60), ("booked", None, 60)]
    assert sorted(centre.mails()) == ["no_show", "no_show_warning", "no_show_warning"]
    lines = "SELECT action, actor LIKE '%%maintain%%' FROM audit WHERE subject = 'booking ' || %s ORDER BY id"
    assert centre.sql(lines, refs[0]) == [("booking created", False), ("booking changed", True)]
    assert centre.sql("SELECT unit FROM free_units(1, %s, %s)", at(30), at(60)) == [(1,), (2,)]
    centre.stored(39, IN, member="m-boris")
    centre.heard(45)
    centre.run(45)
    assert centre.state(refs[1]) == ("checked_in", 39, 60)
