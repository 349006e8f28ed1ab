"""Writes the answer to an invitation as an iTIP REPLY (RFC 5546), in UTC. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from icalendar import Calendar, Event, vCalAddress, vText

from api.http.language import Language
from booking.appointments import Appointment

Why = Mapping[Language, str]
Answered = tuple[Appointment, Why | None]
"""An appointment, and why it is declined, by language; None: it is accepted."""


def reply_of(answers: Sequence[Answered], *, organizer: str, whole: bool, now: datetime) -> str:
    """Return the REPLY of one of our addresses to ``organizer``.

    With ``whole`` an appointment that repeats is answered as a whole, accepted where any occurrence is; what is
    declined of it is answered by occurrence.
    """
    calendar = Calendar()
    calendar.add("VERSION", "2.0")
    calendar.add("PRODID", "-//Maillage//Bookings//FR")
    calendar.add("METHOD", "REPLY")
    first = answers[0][0]
    if whole and first.recurrence:
        declined = [answer for answer in answers if answer[1] is not None]
        none = len(declined) == len(answers)
        master = _event(first, declined[0][1] if none else None, organizer, now)
        for name in ("RECURRENCE-ID", "DTSTART", "DTEND"):
            master.pop(name, None)
        calendar.add_component(master)
        answers = () if none else declined
    for one, why in answers:
        calendar.add_component(_event(one, why, organizer, now))
    return str(calendar.to_ical().decode())


def _event(one: Appointment, why: Why | None, organizer: str, now: datetime) -> Event:
    event = Event()
    event.add("UID", one.uid)
    if one.recurrence:
        event.add("RECURRENCE-ID", datetime.fromisoformat(one.recurrence).astimezone(UTC))
    event.add("DTSTAMP", now.astimezone(UTC).replace(microsecond=0))
    event.add("SEQUENCE", one.sequence)
    event.add("DTSTART", one.starts.astimezone(UTC))
    event.add("DTEND", one.ends.astimezone(UTC))
    event.add("ORGANIZER", vCalAddress(f"mailto:{organizer}"))
    attendee = vCalAddress(f"mailto:{one.address}")
    attendee.params["CUTYPE"] = vText("RESOURCE")
    attendee.params["PARTSTAT"] = vText("ACCEPTED" if why is None else "DECLINED")
    event.add("ATTENDEE", attendee)
    for language, text in (why or {}).items():
        event.add("COMMENT", text, parameters={"LANGUAGE": language})
    return event
