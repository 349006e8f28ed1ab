"""An appointment becomes a booking: invitations in a real mailbox, booked by a real API, answered by mail."""

from __future__ import annotations

import http.server
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import psycopg
import pytest
from icalendar import Calendar

from jobs.appointments.calendars import read_due
from jobs.appointments.inbox import read_inbox
from tests.mailbox import ADDRESS, Mailbox, invitation, mailbox
from tests.managed import Managed, managed
from tests.waiting import until

DAY = (datetime.now(UTC) + timedelta(days=3)).replace(hour=0, minute=0, second=0, microsecond=0)


def _at(hour: float, day: int = 0) -> datetime:
    return DAY + timedelta(days=day, hours=hour)


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        one.centre.conn.execute("UPDATE member SET email = 'Anne@example.net' WHERE ref = 'm-own1'")
        body = {"code": "laser", "name": "Laser", "kind": "machine", "units": 2}
        made = one.post("manager", "/v1/places/limoges/resources", body)
        assert made.status_code == 201, made.text
        rules = one.change("manager", "PUT", "/v1/places/limoges/booking-rules/all", {"without_pass": True})
        assert rules.is_success, rules.text
        yield one


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mailbox]:
    with mailbox(tmp_path_factory.mktemp("imap")) as one:
        yield one


def _read(network: Managed, box: Mailbox, *mails: str) -> None:
    """Deliver mails, read the mailbox, and wait until the API has done what they ask for."""
    box.put(*mails)
    with psycopg.connect(network.database.as_login("maintain_1"), autocommit=True) as connection:
        read_inbox(connection, box.settings, threading.Event())
    until(lambda: network.sql("SELECT count(*) FROM invitation WHERE state = 'waiting'") == [(0,)])
    assert network.sql("SELECT id FROM invitation WHERE tries > 1") == []


def _booked(network: Managed, uid: str) -> list[tuple[float, float]]:
    """Return the hours that an appointment's bookings hold."""
    rows = network.sql(
        "SELECT b.starts_at, b.ends_at FROM appointment a JOIN booking b ON b.ref = a.booking"
        " WHERE a.uid = %s AND b.cancelled_at IS NULL ORDER BY 1",
        uid,
    )
    return [tuple((at - DAY) / timedelta(hours=1) for at in row) for row in rows]


def _answers(network: Managed, uid: str) -> list[tuple[str, list[str]]]:
    """Return the kinds of the mails that answer an appointment, with what their calendars say."""
    rows = network.sql("SELECT kind, calendar FROM mail WHERE calendar LIKE %s ORDER BY id", f"%UID:{uid}%")
    return [(kind, _says(text)) for kind, text in rows]


def _says(text: str) -> list[str]:
    calendar: Any = Calendar.from_ical(text)
    assert calendar["METHOD"] == "REPLY"
    found = []
    for event in calendar.walk("VEVENT"):
        assert str(event["ORGANIZER"]).lower() == "mailto:anne@example.net"
        found.append(str(event["ATTENDEE"].params["PARTSTAT"]))
    return found


def test_an_invitation_is_booked_once_moves_and_is_cancelled(network: Managed, box: Mailbox) -> None:
    first = invitation("a1", _at(9))
    _read(network, box, first)
    assert _booked(network, "a1") == [(9, 10)]
    assert _answers(network, "a1") == [("appointment_accepted", ["ACCEPTED"])]
    assert network.sql("SELECT b.member FROM booking b JOIN appointment a ON a.booking = b.ref") == [("m-own1",)]
    assert box.left() == 0, "what was taken is deleted"
    ref = network.sql("SELECT booking FROM appointment WHERE uid = 'a1'")

    _read(network, box, first, first)
    assert len(_answers(network, "a1")) == 1, "the same mail again asks for nothing"

    _read(network, box, invitation("a1", _at(11), sequence=2))
    assert _booked(network, "a1") == [(11, 12)]
    assert network.sql("SELECT booking FROM appointment WHERE uid = 'a1'") == ref, "the booking moved"
    _read(network, box, invitation("a1", _at(13), sequence=1))
    assert _booked(network, "a1") == [(11, 12)], "a mail that was overtaken changes nothing"
    assert [kind for kind, _ in _answers(network, "a1")] == ["appointment_accepted"] * 2

    who = network.get("manager", f"/v1/bookings/{ref[0][0]}/history").json()["history"]
    assert {one["actor"].partition(":")[0] for one in who} == {"invitation"}

    _read(network, box, invitation("a1", _at(11), sequence=3, method="CANCEL"))
    assert _booked(network, "a1") == []
    assert network.sql("SELECT count(*) FROM booking WHERE label LIKE '%%rivate%%'") == [(0,)]


