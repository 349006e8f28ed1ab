"""What a place is worth: numbers worked out by hand, and again from its events, on a real database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any

import psycopg
import pytest

from api.keys.owner import create_key
from database.pool import connect
from jobs.maintain import maintain
from tests.api_server import api_process
from tests.conftest import Database
from tests.integration.test_history import Told
from tests.integration.test_maintain import DESK, EIGHT, MINUTE

_ASKED = {"from": "2026-03-03", "to": "2026-03-04"}
_SEQ = count(100_000)


class Desks(Told):
    """A place that is open on Tuesdays from 9 to 11 (8 to 10 UTC), with desks and their sensors."""

    def desk(self, code: str, *, every: timedelta | None = None, sensor: bool = True) -> int:
        """Make a desk and return its sensor's id."""
        row = self.connection.execute(
            "INSERT INTO desk (place, space, code, name) VALUES (%s, %s, %s, %s) RETURNING id",
            (self.place, self.space, code, code.upper()),
        ).fetchone()
        assert row is not None
        if not sensor:
            return 0
        made = self.connection.execute(
            "INSERT INTO device (place, gateway, code, kind, driver, address, space, desk, expect_every)"
            " VALUES (%s, %s, %s, 'desk_sensor', 'maillage', %s, %s, %s, %s) RETURNING id",
            (self.place, self.gateway, code, code, self.space, row[0], every),
        ).fetchone()
        assert made is not None
        return int(made[0])

    def said(self, sensor: int, at: datetime, state: int | None) -> None:
        """Store what a sensor said."""
        self.connection.execute(
            "WITH e AS (INSERT INTO event (at, received_at, tx, stream, seq, place, kind, device, state)"
            " VALUES (%s, now(), nextval('event_batch'), %s, %s, %s, %s, %s, %s)"
            " RETURNING tx, stream, place, seq, at)"
            " SELECT append_feed(tx, ARRAY[stream], ARRAY[place], ARRAY[seq], ARRAY[seq], ARRAY[at], ARRAY[at]) FROM e",
            (at, self.stream, next(_SEQ), self.place, DESK, sensor, state),
        )

    maintainer: str

    def maintain(self, now: datetime) -> list[str]:
        """Run each job once at ``now``, as the jobs' own login, and return what it said."""
        lines: list[str] = []
        assert maintain(self.maintainer, log=lines.append, now=now)
        return lines

    def recounted(self) -> tuple[int, int]:
        """Return person-seconds and taken seconds from 8 to 10 UTC, minute by minute, from changes and events."""
        changes = self.connection.execute("SELECT at, present FROM occupancy_change ORDER BY at").fetchall()
        events = self.connection.execute(
            "SELECT at, device, state FROM event WHERE device IS NOT NULL ORDER BY at"
        ).fetchall()
        persons = taken = 0
        for minute in (EIGHT + n * MINUTE for n in range(120)):
            persons += 60 * [present for at, present in changes if at <= minute][-1]
            states = {device: state for at, device, state in events if at <= minute}
            taken += 60 * sum(state == 1 for state in states.values())
        return persons, taken


@pytest.fixture
def desks(database: Database) -> Iterator[Desks]:
    with connect(database.url, application_name="maillage test", autocommit=True) as connection:
        one = Desks(connection, database.url)
        one.maintainer = database.as_login("maintain_1")
        connection.execute(
            'UPDATE place SET opening_hours = \'{"tue": [["09:00", "11:00"]]}\', department = \'87\' WHERE id = %s',
            (one.place,),
        )
        yield one


def _tuesday(desks: Desks) -> dict[str, int]:
    """Store a Tuesday, count it, and return the sensors."""
    sensors = {code: desks.desk(code) for code in ("a-used", "b-free")}
    sensors["c-silent"] = desks.desk("c-silent", every=10 * MINUTE)
    desks.desk("d-none", sensor=False)
    for sensor in sensors.values():
        desks.said(sensor, EIGHT - 30 * MINUTE, 0)  # c-silent is believed until 8:10
    desks.said(sensors["a-used"], EIGHT + 15 * MINUTE, 1)
    desks.said(sensors["a-used"], EIGHT + 45 * MINUTE, 0)
    for minute, present in ((-30, 2), (0, 4), (20, 9), (60, 0)):  # the two before 8:00 were there before it opened
        desks.shown(EIGHT + minute * MINUTE, present)
    desks.heard(EIGHT + timedelta(days=1))
    desks.maintain(EIGHT + timedelta(days=1))
    return sensors


