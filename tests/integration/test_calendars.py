"""Calendars both ways: feeds with a secret address, and a calendar elsewhere that blocks a unit."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import psycopg
import pytest
from icalendar import Calendar

from jobs.calendars.syncing import read_due
from tests.managed import Managed, managed

DAY = (datetime.now(UTC) + timedelta(days=3)).replace(hour=0, minute=0, second=0, microsecond=0)


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """A calendar's server."""

    body: ClassVar[bytes] = b""
    status: ClassVar[int] = 200
    asked: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        self.asked.append(self.headers["If-None-Match"])
        etag = f'"{hash(self.body)}"'
        if self.headers["If-None-Match"] == etag:
            self.send_response(304)
            self.end_headers()
            return
        self.send_response(self.status)
        self.send_header("ETag", etag)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        one.centre.conn.execute(
            "INSERT INTO resource (place, code, name, kind) SELECT id, 'laser', 'Laser', 'machine' FROM place"
            " WHERE code = 'limoges'"
        )
        one.centre.conn.execute(
            "INSERT INTO resource_unit (resource, place, code) SELECT id, place, 'laser-1' FROM resource"
        )
        yield one


@pytest.fixture
def elsewhere() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    Elsewhere.status, Elsewhere.asked = 200, []
    yield f"http://127.0.0.1:{server.server_port}/x.ics"
    server.shutdown()
    thread.join(30)
    server.server_close()


def _says(*hours: tuple[int, int]) -> None:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x"]
    for first, last in hours:
        begin, end = (f"{DAY + timedelta(hours=hour):%Y%m%dT%H%M%SZ}" for hour in (first, last))
        lines += ["BEGIN:VEVENT", f"UID:{first}", "DTSTAMP:20260101T000000Z", f"DTSTART:{begin}", f"DTEND:{end}"]
        lines += ["SUMMARY:Anne's secret", "END:VEVENT"]
    Elsewhere.body = "\r\n".join((*lines, "END:VCALENDAR", "")).encode()


def _events(body: bytes) -> list[Any]:
    return list(Calendar.from_ical(body).walk("VEVENT"))


def _blocks(network: Managed) -> list[tuple[int, int]]:
    found = network.sql(
        "SELECT starts_at, ends_at FROM booking WHERE calendar IS NOT NULL AND cancelled_at IS NULL ORDER BY 1"
    )
    return [tuple(round((one - DAY) / timedelta(hours=1)) for one in pair) for pair in found]


def _read(network: Managed, *, private: bool = True) -> int:
    network.sql("UPDATE calendar_source SET next_at = now() RETURNING id")
    with psycopg.connect(network.database.as_login("maintain_1"), autocommit=True) as connection:
        return read_due(connection, private=private)