def test_what_a_rule_refuses_is_declined_with_a_reason_and_other_times(network: Managed, box: Mailbox) -> None:
    for uid in ("b1", "b2"):
        network.post(
            "manager",
            "/v1/bookings",
            {
                "member": network.someone(f"Other {uid}"),
                "place": "limoges",
                "resource": "laser",
                "from": _at(9, 1).isoformat(),
                "until": _at(10, 1).isoformat(),
            },
        )
    _read(network, box, invitation("b3", _at(9, 1)))
    assert (_booked(network, "b3"), _answers(network, "b3")) == ([], [("appointment_declined", ["DECLINED"])])
    values, text = network.sql('SELECT "values", calendar FROM mail WHERE kind = %s', "appointment_declined")[0]
    assert values["why"]["fr"] == "une autre réservation occupe déjà ce créneau."
    assert values["alternatives"].startswith(f"{_at(10, 1):%Y-%m-%dT10:00:00Z}"), "the next free time"
    assert "autre r" in text

    # a move that is refused leaves the booking where it is
    _read(network, box, invitation("b4", _at(14, 1)), invitation("b4", _at(9, 1), sequence=1))
    assert _booked(network, "b4") == [(38, 39)]
    assert [kind for kind, _ in _answers(network, "b4")] == ["appointment_accepted", "appointment_declined"]
    # nothing has this address
    _read(network, box, invitation("b5", _at(9, 1), to="limoges.nothing"))
    assert _answers(network, "b5") == [("appointment_declined", ["DECLINED"])]


def test_an_appointment_that_repeats_is_answered_by_occurrence(network: Managed, box: Mailbox) -> None:
    weekly = "RRULE:FREQ=DAILY;COUNT=4"
    for _ in range(2):
        network.post(
            "manager",
            "/v1/bookings",
            {
                "member": network.someone("Other"),
                "place": "limoges",
                "resource": "laser",
                "from": _at(16, 12).isoformat(),
                "until": _at(17, 12).isoformat(),
            },
        )
    _read(network, box, invitation("c1", _at(16, 10), more=weekly))
    days = [(16 + 24 * day, 17 + 24 * day) for day in (10, 11, 13)]
    assert _booked(network, "c1") == days
    assert _answers(network, "c1") == [("appointment_partly", ["ACCEPTED", "DECLINED"])]
    # one occurrence moves, then the appointment ends a day earlier
    first = f"RECURRENCE-ID:{_at(16, 10):%Y%m%dT%H%M%SZ}"
    _read(network, box, invitation("c1", _at(18, 10), sequence=1, more=first))
    assert _booked(network, "c1") == [(258, 259), *days[1:]]
    _read(network, box, invitation("c1", _at(16, 10), sequence=2, more=weekly.replace("4", "2")))
    assert _booked(network, "c1") == days[:2]