def _peers(connection: psycopg.Connection[Any], places: int) -> None:
    """Store the same Tuesday of other places of ten seats: a tenth, two tenths … of their seat-hours were taken."""
    for tenths in range(1, places + 1):
        connection.execute(
            "WITH p AS (INSERT INTO place (code, name, shard, latitude, longitude, source, source_id)"
            "   VALUES (%(code)s::text, 'P', 1, 45, 1, 'test', %(code)s::text) RETURNING id),"
            " s AS (INSERT INTO space (place, code, name, kind, capacity)"
            "   SELECT id, 'place', 'P', 'place', 10 FROM p RETURNING id, place)"
            " INSERT INTO worth_space (space, day, place, open_s, known_s, seat_s, person_s, quarters, busy)"
            " SELECT id, %(day)s, place, 7200, 7200, 72000, %(person_s)s, 8, 0 FROM s",
            {"code": f"peer-{tenths}", "day": date(2026, 3, 3), "person_s": 7200 * tenths},
        )


def test_a_day_is_worth_what_was_taken_of_what_was_offered_in_opening_hours(desks: Desks) -> None:
    sensors = _tuesday(desks)
    _peers(desks.connection, 4)
    with psycopg.connect(desks.url) as owner:
        key = create_key(owner, "manager", role="place_manager", places=["p"])
        funder = create_key(owner, "funder", role="auditor")
        front = create_key(owner, "front", role="front_desk", places=["p"])
    with api_process(desks.url) as client:

        def asked(path: str, who: str = key, **more: str) -> Any:
            answer = client.get(path, params={**_ASKED, **more}, headers={"X-Api-Key": who})
            assert answer.status_code == 200, answer.text
            return answer.text if more.get("format") == "csv" else answer.json()

        worth = asked("/v1/places/p/worth")
        # 8:00 four people; 8:15 four for 5 minutes and nine for 10; 8:30 and 8:45 nine; then nobody: 22/3 person-hours
        figures = {"open_hours": 2.0, "seat_hours": 20.0, "person_hours": 7.333, "utilisation": 0.3667, "known": 1.0}
        figures |= {"busy_hours": 0.5, "busy_share": 0.25, "peak": 9.0, "peak_share": 0.9}
        assert worth["whole"] == figures | {"peak_at": "2026-03-03T09:30:00+01:00"}
        assert (worth["days"], worth["hours"], worth["peers"]) == (1, "known", None)
        told = [(one["state"], one["taken_hours"], one["utilisation"], one["known"]) for one in worth["desks"]]
        assert told == [
            ("used", 0.5, 0.25, 1.0),
            ("unused", 0.0, 0.0, 1.0),
            ("unknown", 0.0, 0.0, round(600 / 7200, 4)),
            ("no_sensor", 0.0, None, None),
        ]
        persons, taken = desks.recounted()
        assert (round(persons / 3600, 3), taken) == (worth["whole"]["person_hours"], 1800)
        # five peers of this size: quartiles, and no name
        _peers_more(desks.connection)
        peers = asked("/v1/places/p/worth")["peers"]
        assert peers == {
            "places": 5,
            "utilisation": {"low": 0.2, "median": 0.3, "high": 0.4},
            "busy_share": {"low": 0.0, "median": 0.0, "high": 0.0},
        }
        (row,) = asked("/v1/worth", by="department")["rows"]  # this key reaches one place
        assert (row["name"], row["places"], row["utilisation"], row["peak"]) == ("87", 1, 0.3667, None)
        assert (row["desks"], row["unused_desks"], row["unknown_desks"]) == (3, 1, 1)
        rows = {one["name"]: one for one in asked("/v1/worth", funder)["rows"]}
        assert (rows["87"]["peak"], rows["87"]["peak_at"], rows["?"]["places"]) == (9.0, "2026-03-03", 5)
        assert rows["?"]["utilisation"] == 0.3
        (network,) = asked("/v1/worth", funder, by="network")["rows"]
        assert network["person_hours"] == round((26_400 + 7200 * 15) / 3600, 3)
        lines = asked("/v1/places/p/worth", format="csv").splitlines()
        assert [line.split(",")[:2] for line in lines] == [
            *(["of", "code"], ["place", "p"], ["desk", "a-used"], ["desk", "b-free"]),
            *(["desk", "c-silent"], ["desk", "d-none"]),
        ]
        for who, status in ((front, 403), ("mk_nobody", 401)):
            assert client.get("/v1/places/p/worth", headers={"X-Api-Key": who}).status_code == status
        assert client.get("/v1/places/p/worth").status_code == 401
        backwards = client.get(
            "/v1/worth", params={"from": "2026-03-04", "to": "2026-03-03"}, headers={"X-Api-Key": key}
        )
        assert backwards.status_code == 422
        # three weeks later it turns out that the seat that was never used was taken for a quarter of an hour
        desks.said(sensors["b-free"], EIGHT + 60 * MINUTE, 1)
        desks.said(sensors["b-free"], EIGHT + 75 * MINUTE, 0)
        desks.maintain(EIGHT + timedelta(days=22))
        late = {one["desk"]: one for one in asked("/v1/places/p/worth")["desks"]}
        assert (late["b-free"]["state"], late["b-free"]["taken_hours"]) == ("used", 0.25)
        assert desks.recounted() == (persons, 1800 + 900)


