"""Days of small places with and without one member's visits: history, usual, forecast and chances are the same."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx
import pytest

from database.pool import connect
from gateway.contract.stored_events import KINDS
from jobs.maintain import maintain
from maillage.all_jobs import ALL_JOBS
from reports.making import show_place
from reports.model import PublicReport
from reports.month import Month
from tests.api_server import Centre, api_process, shared_database
from tests.conftest import Database

DAYS = 6
QUARTER = timedelta(minutes=15)
PLACES = {"house": False, "readers": True, "town": True}
"""Which of them show numbers. In the town nothing is taken out."""
_JOBS = [job for job in ALL_JOBS if job.name in ("late", "rollup", "published", "forecast")]


def visits(member: int, first: datetime) -> Iterator[tuple[datetime, datetime]]:
    """When a member came and left; member 0 nearly daily, at instants that are no whole seconds."""
    dice = random.Random(f"member {member}")
    for day in range(DAYS):
        if dice.random() < 0.8:
            came = first + timedelta(days=day, hours=7, seconds=dice.uniform(0, 3 * 3600))
            yield came, came + timedelta(seconds=dice.uniform(0.5, 9) * 3600)


class Days:
    """A database in which some members came to each place."""

    def __init__(self, centre: Centre, first: datetime, now: datetime, members: dict[str, tuple[int, ...]]) -> None:
        self.centre = centre
        self.sql = centre.conn.execute
        self.first, self.now = first, now
        self._grown = first + timedelta(days=4, hours=10, minutes=7)
        """When two places got more seats."""
        self._seq = count(1)
        for number, (place, numbers) in enumerate(PLACES.items()):
            centre.place(place, latitude=45.83 + number / 100, public_numbers=numbers)
            root, _ = centre.space(place)
            if place != "town":
                self.sql("UPDATE space SET capacity = 9 WHERE id = %s", (root,))
                self.sql("DELETE FROM space_capacity")
            self._equip(place, root)
            centre.gateway(place)
        self.sql("UPDATE gateway SET enrolled_at = %s", (first - timedelta(hours=1),))
        # nobody was in yet when the jobs ran first
        self.sql("UPDATE gateway_state SET heard_at = %s, complete_at = %s", (first, first))
        self.sql("DELETE FROM gateway_gap")
        self._members = members

    def _equip(self, place: str, root: int) -> None:
        reader = place == "readers"
        self.sql(
            "INSERT INTO device (place, gateway, code, kind, driver, address, space, door, side)"
            " SELECT g.place, g.id, 'd', %s, 'maillage', 'a', %s, CASE WHEN %s THEN o.id END, 'in'"
            " FROM gateway g JOIN door o ON o.place = g.place JOIN place p ON p.id = g.place WHERE p.code = %s",
            ("reader" if reader else "counter", None if reader else root, reader, place),
        )
        self.sql(
            "INSERT INTO stream (gateway, epoch) SELECT g.id, '0123456789abcdef' FROM gateway g"
            " JOIN place p ON p.id = g.place WHERE p.code = %s",
            (place,),
        )

    def live(self) -> None:
        """Store what happened: each member's passages, a gateway that was not heard for a while, a late event."""
        for place, members in self._members.items():
            passages = sorted(
                (at, member, step)
                for member in members
                for ends in visits(member, self.first)
                for at, step in zip(ends, (1, -1), strict=True)
                if at < self.now
            )
            present = 0
            for at, member, step in passages:
                present += step
                self._event(place, at, member)
                for space in ("place", "open-space"):
                    self._change(place, space, at, present)
            if passages:
                # what was stored last is older than what came before
                self._event(place, self.first + timedelta(days=2, hours=12), passages[0][1])
        lost = self.first + timedelta(days=3, hours=9, seconds=1.25)
        self.sql(
            "INSERT INTO gateway_gap SELECT id, place, %s, %s FROM gateway",
            (lost, lost + timedelta(hours=3, seconds=7.25)),
        )
        self.sql("UPDATE gateway_state SET heard_at = %s, complete_at = %s", (self.now, self.now))
        self.sql("DELETE FROM gateway_gap WHERE until > %s", (self.now - timedelta(minutes=1),))
        self.sql("UPDATE space SET capacity = 12 WHERE capacity = 9")
        self.sql("UPDATE space_capacity SET at = %s WHERE capacity = 12", (self._grown,))

    def _event(self, place: str, at: datetime, member: int) -> None:
        self.sql(
            "WITH e AS (INSERT INTO event (at, received_at, tx, stream, seq, place, kind, member, device, state)"
            " SELECT %(at)s, %(at)s, nextval('event_batch'), t.id, %(seq)s, p.id, %(kind)s, %(member)s, v.id, 0"
            " FROM place p JOIN gateway g ON g.place = p.id JOIN stream t ON t.gateway = g.id"
            " JOIN device v ON v.place = p.id WHERE p.code = %(place)s RETURNING tx, stream, place, seq, at)"
            " SELECT append_feed(tx, ARRAY[stream], ARRAY[place], ARRAY[seq], ARRAY[seq], ARRAY[at], ARRAY[at]) FROM e",
            {
                "at": at,
                "seq": next(self._seq),
                "kind": KINDS["access"],
                "member": f"m-000{member}",
                "place": place,
            },
        )

    def _change(self, place: str, space: str, at: datetime, present: int) -> None:
        number, place_id = self.centre.space(place, space)
        self.sql(
            "INSERT INTO occupancy_change (at, place, space, present, low, high, capacity, quality, stored_at)"
            " SELECT %s, %s, id, %s, %s, %s, CASE WHEN capacity = 9 AND %s THEN 12 ELSE capacity END, %s, %s"
            " FROM space WHERE id = %s",
            (
                *(at, place_id, present, present, present + 1, at >= self._grown),
                *("degraded" if present > 1 else "live", at, number),
            ),
        )
        self.sql(
            "INSERT INTO space_state (space, place, revision, quality, at, ttl_s, changed_at, fold)"
            " VALUES (%s, %s, 1, 'unknown', now(), 120, now(), '{}') ON CONFLICT DO NOTHING",
            (number, place_id),
        )


