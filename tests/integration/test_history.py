"""The history of occupancy: what was published and what is known by now, on a real database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from api.keys.owner import create_key
from database.pool import connect
from jobs.maintain import maintain
from maillage.all_jobs import ALL_JOBS
from occupancy.public import band_of
from tests.api_server import api_process
from tests.integration.test_maintain import DESK, EIGHT, MINUTE, World

QUARTER = 15 * MINUTE


class Told(World):
    """A place whose numbers are stored when they are said to be."""

    def shown(self, at: datetime, present: int | None, *, stored: datetime | None = None) -> None:
        """Store an event of ``at`` and the change that it makes, at ``stored``."""
        self.change(at, present)
        self.connection.execute("UPDATE occupancy_change SET stored_at = %s WHERE at = %s", (stored or at, at))
        self.connection.execute("UPDATE event SET received_at = %s WHERE at = %s", (stored or at, at))

    def day(self, *, published: bool) -> dict[str, tuple[int, int | None, int]]:
        """Return person-seconds, peak and known seconds by the quarter's start (UTC) where anything is known."""
        row = self.connection.execute(
            "SELECT starts, persons, peak, known, person_s, known_s, seconds FROM history_day"
            " WHERE published = %s AND space = %s",
            (published, self.space),
        ).fetchone()
        assert row is not None
        starts, persons, peak, known, *sums = row
        assert sums == [sum(persons), sum(known), 900 * len(persons)]
        quarters = zip(persons, peak, known, strict=True)
        return {f"{starts.astimezone(UTC) + n * QUARTER:%H:%M}": one for n, one in enumerate(quarters) if one[2]}


@pytest.fixture
def told(database_url: str) -> Iterator[Told]:
    with connect(database_url, application_name="maillage test", autocommit=True) as connection:
        yield Told(connection, database_url)


def test_what_arrives_late_changes_what_is_known_and_never_what_was_published(told: Told) -> None:
    told.shown(EIGHT, 4)
    told.heard(EIGHT + MINUTE)
    told.heard(EIGHT + 60 * MINUTE, online=False)
    told.maintain(EIGHT + 60 * MINUTE)
    before = told.day(published=True)
    assert before == {"08:00": (4 * 180, 4, 180)}  # shown until two minutes after it was last heard
    # three weeks later the day arrives: two people had come at 8:20, all had gone at 8:45
    late = EIGHT + timedelta(days=21)
    told.shown(EIGHT + 20 * MINUTE, 6, stored=late)
    told.shown(EIGHT + 45 * MINUTE, 0, stored=late)
    told.heard(late)
    told.maintain(late)
    assert told.day(published=True) == before
    assert told.day(published=False) | {"09:00": None} == {
        "08:00": (4 * 900, 4, 900),
        "08:15": (4 * 300 + 6 * 600, 6, 900),
        "08:30": (6 * 900, 6, 900),
        "08:45": (0, 0, 900),
        "09:00": None,
    } | {key: (0, 0, 900) for key in told.day(published=False) if key > "09:00"}


