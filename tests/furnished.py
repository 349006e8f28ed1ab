"""A place with a past, for the tests of managers' pages: door events, days of history, a device that is heard."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.managed import Managed
from tests.operated import Door, door

PARIS = ZoneInfo("Europe/Paris")
MARKUP = "<img src=x onerror=alert(1)>"
"""What a person may write into any field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Furnished:
    """Limoges with a reader on each side of its entry, a contact, three people and yesterday's and today's past."""

    network: Managed
    door: Door
    heard: int
    """A desk sensor that is heard and not assigned."""
    granted: tuple[int, int]
    """A stream and number of a card read."""


def furnish(network: Managed) -> Furnished:
    """Furnish Limoges."""
    one = door(network, contact=True)
    jeanne = network.member
    card = network.card(jeanne, "04112233445566", status="active")
    assert card
    now = datetime.now(UTC)
    granted = one.read(now - timedelta(minutes=30), card="04112233445566", member=jeanne, rule="rights")
    one.read(now - timedelta(minutes=20), card="04AABBCCDDEEFF", reason="unknown_card")
    one.read(now - timedelta(minutes=10), card="04112233445566", member=jeanne, reason="outside_schedule", side="out")
    trouble(network, one, now - timedelta(minutes=5), 2)
    day = now.astimezone(PARIS).date()
    for back in (0, 1, 2, 8):
        remember(network, day - timedelta(days=back), until=now)
    network.centre.gateway("limoges", online=False, spool_depth=120)
    network.sql("UPDATE gateway SET joined_at = now() - interval '30 days' WHERE code = 'limoges-1' RETURNING id")
    return Furnished(network=network, door=one, heard=hear(network, "app/24e1"), granted=granted)


def trouble(network: Managed, one: Door, at: datetime, state: int) -> None:
    """Store what a door's contact said: 2 forced, 3 held open, 4 tampered with."""
    network.sql(
        "INSERT INTO event (at, received_at, tx, stream, seq, place, device, kind, state)"
        " VALUES (%s, now(), nextval('event_batch'), %s, %s, %s, %s, 4, %s) RETURNING seq",
        at, one.ids["stream"], next(one.numbers), one.ids["place"], one.ids["in"], state,
    )  # fmt: skip


def hear(network: Managed, address: str, kind: str | None = "desk_sensor", said: str = "occupied") -> int:
    """Store a device that is heard as the ingest does; return its number."""
    found = network.sql(
        "INSERT INTO heard_device (gateway, place, driver, model, kind, address, key, first_at, last_at, times, said)"
        " SELECT g.id, g.place, 'chirpstack', 'VS341', %s, %s, lower(%s), now(), now(), 3, %s"
        " FROM gateway g WHERE g.code = 'limoges-1' RETURNING id",
        kind, address, address, said,
    )  # fmt: skip
    return int(found[0][0])


def remember(network: Managed, day: date, *, until: datetime) -> None:
    """Store a day of history: people come from 8 to 18 h, and from 12 to 13 h nothing is known."""
    starts = datetime(day.year, day.month, day.day, tzinfo=PARIS).astimezone(UTC)
    ends = (starts.astimezone(PARIS).replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=PARIS).astimezone(UTC)
    count = min(int((ends - starts) / timedelta(minutes=15)), max(1, int((until - starts) / timedelta(minutes=15))))
    hours = [(starts + n * timedelta(minutes=15)).astimezone(PARIS).hour for n in range(count)]
    known = [0 if hour == 12 else 900 for hour in hours]
    people = [(hour - 7 if hour < 13 else 19 - hour) if 8 <= hour < 19 else 0 for hour in hours]
    persons = [n * seconds for n, seconds in zip(people, known, strict=True)]
    nothing = [0] * count
    row: dict[str, Any] = {
        "day": day,
        "starts": starts,
        "persons": persons,
        "peak": [n if seconds else None for n, seconds in zip(people, known, strict=True)],
        "known": known,
        "zero": nothing,
        "capacity": [30] * count,
        "sum": sum(persons),
        "seats": 30 * sum(known),
        "known_s": sum(known),
        "top": max(people),
        "seconds": 900 * count,
    }
    columns = (
        "INSERT INTO history_day (published, space, day, place, zone, starts, persons, peak, known, degraded, shown,"
        " line, capacity, seconds, person_s, seat_s, known_s, degraded_s, shown_s, line_s, day_peak, day_capacity)"
    )
    network.centre.conn.execute(
        (columns + " SELECT false, s.id, %(day)s, s.place, 'Europe/Paris', %(starts)s, %(persons)s, %(peak)s,"
        " %(known)s, %(zero)s, %(zero)s, %(zero)s, %(capacity)s, %(seconds)s, %(sum)s, %(seats)s, %(known_s)s, 0, 0, 0,"
        " %(top)s, 30 FROM space s JOIN place p ON p.id = s.place"
         " WHERE p.code = 'limoges' AND s.parent IS NULL").encode(),
        row,
    )  # fmt: skip