@pytest.fixture
def databases(postgres_url: str, _template: str) -> Iterator[tuple[Database, Database]]:
    with shared_database(postgres_url, _template) as one, shared_database(postgres_url, _template) as other:
        yield one, other


def asked(now: datetime) -> Iterator[str]:
    """Every public question about the past and the future."""
    since = f"{(now - timedelta(days=DAYS + 2)).date()}"
    for place in PLACES:
        for by in ("quarter", "hour", "day", "week", "month"):
            yield f"/v1/places/{place}/history?by={by}&from={since}"
        yield f"/v1/places/{place}/history?by=quarter&from={since}&format=csv"
        yield f"/v1/places/{place}/forecast"
        yield f"/v1/places/{place}/usual"
    for by in ("quarter", "day", "month"):
        yield f"/v1/history?by={by}&from={since}"
        yield f"/v1/history?by={by}&from={since}&department=87"
    yield f"/v1/history?by=day&from={since}&of=place"
    yield f"/v1/history?by=day&from={since}&format=parquet"
    for hours in (1, 6, 30, 24 * 8):  # the next day by its forecast, after that by the usual week
        at = f"{now + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"
        for more in ("", "&seats=4", "&kind=open_space"):
            yield f"/v1/availability?near=45.83,1.26&at={at}{more}"


def test_a_member_leaves_no_trace_in_what_is_public_of_the_past_and_the_future(
    databases: tuple[Database, Database],
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    quarter = now.replace(minute=now.minute // 15 * 15, second=0)
    first = quarter - timedelta(days=DAYS)
    town = tuple(range(1, 9))
    with ExitStack() as stack:
        clients: list[httpx.Client] = []
        hidden = []
        for database, house, readers in zip(databases, ((0, 1, 2), (1, 2)), ((0,), ()), strict=True):
            centre = stack.enter_context(closing(Centre(database.url)))
            days = Days(centre, first, now, {"house": house, "readers": readers, "town": town})
            assert maintain(database.url, jobs=_JOBS, now=first, log=lambda _line: None)
            days.live()
            assert maintain(database.url, jobs=_JOBS, now=now, log=lambda _line: None)
            sums = "SELECT place, sum(person_s) FROM history_day WHERE published GROUP BY place ORDER BY place"
            hidden.append(centre.conn.execute(sums).fetchall())
            clients.append(stack.enter_context(api_process(database.as_login("api_1"))))
        assert hidden[0][0] != hidden[1][0], "the numbers behind it do move"
        found: dict[str, Any] = {}
        different: list[str] = []
        for path in asked(now):
            with_, without = _within_a_quarter(clients, path)
            found[path] = with_
            if with_ != without:
                different.append(path)
        assert different == []
        _says_something(found)
        # monthly reports, which are stored once a month
        for place in PLACES:
            reports = [_shown(database, place, first, now) for database in databases]
            assert reports[0] == reports[1] and any(one.people is not None for one in reports[0].by_hour)


def _shown(database: Database, place: str, first: datetime, now: datetime) -> PublicReport:
    with connect(database.url, application_name="maillage test") as connection:
        row = connection.execute("SELECT id FROM place WHERE code = %s", (place,)).fetchone()
        assert row is not None
        return show_place(connection, row[0], Month.of(first.date() + timedelta(days=1)), now)


def _within_a_quarter(clients: list[httpx.Client], path: str) -> list[bytes]:
    while True:
        begun = datetime.now(UTC).timestamp() // 900
        answers = [client.get(path) for client in clients]
        assert [answer.status_code for answer in answers] == [200, 200], (path, answers[0].text)
        if datetime.now(UTC).timestamp() // 900 == begun:
            return [answer.content for answer in answers]


def _says_something(found: dict[str, bytes]) -> None:
    """Answers that are the same because they are empty would show nothing."""
    for place in PLACES:
        forecast = json.loads(found[f"/v1/places/{place}/forecast"])
        assert len(forecast["ahead"]) == 97
        assert any(one["low"] is not None for one in forecast["past"])
        assert json.loads(found[f"/v1/places/{place}/usual"])["hours"]
    (quarters,) = (
        found[path] for path in found if path.startswith("/v1/places/readers/history?by=quarter") and "csv" not in path
    )
    rows = json.loads(quarters)["rows"]
    assert len(rows) > DAYS * 90
    assert {row["mean"] for row in rows if row["known"] == 1} == {1.5}
    assert {row["known"] for row in rows} > {0.0, 1.0}, "also of the time in which the gateway was not heard"
