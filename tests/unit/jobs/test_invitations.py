"""Who sent an invitation, and what it asks for; what is no invitation, or asks for too much."""

from __future__ import annotations

import email
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default

import pytest

from jobs.appointments.reading import calendar_of, invitation_of, read_invitation, target_of
from jobs.appointments.sender import is_automatic, is_verified, sender_of
from jobs.calendars.expanding import CalendarUnreadable

BOX = "book@example.org"
NOW = datetime(2027, 3, 1, tzinfo=UTC)


def _message(headers: str) -> EmailMessage:
    message = email.message_from_bytes(f"{headers}\r\n\r\nx".encode(), policy=default)
    assert isinstance(message, EmailMessage)
    return message


@pytest.mark.parametrize(
    ("results", "verified"),
    [
        ("mx; dkim=pass header.d=example.net", True),
        ("mx 1; spf=fail; dmarc=pass (p=reject) header.from=example.net", True),
        ("MX; dkim=pass header.i=@example.net header.s=x", True),
        ("mx; dkim=pass header.d=net", False),
        ("mx; dkim=pass header.d=other.net", False),
        ("mx; dkim=pass header.d=sub.example.net", False),
        ("mx; dkim=fail header.d=example.net", False),
        ("mx; dmarc=pass header.from=example.net.evil.org", False),
        ("mx; dkim=none (dkim=pass header.d=example.net)", False),
        ("mx; spf=pass smtp.mailfrom=example.net", False),
        ("evil; dkim=pass header.d=example.net", False),
        ("mx; dkim=fail\r\nAuthentication-Results: mx; dkim=pass header.d=example.net", False),  # the topmost counts
        ("other; dkim=fail\r\nAuthentication-Results: mx; dkim=pass header.d=example.net", True),
    ],
)
def test_only_our_own_server_s_word_counts(results: str, verified: bool) -> None:
    message = _message(f"Authentication-Results: {results}\r\nFrom: Anne <Anne@example.net>")
    sender = sender_of(message)
    assert sender == "anne@example.net"
    assert is_verified(message, sender, "mx") is verified
    assert not is_verified(message, sender, None)


def test_several_senders_are_none_and_machines_are_known() -> None:
    assert sender_of(_message("From: a@example.net, b@example.net")) is None
    assert sender_of(_message("From: a@example.net\r\nFrom: b@example.net")) is None
    assert is_automatic(_message("Auto-Submitted: auto-replied; x=y"))
    assert not is_automatic(_message("Auto-Submitted: no"))


def test_an_address_names_a_thing() -> None:
    assert target_of("Book+Limoges.Laser@Example.org", BOX) == "limoges.laser"
    for other in ("book@example.org", "book+@example.org", "book+x@example.net", "books+x@example.org", "x"):
        assert target_of(other, BOX) is None


def _calendar(*lines: str, method: str = "REQUEST") -> bytes:
    event = ["BEGIN:VEVENT", "DTSTAMP:20270101T000000Z", "ORGANIZER:mailto:a@example.net", *lines, "END:VEVENT"]
    return "\r\n".join(
        ("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", f"METHOD:{method}", *event, "END:VCALENDAR", "")
    ).encode()


HERE = "ATTENDEE:mailto:book+limoges@example.org"


def test_an_appointment_across_a_clock_change_and_one_without_a_zone() -> None:
    text = _calendar(
        "UID:a", HERE, "DTSTART;TZID=Europe/Paris:20270327T090000", "DURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=2"
    )
    found = invitation_of(text, BOX, NOW)
    assert [one.starts for one in found.appointments] == ["2027-03-27T08:00:00+00:00", "2027-03-28T07:00:00+00:00"]
    assert [one.recurrence for one in found.appointments] == [one.starts for one in found.appointments]
    floating = invitation_of(_calendar("UID:a", HERE, "DTSTART:20270328T023000", "DURATION:PT1H"), BOX, NOW)
    assert [(one.starts, one.recurrence) for one in floating.appointments] == [("2027-03-28T02:30:00", "")]
    # what moves in a subscribed calendar keeps its name
    (own,) = calendar_of(_calendar("UID:a", HERE, "DTSTART:20270328T023000Z", "DURATION:PT1H"), BOX, NOW).appointments
    assert own.recurrence == ""


@pytest.mark.parametrize(
    "text",
    [
        b"x",
        _calendar("UID:a", HERE, "DTSTART:20270328T023000Z", method="REPLY"),
        _calendar("UID:a", HERE, "DTSTART:20270328T023000Z", "DURATION:PT1M", "RRULE:FREQ=HOURLY"),
        _calendar("UID:a", HERE, "DTSTART:nonsense"),
        _calendar("UID:a", HERE, "DTSTART:20270328T023000Z", "END:VEVENT", "BEGIN:VEVENT", "UID:b", "DTSTART:20270328"),
    ],
)
def test_what_is_no_invitation_or_asks_for_too_much(text: bytes) -> None:
    with pytest.raises(CalendarUnreadable):
        invitation_of(text, BOX, NOW)


def test_a_bomb_is_ended() -> None:
    bomb = _calendar("UID:a", HERE, "DTSTART:19700101T000000Z", "DURATION:PT1S", "RRULE:FREQ=SECONDLY")
    with pytest.raises(CalendarUnreadable, match="too long"):
        read_invitation(bomb, BOX, NOW, cpu_s=1)