def _peers_more(connection: psycopg.Connection[Any]) -> None:
    connection.execute("DELETE FROM worth_space w USING place p WHERE p.id = w.place AND p.code LIKE 'peer-%'")
    connection.execute("DELETE FROM place WHERE code LIKE 'peer-%'")
    _peers(connection, 5)


def test_closed_days_offer_nothing_and_hours_that_are_not_known_are_assumed(desks: Desks) -> None:
    desks.connection.execute("UPDATE place SET opening_hours = NULL WHERE id = %s", (desks.place,))
    desks.connection.execute("DELETE FROM place_hours")  # this place never had any
    wednesday = EIGHT + timedelta(days=1)
    desks.connection.execute(
        "INSERT INTO closure (place, first, last) VALUES (%s, %s, %s)", (desks.place, wednesday, wednesday)
    )
    desks.shown(EIGHT, 5)
    desks.heard(EIGHT + timedelta(days=2))
    desks.maintain(EIGHT + timedelta(days=2))
    rows = desks.connection.execute("SELECT day, open_s, known_s, person_s FROM worth_space ORDER BY day").fetchall()
    assert rows == [
        (date(2026, 3, 3), 11 * 3600, 10 * 3600, 5 * 10 * 3600),  # from 8 to 19; nothing is known before 9
        (date(2026, 3, 4), 0, 0, 0),
    ]


def test_past_days_are_counted_again_when_closures_and_first_hours_are_entered_late(desks: Desks) -> None:
    sql = desks.connection.execute
    sensor = desks.desk("a")
    sql("UPDATE place SET opening_hours = NULL WHERE id = %s", (desks.place,))
    sql("DELETE FROM place_hours")  # this place never had any
    desks.said(sensor, EIGHT, 1)
    desks.shown(EIGHT, 5)
    week = EIGHT + timedelta(days=7)
    desks.heard(week)

    def counted(now: datetime) -> dict[str, tuple[int, int]]:
        desks.maintain(now)
        spaces = sql("SELECT to_char(day, 'DD'), open_s, person_s / 3600 FROM worth_space").fetchall()
        return {day: (open_s // 3600, persons) for day, open_s, persons in spaces}

    open_ = {f"0{day}": (11, 55) for day in (4, 5, 6, 9)}
    assumed = {"03": (11, 50), **open_, "07": (0, 0), "08": (0, 0)}
    assert counted(week) == assumed
    # on the next day somebody enters that it was closed on Thursday and Friday, and the hours that it always had
    closure = "INSERT INTO closure (place, first, last) VALUES (%s, '2026-03-05', '2026-03-06') RETURNING id"
    row = sql(closure, (desks.place,)).fetchone()
    assert row is not None
    assert counted(week) == assumed | {"05": (0, 0), "06": (0, 0)}
    assert sql("SELECT open_s, taken_s FROM worth_desk WHERE day = '2026-03-05'").fetchone() in ((0, 0), None)
    sql("UPDATE closure SET last = '2026-03-05', place = NULL WHERE id = %s", row)
    assert counted(week) == assumed | {"05": (0, 0)}
    sql("UPDATE place SET opening_hours = %s WHERE id = %s", ('{"tue": [["09:00", "11:00"]]}', desks.place))
    known = dict.fromkeys(assumed, (0, 0)) | {"03": (2, 10)}
    assert counted(week) == known
    sql("DELETE FROM closure")
    # later hours hold from then on: what is counted again has those of its day
    sql("UPDATE place SET opening_hours = %s WHERE id = %s", ('{"thu": [["09:00", "19:00"]]}', desks.place))
    desks.event(EIGHT + 30 * MINUTE)
    assert counted(week + MINUTE) == known
    assert sql("SELECT count(*) FROM worth_again").fetchone() == (0,)


def test_first_hours_of_a_place_that_has_no_history_are_no_error(desks: Desks) -> None:
    """In a network that starts, hours are entered before anything is summed up."""
    assert desks.connection.execute("SELECT first::text FROM worth_again").fetchall() == [("-infinity",)]
    desks.heard(EIGHT + timedelta(days=1))
    desks.maintain(EIGHT + timedelta(days=1))
    assert desks.connection.execute("SELECT count(*) FROM worth_again").fetchone() == (0,)
