"""Who sent an invitation, and what it asks for; what is no invitation, or asks for too much."""

from __future__ import annotations

import email
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default
from time import process_time

import pytest

from jobs.appointments.reading import calendar_of, invitation_of, read_invitation, target_of
from jobs.appointments.sender import is_automatic, is_verified, sender_of
from jobs.appointments.taking import confirmation_in
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
        ('mx; dkim=pass reason="good signature" header.d="example.net"', True),
        # what the sender chose, and the server quotes
        ('mx; spf=pass smtp.mailfrom="x; dkim=pass header.d=example.net"@evil.org', False),
        ('mx; spf=pass (of "();dkim=pass header.d=example.net "@evil.org) smtp.mailfrom=evil.org', False),
        ('mx; dkim=pass header.d=evil.org header.i="x header.d=example.net"@evil.org', False),
        ('mx; dkim=pass reason="header.d=example.net" header.s=x', False),
        ("mx; dkim=pass header.d=evil.org header.d=example.net", False),
        ("mx; spf=pass smtp.mailfrom= =?utf-8?q?x=3B_dkim=3Dpass_header.d=3Dexample.net?= @evil.org", False),
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


@pytest.mark.parametrize(
    ("given", "sender"),
    [
        ('"a@example.net" <a@example.net>', "a@example.net"),
        ("=?utf-8?q?b=40example.net=2C?= <a@example.net>", "a@example.net"),
        ("a@example.net (b@example.net)", "a@example.net"),
        ("<a@example.net> <b@example.net>", None),
        ("<a@example.net>, x <>", None),
        ("=?utf-8?q?a=40example.net?=", None),
        ("a@example.net\x00<b@example.net>", None),
        ("<@b.example:a@example.net>", None),
    ],
)
def test_a_sender_can_be_read_in_one_way(given: str, sender: str | None) -> None:
    assert sender_of(_message(f"From: {given}")) == sender


@pytest.mark.parametrize("filler", ["a", "a,", "(", '"', "a@"])
def test_a_header_that_is_made_to_be_slow_is_read_at_once(filler: str) -> None:
    text = filler * (200_000 // len(filler))
    message = email.message_from_string(f"From: {text}\nTo: {text}\nAuthentication-Results: mx; {text}\n\nx")
    started = process_time()
    assert sender_of(message) is None
    assert not is_verified(message, "a@example.net", "mx")
    assert confirmation_in(message, BOX) is None
    assert process_time() - started < 5  # with the expressions of before: minutes


def test_a_mail_that_came_back_is_no_person_s() -> None:
    assert is_automatic(_message("Return-Path: <>"))
    assert is_automatic(_message("Content-Type: multipart/report; boundary=x"))
    assert not is_automatic(_message("Return-Path: <a@example.net>"))


def test_one_appointment_cannot_name_a_thousand_addresses() -> None:
    invited = "".join(f"ATTENDEE:mailto:book+x{n}@example.org\r\n" for n in range(1000))
    event = (
        "BEGIN:VEVENT\r\nUID:u\r\nDTSTAMP:20270301T000000Z\r\nDTSTART:20270302T090000Z\r\nDTEND:20270302T100000Z\r\n"
    )
    text = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\n{event}{invited}END:VEVENT\r\nEND:VCALENDAR\r\n"
    with pytest.raises(CalendarUnreadable, match="400"):
        invitation_of(text.encode(), BOX, NOW)
    with pytest.raises(CalendarUnreadable, match="400"):
        calendar_of(text.replace("METHOD:REQUEST\r\n", "").encode(), BOX, NOW)


def test_an_address_names_a_thing() -> None:
    assert target_of("book+look at http://evil.example@example.org", BOX) is None  # our mails repeat what it names
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
