"""Commuting that visits saved, on a real database: again from its events, withheld, and never changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from math import acos, cos, radians, sin
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from api.keys.owner import create_key
from database.pool import connect
from jobs.catalogue import JOBS
from jobs.maintain import maintain
from tests.api_server import api_process
from tests.cards import API_KEYS
from tests.conftest import Database

_COMMUNES = {"99001": (45.0, 1.0), "99002": (45.1, 1.2), "99003": (45.5, 1.0), "99004": (45.3, 1.6)}
_NOW = datetime(2026, 3, 15, 3, 0, tzinfo=UTC)
_PERIOD = {"from": "2026-02-01", "to": "2026-03-01"}
_JOB = [job for job in JOBS if job.name == "commuting"]
_SEQ = count(1)


class Network:
    """Places with a reader at the door and one at the exit, and members."""

    def __init__(self, connection: psycopg.Connection[Any], database: Database) -> None:
        self.connection, self.url = connection, database.url
        self.maintainer = database.as_login("maintain_1")
        self.readers: dict[tuple[str, str], tuple[int, int, int]] = {}
        connection.cursor().executemany(
            "INSERT INTO commune (code, name, department, postcodes, population, lat, lon, exact)"
            " VALUES (%s, 'C', '99', '', 0, %s, %s, true)",
            [(code, *at) for code, at in _COMMUNES.items()],
        )

    def row(self, query: str, *values: Any) -> Any:
        made = self.connection.execute(query.encode(), values).fetchone()
        assert made is not None
        return made

    def place(self, code: str, department: str, commune: str | None) -> None:
        """Make a place at 45, 1."""
        (place,) = self.row(
            "INSERT INTO place (code, name, shard, latitude, longitude, source, source_id, department, commune_code)"
            " VALUES (%s, 'P', 1, 45, 1, 'test', %s, %s, %s) RETURNING id",
            *(code, code, department, commune),
        )
        (space,) = self.row(
            "INSERT INTO space (place, code, name, kind, capacity) VALUES (%s, 'place', 'P', 'place', 10) RETURNING id",
            place,
        )
        self.connection.execute(
            "INSERT INTO worth_space (space, day, place, open_s, known_s, seat_s, person_s, quarters, busy)"
            " VALUES (%s, '2026-02-03', %s, 900, 900, 9000, 0, 1, 0)",
            (space, place),
        )
        (gateway,) = self.row("INSERT INTO gateway (place, code) VALUES (%s, %s) RETURNING id", place, f"{code}-g1")
        (stream,) = self.row(
            "INSERT INTO stream (gateway, epoch) VALUES (%s, '0123456789abcdef') RETURNING id", gateway
        )
        (door,) = self.row(
            "INSERT INTO door (place, code, name, to_space) VALUES (%s, 'front', 'F', %s) RETURNING id", place, space
        )
        for side in ("in", "out"):
            (device,) = self.row(
                "INSERT INTO device (place, gateway, code, kind, driver, address, door, side)"
                " VALUES (%s, %s, %s, 'reader', 'maillage', %s, %s, %s) RETURNING id",
                *(place, gateway, side, side, door, side),
            )
            self.readers[code, side] = place, device, stream

    def member(self, ref: str, home: str | None, work: str | None) -> None:
        self.connection.execute(
            "INSERT INTO member (ref, name, home_commune, work_commune) VALUES (%s, 'N', %s, %s)", (ref, home, work)
        )

    def read(self, ref: str, place: str, at: str, *, side: str = "in", granted: bool = True) -> None:
        """Store a card read at a time of February in Europe/Paris, ``DD HH:MM``."""
        local = datetime.fromisoformat(f"2026-02-{at}").replace(tzinfo=ZoneInfo("Europe/Paris"))
        number, device, stream = self.readers[place, side]
        self.connection.execute(
            "INSERT INTO event (at, received_at, tx, stream, seq, place, device, kind, state, reason, member)"
            " VALUES (%s, now(), 1, %s, %s, %s, %s, 1, %s, 0, %s)",
            (local, stream, next(_SEQ), number, device, int(granted), ref),
        )

    def recounted(self, place: str) -> tuple[int, int, float]:
        """Return members, visit-days and km of February from the events, read by read."""
        reads = self.connection.execute(
            "SELECT e.at, e.member, p.code::text, m.home_commune, m.work_commune, p.commune_code FROM event e"
            " JOIN place p ON p.id = e.place JOIN device d ON d.id = e.device JOIN member m ON m.ref = e.member"
            " WHERE e.state = 1 AND d.side = 'in' ORDER BY e.at"
        ).fetchall()
        days: dict[tuple[str, Any], tuple[str, Any, Any, Any]] = {}
        for at, ref, *where in reads:
            day = at.astimezone(ZoneInfo("Europe/Paris")).date()
            if day.month == 2 and day.weekday() < 5 and where[1] and where[2]:
                days.setdefault((ref, day), tuple(where))
        mine = {key: value for key, value in days.items() if value[0] == place}
        km = 0.0
        for _, home, work, here in mine.values():
            km += 2 * 1.3 * (_apart(_COMMUNES[home], _COMMUNES[work]) - _apart(_COMMUNES[home], _COMMUNES[here]))
        return len({ref for ref, _ in mine}), len(mine), km

    def count(self, now: datetime) -> list[str]:
        lines: list[str] = []
        assert maintain(self.maintainer, jobs=_JOB, log=lines.append, now=now)
        return lines


def _apart(one: tuple[float, float], other: tuple[float, float]) -> float:
    (a, b), (c, d) = (tuple(map(radians, point)) for point in (one, other))
    return 6371.0 * acos(min(1.0, sin(a) * sin(c) + cos(a) * cos(c) * cos(b - d)))


@pytest.fixture
def network(database: Database) -> Iterator[Network]:
    with connect(database.url, application_name="maillage test", autocommit=True) as connection:
        yield Network(connection, database)


def _february(network: Network) -> None:
    """Seven members come to ``loft`` and four to ``barn``; an eighth gave no workplace."""
    network.place("loft", "87", "99001")
    network.place("barn", "87", "99002")
    for number in range(7):
        network.member(f"m-loft{number}", ("99001", "99002")[number % 2], "99003")
        for day in range(2, 13 + number):  # 7 and 8 February are a weekend
            network.read(f"m-loft{number}", "loft", f"{day:02} 09:00")
    for number in range(4):
        network.member(f"m-barn{number}", "99002", "99004")
        for day in range(2, 7):
            network.read(f"m-barn{number}", "barn", f"{day:02} 09:00")
    network.member("m-none", "99002", None)
    network.read("m-none", "barn", "03 09:00")
    network.read("m-loft0", "barn", "03 17:00")  # already counted at loft that day
    network.read("m-loft0", "loft", "20 00:10")  # 19 February in UTC
    for day in range(16, 28):
        network.read("m-loft1", "loft", f"{day} 09:00", granted=False)
        network.read("m-loft1", "loft", f"{day} 17:00", side="out")


def test_the_month_is_what_its_events_say_rounded_and_four_members_are_withheld(network: Network) -> None:
    _february(network)
    members, days, km = network.recounted("loft")
    assert (members, days) == (7, 9 + 10 + 10 + 10 + 11 + 12 + 13 + 1)
    assert network.recounted("barn")[0] == 4
    lines = [f"commuting: 2026-0{month} counted, {month - 1} places with enough members" for month in (1, 2)]
    assert network.count(_NOW) == lines
    kept = round(km / 250) * 250
    month = {"month": "2026-02", "members": 5, "visit_days": round(days / 5) * 5, "km": kept, "hours": round(kept / 49)}
    with psycopg.connect(network.url) as owner:
        funder = create_key(owner, "funder", role="auditor")
        manager = create_key(owner, "barn", role="place_manager", places=["barn"])
    figures = {"visit_days": month["visit_days"], "km": kept, "hours": month["hours"]}
    shown = figures | {"months": [month | {"places": 1, "withheld": 0}]}
    with api_process(network.url) as client:

        def asked(path: str, key: str = funder, **more: str) -> Any:
            answer = client.get(path, params=_PERIOD | more, headers={"X-Api-Key": key})
            assert answer.status_code == 200, answer.text
            return answer.text if "format" in more else answer.json()

        for by, name, commuting in (
            ("place", "loft", shown),
            ("place", "barn", None),
            ("department", "87", figures | {"months": [month | {"places": 1, "withheld": 1}]}),
            ("network", "*", figures | {"months": [month | {"places": 1, "withheld": 1}]}),
        ):
            rows = {row["name"]: row["commuting"] for row in asked("/v1/worth", by=by)["rows"]}
            assert rows[name] == commuting, by
        assert asked("/v1/places/loft/worth")["commuting"] == shown
        assert asked("/v1/places/barn/worth", manager)["commuting"] is None
        assert asked("/v1/worth", manager, by="network")["rows"][0]["commuting"] is None
        assert asked("/v1/places/loft/worth", to="2026-02-28")["commuting"] is None  # not the whole month
        line = asked("/v1/worth", by="place", format="csv").splitlines()
        assert line[0].endswith("commuting_visit_days,commuting_km,commuting_hours")
        assert any(one.endswith(f"{figures['visit_days']},{kept},{figures['hours']}") for one in line[1:])
    # a fifth member of barn's badges arrives late, and a member moves: a month that was said stays, else the
    # difference of two answers would be one person's way
    before = network.connection.execute("SELECT * FROM worth_commuting ORDER BY place, month").fetchall()
    network.member("m-late", "99002", "99004")
    network.read("m-late", "barn", "10 09:00")
    network.connection.execute("UPDATE member SET home_commune = '99004' WHERE ref = 'm-loft0'")
    assert network.count(_NOW + timedelta(days=1)) == []
    assert network.connection.execute("SELECT * FROM worth_commuting ORDER BY place, month").fetchall() == before
    with psycopg.connect(network.maintainer) as jobs, pytest.raises(psycopg.errors.InsufficientPrivilege):
        jobs.execute("UPDATE worth_commuting SET km = km + 1")
    view = network.connection.execute("SELECT place, km, hours FROM report.worth_commuting WHERE km IS NOT NULL")
    assert view.fetchall() in ([], [("loft", kept, kept / 49)])


def test_homes_are_given_imported_exported_and_erased(network: Network) -> None:
    network.place("loft", "87", None)
    with psycopg.connect(network.url) as owner:
        key = create_key(owner, "admin", role="network_administrator")
    with api_process(network.url, ready=True, port=0, **API_KEYS) as client:
        client.headers["X-Api-Key"] = key
        made = client.post(
            "/v1/members", json={"name": "Ana", "email": "ana@example.org", "home_commune": "99001", "home": "loft"}
        )
        assert made.status_code == 201, made.text
        ref, etag = made.json()["ref"], made.headers["ETag"]
        assert (made.json()["home_commune"], made.json()["work_commune"]) == ("99001", None)
        for code, word in (("99999", "no commune"), ("8708", "INSEE code")):
            wrong = client.patch(f"/v1/members/{ref}", json={"work_commune": code}, headers={"If-Match": etag})
            assert (wrong.status_code, word in wrong.text) == (422, True), wrong.text
        rows = "email,home_commune,work_commune\r\nana@example.org,99002,99003\r\n"
        taken = client.post("/v1/members/import", content=rows, headers={"Content-Type": "text/csv"})
        assert taken.status_code == 200, taken.text
        listed = client.get("/v1/members/export").text.splitlines()
        cells = dict(zip(listed[0].split(","), listed[1].split(","), strict=True))
        assert (cells["home_commune"], cells["work_commune"]) == ("99002", "99003")
        held = client.get(f"/v1/members/{ref}/export").json()
        assert (held["member"]["home_commune"], held["member"]["work_commune"]) == ("99002", "99003")
        # the audit says that they were changed, and not to what
        noted = "SELECT body -> 'hidden' FROM audit_detail WHERE NOT body ? 'set' AND body ? 'hidden' AND person = %s"
        assert network.row(noted, ref) == (["home_commune", "work_commune"],)
        assert network.row("SELECT count(*) FROM audit_detail WHERE body::text ~ '9900[0-9]'") == (0,)
        assert client.delete(f"/v1/members/{ref}", headers={"If-Match": "*"}).status_code == 200
        assert network.row("SELECT count(*) FROM member WHERE home_commune IS NOT NULL") == (0,)