def test_what_a_second_gateway_reports_three_weeks_late_is_put_where_it_happened(told: Told) -> None:
    sql = told.connection.execute

    def made(query: str, *values: Any) -> int:
        row = sql(f"{query} RETURNING id".encode(), values).fetchone()
        assert row is not None
        return int(row[0])

    open_ = (
        "INSERT INTO space (place, code, name, kind, parent, capacity) VALUES (%s, 'open', 'O', 'open_space', %s, 2)"
    )
    space = made(open_, told.place, told.space)
    second = made("INSERT INTO gateway (place, code) VALUES (%s, 'p-g2')", told.place)
    epoch = "INSERT INTO stream (gateway, epoch) VALUES (%s, 'fedcba9876543210')"
    streams = {told.gateway: told.stream, second: made(epoch, second)}
    devices = {}
    for gateway in streams:
        seat = "INSERT INTO desk (place, space, code, name) VALUES (%s, %s, %s, 'D')"
        desk = made(seat, told.place, space, f"d-{gateway}")
        sensor = (
            "INSERT INTO device (place, gateway, code, kind, driver, address, space, desk)"
            " VALUES (%s, %s, 'sensor', 'desk_sensor', 'maillage', 'a', %s, %s)"
        )
        devices[gateway] = made(sensor, told.place, gateway, space, desk)
    sql(
        "INSERT INTO space_state (space, place, revision, quality, at, ttl_s, changed_at, fold)"
        " VALUES (%s, %s, 1, 'unknown', now(), 120, now(), '{}')",
        (space, told.place),
    )

    def sensed(gateway: int, first: datetime, taken: list[bool]) -> None:
        """Store what a sensor said, each minute, as one batch."""
        for minute, state in enumerate(taken):
            sql(
                "INSERT INTO event (at, received_at, tx, stream, seq, place, kind, device, state)"
                " VALUES (%s, now(), nextval('event_batch'), %s, %s, %s, %s, %s, %s)",
                (
                    *(first + minute * MINUTE, streams[gateway], minute + int(first.timestamp()) // 60 % 100000),
                    *(told.place, DESK, devices[gateway], int(state)),
                ),
            )
        sql(
            "SELECT append_feed(1, ARRAY[%s], ARRAY[%s], ARRAY[1::bigint], ARRAY[2::bigint], ARRAY[%s], ARRAY[%s])",
            (streams[gateway], told.place, first, first + len(taken) * MINUTE),
        )

    def known() -> tuple[float, int]:
        row = sql(
            "SELECT mean, capacity FROM history_known WHERE space = %s AND at = %s", (space, EIGHT + QUARTER)
        ).fetchone()
        assert row is not None
        return row[0], row[1]

    sensed(told.gateway, EIGHT, [True] * 60 + [False] * 10)
    for at, present in ((EIGHT, 1), (EIGHT + 60 * MINUTE, 0)):
        sql(
            "INSERT INTO occupancy_change VALUES (%s, %s, %s, %s, %s, %s, 2, 'live', %s)",
            (at, told.place, space, present, present, present, at),
        )
    told.heard(EIGHT + 70 * MINUTE)
    assert maintain(told.url, now=EIGHT + 75 * MINUTE, jobs=ALL_JOBS)
    assert known() == (1.0, 2)
    published = sql("SELECT persons, known FROM history_day WHERE published AND space = %s", (space,)).fetchall()
    late = EIGHT + timedelta(days=21)
    sensed(second, EIGHT + 5 * MINUTE, [True] * 50)
    told.heard(late)
    assert maintain(told.url, now=late, jobs=ALL_JOBS)
    mean, _ = known()
    assert mean == pytest.approx(2, abs=0.1)
    again = sql(
        "SELECT persons, known FROM history_day WHERE published AND space = %s ORDER BY day", (space,)
    ).fetchall()
    assert again[0][0][: len(published[0][0])] == published[0][0]


def test_the_database_refuses_to_change_what_was_published(told: Told) -> None:
    told.shown(EIGHT, 4)
    told.heard(EIGHT + 30 * MINUTE)
    told.maintain(EIGHT + 30 * MINUTE)
    for change in (
        "UPDATE history_day SET persons[37] = 0 WHERE published",
        "UPDATE history_day SET peak = '{}', persons = '{}' WHERE published",
        "UPDATE history_day SET published = false WHERE published",
        "UPDATE history_day SET minutes = 1440, person_s = 1 WHERE published",
        "DELETE FROM history_day",
        "TRUNCATE history_day",
    ):
        with pytest.raises(psycopg.errors.RestrictViolation, match="what was published"):
            told.connection.execute(change)
    with connect(told.url, application_name="maillage test", autocommit=True) as again:
        assert _sums(again) == (4 * 1800, 1800)


def _sums(connection: psycopg.Connection[Any]) -> tuple[Any, ...] | None:
    return connection.execute("SELECT sum(person_s), sum(known_s) FROM history_day WHERE published").fetchone()


def test_a_place_s_history_is_answered_with_a_key_and_without(told: Told) -> None:
    told.shown(EIGHT, 4)
    told.shown(EIGHT + 20 * MINUTE, 10)
    told.heard(EIGHT + 30 * MINUTE)
    told.maintain(EIGHT + 30 * MINUTE)
    with psycopg.connect(told.url) as owner:
        key = create_key(owner, "manager", role="place_manager", places=["p"])
    with api_process(told.url) as client:
        asked = {"by": "quarter", "from": "2026-03-03T08:00:00Z", "to": "2026-03-03T08:30:00Z"}
        mine = client.get("/v1/places/p/history", params=asked, headers={"X-Api-Key": key}).json()
        assert [mine[name] for name in ("as", "by", "time_zone", "public", "next")] == [
            *("known", "quarter", "Europe/Paris", False, None)
        ]
        first = {"at": "2026-03-03T09:00:00+01:00", "minutes": 15, "mean": 4.0, "peak": 4, "person_hours": 1.0}
        assert mine["rows"] == [
            first | {"seat_hours": 2.5, "known": 1.0, "quality": "live", "capacity": 10},
            first
            | {"at": "2026-03-03T09:15:00+01:00", "mean": 8.0, "peak": 10, "person_hours": 2.0}
            | {"seat_hours": 2.5, "known": 1.0, "quality": "live", "capacity": 10},
        ]
        # the same rows as one hour, one day and one month, of the place and of the network
        for by in ("hour", "day", "week", "month"):
            (row,) = client.get("/v1/places/p/history", params={**asked, "by": by}, headers={"X-Api-Key": key}).json()[
                "rows"
            ]
            assert (row["person_hours"], row["peak"], row["seat_hours"]) == (3.0, 10, 5.0)
        public = client.get("/v1/places/p/history", params=asked).json()
        assert public["public"] is True and public["as"] == "published"
        # ten seats: up to nine people are one band
        assert [(row["mean"], row["quality"], row["seat_hours"]) for row in public["rows"]] == [
            (4.5, None, None),
            (round((4.5 * 300 + 10 * 600) / 900, 2), None, None),
        ]
        (network,) = client.get("/v1/history", params={"by": "day", "from": "2026-01-01"}).json()["rows"]
        assert (network["at"], network["mean"]) == ("2026-03-03T00:00:00+01:00", 6.33)
        # since when there is a number; a page of many years begins there, and not with years of nothing
        years: dict[str, Any] = {"by": "day", "from": "2001-01-01", "to": "2026-03-04", "limit": 100}
        for path, of in (("/v1/places/p/history", None), *(("/v1/history", of) for of in ("place", "network"))):
            for headers in ({}, {"X-Api-Key": key}):
                page = client.get(path, params=years | ({"of": of} if of else {}), headers=headers).json()
                assert (page["since"], page["from"][:10], len(page["rows"])) == ("2026-03-03", "2026-03-03", 1), of
        assert (mine["since"], public["since"]) == ("2026-03-03", "2026-03-03")
        # ten years without a number: what was asked for, and no rows; a table has its columns all the same
        before = {"by": "quarter", "from": "2000-01-01", "to": "2010-01-01"}
        nothing = client.get("/v1/places/p/history", params=before).json()
        assert [nothing[name] for name in ("from", "to", "next", "rows")] == [
            *("2000-01-01T00:00:00+01:00", "2010-01-01T00:00:00+01:00", None, [])
        ]
        table = {"of": "place", "from": "2000-01-01", "to": "2000-02-01", "format": "csv"}
        assert client.get("/v1/history", params=table).text.startswith("place,at,minutes,mean,")
        assert client.get("/v1/places/p/history", params={"space": "place"}).status_code == 401
        assert client.get("/v1/places/nowhere/history").status_code == 404
        assert "true or false" in client.get("/v1/places/p/occupancy?explain=1").json()["detail"]


def test_grafana_sees_quarter_hours_with_their_interval_and_months(told: Told) -> None:
    told.shown(EIGHT, 4)
    told.shown(EIGHT + 20 * MINUTE, 10)
    told.connection.execute("UPDATE occupancy_change SET low = present - 1, high = present + 3")
    told.heard(EIGHT + timedelta(days=1))
    told.maintain(EIGHT + timedelta(days=1))
    told.connection.execute("INSERT INTO scope (role) VALUES (current_user)")
    seen = told.connection.execute(
        "SELECT round(mean::numeric, 2), round(low::numeric, 2), round(high::numeric, 2), peak, known::float8, quality"
        " FROM report.history_quarter WHERE \"as\" = 'known' AND day = '2026-03-03' AND at >= %s ORDER BY at LIMIT 3",
        (EIGHT,),
    ).fetchall()
    assert seen == [(4, 3, 7, 4, 1.0, "live"), (8, 7, 11, 10, 1.0, "live"), (10, 9, 13, 10, 1.0, "live")]
    month = told.connection.execute("SELECT month::text, person_hours, utilisation FROM report.worth_month").fetchall()
    # Tuesday from 9:00 to 19:00, 8:00 to 18:00 UTC: 4 for 20 minutes, then 10
    assert [(name, float(hours), round(used, 4)) for name, hours, used in month] == [
        ("2026-03-01", round((4 * 20 + 10 * 580) / 60, 12), round((4 * 20 + 10 * 580) / 6000, 4))
    ]


def test_the_database_has_the_rule_for_public_numbers(told: Told) -> None:
    asked = [
        (number, capacity, threshold, numbers)
        for capacity in (None, *range(201))
        for number in (0, 1, 2, 3, 4, 5, 9, 10, 17, 18, 29, 30, 63, 64, 171, 172, 200)
        for threshold in (3, 6)
        for numbers in (False, True)
    ]
    found = told.connection.execute(
        "SELECT public_number(n, c, t, s) FROM unnest(%s::integer[], %s::integer[], %s::integer[], %s::boolean[])"
        " AS u (n, c, t, s)",
        [list(column) for column in zip(*asked, strict=True)],
    ).fetchall()
    rule = [
        band_of(number, threshold=threshold, capacity=capacity, numbers=numbers).middle
        for number, capacity, threshold, numbers in asked
    ]
    assert [one for (one,) in found] == rule


def test_a_small_space_keeps_days_and_no_quarter_hours_after_three_months(told: Told) -> None:
    told.shown(EIGHT, 4)
    told.shown(EIGHT + 20 * MINUTE, 9)
    told.heard(EIGHT + 60 * MINUTE)
    told.maintain(EIGHT + 60 * MINUTE)
    sums = "SELECT published, person_s, known_s, seat_s, day_peak FROM history_day ORDER BY published"
    before = told.connection.execute(sums).fetchall()
    told.connection.execute(
        "UPDATE maintenance SET done_until = %s WHERE task <> 'thinned'", (EIGHT + timedelta(days=95),)
    )  # nothing in between
    told.maintain(EIGHT + timedelta(days=95))
    assert told.connection.execute(sums).fetchall() == before
    kept = "SELECT minutes, cardinality(persons), persons[1] FROM history_day WHERE day = '2026-03-03'"
    assert told.connection.execute(kept).fetchall() == [(600, 1, before[0][1])] * 2
    assert told.connection.execute("SELECT count(*) FROM occupancy_15m").fetchone() == (0,)
    assert told.connection.execute("SELECT present FROM occupancy_change").fetchall() == [(9,)]
