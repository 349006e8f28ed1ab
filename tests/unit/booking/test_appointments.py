"""What appointments ask for, compared with what became of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from booking.appointments import Appointment, Kept, appointment_from, appointment_json, steps_of

NOW = datetime(2027, 3, 28, 0, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
ONE = Appointment(
    uid="a",
    recurrence="",
    target="limoges.laser",
    address="book+limoges.laser@example.org",
    sequence=1,
    stamp=NOW,
    starts=NOW + HOUR,
    ends=NOW + 2 * HOUR,
)
BOOKED = Kept(
    key=ONE.key,
    sequence=1,
    stamp=NOW,
    starts=ONE.starts,
    ends=ONE.ends,
    booking="b-1",
    holds=(ONE.starts, ONE.ends),
)
CANCELLED = replace(BOOKED, holds=None)
REFUSED = replace(BOOKED, booking=None, holds=None)
LATER = replace(ONE, sequence=2)
MOVED = replace(LATER, starts=ONE.ends, ends=ONE.ends + HOUR)


@pytest.mark.parametrize(
    ("wanted", "kept", "act"),
    [
        (ONE, None, "book"),
        (ONE, BOOKED, None),
        (LATER, BOOKED, None),
        (MOVED, BOOKED, "move"),
        (replace(MOVED, sequence=0), BOOKED, None),  # overtaken
        (replace(MOVED, sequence=1, stamp=NOW - HOUR), BOOKED, None),
        (replace(ONE, cancelled=True), BOOKED, "cancel"),
        (replace(ONE, cancelled=True), CANCELLED, None),
        (replace(ONE, starts=NOW - 2 * HOUR, ends=NOW), None, None),  # over
        (replace(ONE, starts=NOW - HOUR), None, "book"),  # the rules say whether it is too late
        (LATER, CANCELLED, None),  # its holder cancelled it
        (MOVED, CANCELLED, "book"),
        (ONE, REFUSED, None),
        (LATER, REFUSED, "book"),
        (MOVED, replace(BOOKED, starts=MOVED.starts, ends=MOVED.ends), "move"),  # an earlier move was refused
    ],
)
def test_each_appointment(wanted: Appointment, kept: Kept | None, act: str | None) -> None:
    found = steps_of([wanted], [] if kept is None else [kept], whole=False, now=NOW)
    assert [step.act for step in found] == ([] if act is None else [act])


def test_what_is_gone_is_cancelled_first_and_only_of_a_whole_calendar() -> None:
    other = replace(ONE, uid="b")
    assert [(step.act, step.key[0]) for step in steps_of([other], [BOOKED], whole=True, now=NOW)] == [
        ("cancel", "a"),
        ("book", "b"),
    ]
    assert [step.act for step in steps_of([other], [BOOKED], whole=False, now=NOW)] == ["book"]
    assert steps_of([], [replace(BOOKED, holds=(NOW - HOUR, NOW)), CANCELLED], whole=True, now=NOW) == []
    assert len(steps_of([ONE, ONE], [], whole=True, now=NOW)) == 1


def test_an_appointment_is_read_as_it_was_written() -> None:
    assert appointment_from(appointment_json(MOVED)) == MOVED