def test_who_isn_t_verified_must_confirm(network: Managed, box: Mailbox) -> None:
    forged = [
        invitation("d1", _at(9, 20), verified=None),
        invitation("d2", _at(9, 21), verified="mx.example.com"),  # another server's word
        invitation("d3", _at(9, 22)).replace("header.d=example.net", "header.d=evil.net"),
        invitation("d4", _at(9, 23), organizer="anne@example.net", sender="eve@evil.net"),
        invitation("d5", _at(9, 24), sender="nobody@example.net"),
        "From: x@example.net\nSubject: hello\n\nno calendar",
    ]
    _read(network, box, *forged)
    assert [_booked(network, f"d{number}") for number in range(1, 6)] == [[]] * 5
    asked = network.sql("SELECT \"values\" ->> 'code' FROM mail WHERE kind = 'appointment_confirm' ORDER BY id")
    assert len(asked) == 3, "d4 and d5 are from nobody whom we know"
    assert (box.left(), box.left("FLAGGED")) == (2, 2), "what can't be read stays, flagged"
    code = asked[0][0]
    assert re.fullmatch(r"book\+confirm=[0-9a-f]{32}@example\.org", code)
    absent = f"From: anne@example.net\nTo: {code}\nAuto-Submitted: auto-replied\nSubject: away\n\naway"
    _read(network, box, absent)
    assert _booked(network, "d1") == [], "an absent person confirms nothing"
    for answer in ("Re: yes", "Re: yes again"):
        _read(network, box, f"From: anne@example.net\nTo: <{code}>\nSubject: {answer}\n\nyes")
    assert _booked(network, "d1") == [(9 + 24 * 20, 10 + 24 * 20)]
    assert _booked(network, "d2") == []
    wrong = code.replace(code[13:20], "0000000")
    _read(network, box, f"From: anne@example.net\nTo: <{wrong}>\nSubject: x\n\nyes")
    _read(network, box, invitation("d2", _at(9, 21)))
    assert _booked(network, "d2") == [(9 + 24 * 21, 10 + 24 * 21)], "the same from the member needs no confirmation"
    # a forger fills no mailbox
    _read(network, box, *(invitation(f"e{number}", _at(9, 30), verified=None) for number in range(5)))
    assert len(network.sql("SELECT 1 FROM mail WHERE kind = 'appointment_confirm'")) == 7


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """The server of a member's calendar."""

    body: ClassVar[bytes] = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def elsewhere() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/anne.ics"
    server.shutdown()
    thread.join(30)
    server.server_close()


def test_a_member_s_own_calendar_is_followed(network: Managed, elsewhere: str) -> None:
    made = network.post("member", "/v1/member-calendars", {"url": elsewhere})
    assert made.status_code == 201, made.text
    assert elsewhere not in made.text
    assert network.post("manager", "/v1/member-calendars", {"url": elsewhere}).status_code == 403

    def says(stamp: int, *appointments: tuple[str, datetime, str]) -> None:
        lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x"]
        for uid, starts, place in appointments:
            lines += ["BEGIN:VEVENT", f"UID:{uid}", f"DTSTAMP:20260101T{stamp:06}Z", f"DTSTART:{starts:%Y%m%dT%H%M%SZ}"]
            lines += ["DURATION:PT1H", f"LOCATION:Fab lab, {place}", "END:VEVENT"]
        Elsewhere.body = "\r\n".join((*lines, "END:VCALENDAR", "")).encode()
        network.sql("UPDATE member_calendar SET next_at = now() RETURNING id")
        with psycopg.connect(network.database.as_login("maintain_1"), autocommit=True) as connection:
            assert read_due(connection, ADDRESS, private=True) == 1
        assert network.sql("SELECT error FROM member_calendar") == [(None,)]
        until(lambda: network.sql("SELECT count(*) FROM invitation WHERE state = 'waiting'") == [(0,)])

    laser = "book+limoges.laser@example.org"
    says(1, ("f1", _at(9, 40), laser), ("f2", _at(9, 41), laser), ("f3", _at(9, 42), "at home"))
    assert [_booked(network, uid) for uid in ("f1", "f2", "f3")] == [[(969, 970)], [(993, 994)], []]
    says(2, ("f1", _at(9, 40), laser), ("f2", _at(9, 41), laser))
    assert network.sql("SELECT count(*) FROM invitation WHERE calendar IS NOT NULL") == [(1,)], "nothing has changed"
    says(3, ("f1", _at(10, 40), laser))
    assert [_booked(network, uid) for uid in ("f1", "f2")] == [[(970, 971)], []]
    # what its holder cancels stays cancelled, though the calendar still has it
    ref = network.sql("SELECT booking FROM appointment WHERE uid = 'f1'")[0][0]
    assert network.change("member", "DELETE", f"/v1/bookings/{ref}").status_code == 200
    says(4, ("f1", _at(10, 40), laser), ("f4", _at(9, 43), laser))
    assert [_booked(network, uid) for uid in ("f1", "f4")] == [[], [(1041, 1042)]]

    held = network.get("admin", "/v1/members/m-own1/export").json()
    assert held["member_calendars"][0]["url"] == elsewhere
    assert {one["uid"] for one in held["appointments"]} >= {"f1", "f4"}
    assert network.call("member", "DELETE", f"/v1/member-calendars/{made.json()['id']}").status_code == 200
    assert network.change("admin", "DELETE", "/v1/members/m-own1").status_code == 200
    for table in ("invitation", "appointment", "member_calendar", "attendance"):
        assert network.sql(f"SELECT 1 FROM {table}") == [], table
