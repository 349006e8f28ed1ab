"""Busy times of calendars: what of them becomes a block, and what a calendar may hold."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.calendars.busy import change_of, joined, without
from jobs.calendars.expanding import CalendarUnreadable, busy_of, expand
from jobs.calendars.fetching import fetch

DAY = datetime(2027, 3, 26, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")


def _at(hour: int) -> datetime:
    return DAY + timedelta(hours=hour)


WINDOWS = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 30)).map(lambda one: (_at(one[0]), _at(one[1]))), max_size=8
)


@given(WINDOWS, WINDOWS)
def test_each_hour_is_blocked_exactly_where_it_is_busy_and_no_other_booking_has_it(wanted: Any, others: Any) -> None:
    left = without(wanted, others)
    assert left == joined(left)
    for hour in range(31):
        moment = _at(hour) + timedelta(minutes=30)
        inside = [any(a <= moment < b for a, b in some) for some in (left, wanted, others)]
        assert inside[0] == (inside[1] and not inside[2])


@given(WINDOWS, WINDOWS)
def test_a_second_reading_changes_nothing(busy: Any, others: Any) -> None:
    first = change_of(busy, {}, others, now=DAY, until=_at(99))
    blocks = {window: f"b-{n}" for n, window in enumerate(first.add)}
    again = change_of(busy, blocks, others, now=DAY, until=_at(99))
    assert (again.add, again.remove) == ([], [])
    assert change_of([], blocks, others, now=DAY, until=_at(99)).remove == list(blocks.values())


def _calendar(*lines: str) -> bytes:
    return "\r\n".join(("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", *lines, "END:VCALENDAR", "")).encode()


def _event(*lines: str, uid: str = "1") -> tuple[str, ...]:
    return ("BEGIN:VEVENT", f"UID:{uid}", "DTSTAMP:20270101T000000Z", *lines, "END:VEVENT")


def test_a_weekly_appointment_keeps_its_local_hour_across_a_clock_change_and_an_exception_follows() -> None:
    text = _calendar(
        *_event("DTSTART;TZID=Europe/Paris:20270325T090000", "DTEND;TZID=Europe/Paris:20270325T100000",
                "RRULE:FREQ=WEEKLY;COUNT=4", "EXDATE;TZID=Europe/Paris:20270408T090000"),
        *_event("RECURRENCE-ID;TZID=Europe/Paris:20270415T090000", "DTSTART;TZID=Europe/Paris:20270415T140000",
                "DTEND;TZID=Europe/Paris:20270415T150000"),
    )  # fmt: skip
    found = busy_of(text, DAY - timedelta(days=2), DAY + timedelta(days=60), PARIS)
    assert [f"{begin.astimezone(UTC):%m-%d %H}" for begin, _ in found] == ["03-25 08", "04-01 07", "04-15 12"]


def test_free_and_cancelled_appointments_block_nothing_and_a_day_is_the_place_s() -> None:
    text = _calendar(
        *_event("DTSTART:20270326T090000Z", "DTEND:20270326T100000Z", "TRANSP:TRANSPARENT"),
        *_event("DTSTART:20270326T110000Z", "DTEND:20270326T120000Z", "STATUS:CANCELLED", uid="2"),
        *_event("DTSTART;VALUE=DATE:20270328", uid="3"),
        *_event("DTSTART:20270327T090000", "DURATION:PT30M", uid="4"),
    )
    found = busy_of(text, DAY, DAY + timedelta(days=9), PARIS)
    assert [(begin.astimezone(UTC).isoformat(), end - begin) for begin, end in found] == [
        ("2027-03-27T08:00:00+00:00", timedelta(minutes=30)),
        ("2027-03-27T23:00:00+00:00", timedelta(hours=24)),
    ]
    assert found[1][1].astimezone(UTC).isoformat() == "2027-03-28T22:00:00+00:00", "the day of a clock change has 23 h"


@pytest.mark.parametrize(
    "text", [b"", b"<html>", b"\xff\x00", b"BEGIN:VEVENT\r\nEND:VEVENT\r\n", _calendar("BEGIN:VEVENT")]
)
def test_what_is_no_calendar_is_said_to_be_none(text: bytes) -> None:
    with pytest.raises(CalendarUnreadable, match="iCalendar"):
        busy_of(text, DAY, DAY + timedelta(days=9), PARIS)


def test_ten_thousand_appointments_and_a_bomb_are_refused_in_time() -> None:
    end = DAY + timedelta(days=183)
    many = _calendar(*_event("DTSTART:20270326T000000Z", "DURATION:PT1M", "RRULE:FREQ=MINUTELY;COUNT=10000"))
    with pytest.raises(CalendarUnreadable, match="more than 5000"):
        expand(many, DAY, end, "Europe/Paris")
    never = _calendar(*_event("DTSTART:20270326T000000Z", "RRULE:FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30"))
    with pytest.raises(CalendarUnreadable, match="too long"):
        expand(never, DAY, end, "Europe/Paris", cpu_s=2)
    good = _calendar(*_event("DTSTART:20270326T090000Z", "DTEND:20270326T100000Z"))
    assert expand(good, DAY, end, "Europe/Paris") == [(_at(9), _at(10))]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://example.org/x.ics", "https"),
        ("file:///etc/passwd", "https"),
        ("https://user:pass@example.org/", "no user"),
        ("https://example.org:99999/", "port"),
        ("https://[bad/", "valid"),
        ("https://example.org/é.ics", "percent"),
        ("https://localhost/", "private"),
        ("https://169.254.169.254/", "private"),
        ("https://[::ffff:127.0.0.1]/", "private"),
        ("https://2130706433/", "private"),
    ],
)
def test_no_address_leads_inside(monkeypatch: pytest.MonkeyPatch, url: str, why: str) -> None:
    def refuse(*_args: Any, **_more: Any) -> socket.socket:
        raise AssertionError("it must not connect")

    monkeypatch.setattr(socket, "create_connection", refuse)
    with pytest.raises(CalendarUnreadable, match=why):
        fetch(url, etag=None, modified=None, private=False)