def test_a_calendar_s_busy_times_block_a_unit_and_follow_it(network: Managed, elsewhere: str) -> None:
    network.sql(
        "INSERT INTO booking (member, place, unit, starts_at, ends_at)"
        " SELECT 'm-own1', place, id, %s, %s FROM resource_unit RETURNING ref",
        DAY + timedelta(hours=11),
        DAY + timedelta(hours=12),
    )
    made = network.post(
        "manager",
        "/v1/calendars",
        {"place": "limoges", "resource": "laser", "name": "Atelier", "url": elsewhere, "owner_email": "a@example.org"},
    )
    assert made.status_code == 201, made.text
    assert elsewhere not in made.text
    number = made.json()["id"]
    assert network.post("desk", "/v1/calendars", {}).status_code == 403

    _says((9, 10), (10, 13), (20, 21))
    assert (_read(network), _blocks(network)) == (1, [(9, 11), (12, 13), (20, 21)])
    told = network.sql("SELECT kind, to_address, \"values\" ->> 'starts' FROM mail")
    assert [one[:2] for one in told] == [("calendar_refused", "a@example.org")]
    refs = network.sql("SELECT ref FROM booking WHERE calendar IS NOT NULL ORDER BY starts_at")
    assert (_read(network), _blocks(network)) == (1, [(9, 11), (12, 13), (20, 21)])
    assert network.sql("SELECT ref FROM booking WHERE calendar IS NOT NULL ORDER BY starts_at") == refs
    assert Elsewhere.asked[0] is None
    assert Elsewhere.asked[1] is not None, "it asks whether it has changed"
    assert network.sql("SELECT count(*) FROM mail") == [(1,)]

    _says((9, 10), (22, 23))
    assert (_read(network), _blocks(network)) == (1, [(9, 10), (22, 23)])
    assert network.sql("SELECT count(*) FROM booking WHERE label LIKE '%%Anne%%'") == [(0,)]

    for status, text in ((500, b"x"), (200, b"<html>"), (200, b"x" * (2**21 + 1))):
        Elsewhere.status, Elsewhere.body = status, text
        assert _read(network) == 1
    assert _blocks(network) == [(9, 10), (22, 23)], "what can't be read changes nothing"
    shown = network.get("manager", "/v1/calendars").json()["calendars"][0]
    assert (shown["failures"], shown["error"]) == (3, "it is larger than 2 MB")
    assert network.sql("SELECT kind FROM mail ORDER BY id DESC LIMIT 1") == [("calendar_unreadable",)]
    assert _read(network, private=False) == 1
    assert network.get("manager", "/v1/calendars").json()["calendars"][0]["error"].startswith("its address must begin")

    assert network.call("manager", "DELETE", f"/v1/calendars/{number}").status_code == 200
    assert _blocks(network) == []


def test_a_feed_shows_a_member_s_bookings_or_when_a_resource_is_taken_and_ends(network: Managed) -> None:
    network.sql(
        "INSERT INTO booking (ref, member, place, unit, starts_at, ends_at)"
        " SELECT 'b-feed', 'm-own1', place, id, %s, %s FROM resource_unit RETURNING ref",
        DAY + timedelta(days=1, hours=9),
        DAY + timedelta(days=1, hours=10),
    )
    own = network.post("member", "/v1/calendar-feeds", {})
    laser = network.post("manager", "/v1/calendar-feeds", {"place": "limoges", "resource": "laser"})
    assert (own.status_code, laser.status_code) == (201, 201), (own.text, laser.text)
    assert network.post("manager", "/v1/calendar-feeds", {}).status_code == 422
    assert [one["member"] for one in network.get("member", "/v1/calendar-feeds").json()["feeds"]] == ["m-own1"]
    assert [one["resource"] for one in network.get("manager", "/v1/calendar-feeds").json()["feeds"]] == ["laser"]

    first = network.api.get(own.json()["path"])
    assert first.headers["content-type"] == "text/calendar; charset=utf-8"
    event: Any = next(one for one in _events(first.content) if one["UID"] == "b-feed@maillage")
    assert (event["DTSTART"].dt, event["SUMMARY"]) == (DAY + timedelta(days=1, hours=9), "Laser · Limoges")
    again = network.api.get(own.json()["path"], headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304

    taken = network.api.get(laser.json()["path"])
    assert "b-feed" not in taken.text
    assert "m-own1" not in taken.text
    assert _events(taken.content)[-1]["DTSTART"].dt == event["DTSTART"].dt

    network.sql("UPDATE booking SET cancelled_at = now() WHERE ref = 'b-feed' RETURNING ref")
    changed = network.api.get(own.json()["path"], headers={"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200
    assert "STATUS:CANCELLED" in changed.text
    assert "Réservé" not in network.api.get(laser.json()["path"]).text.split("DTSTART")[-1]

    assert network.call("manager", "DELETE", f"/v1/calendar-feeds/{own.json()['id']}").status_code == 404
    assert network.call("member", "DELETE", f"/v1/calendar-feeds/{own.json()['id']}").status_code == 200
    assert network.api.get(own.json()["path"]).status_code == 404
