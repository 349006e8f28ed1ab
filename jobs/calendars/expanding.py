"""Reads an iCalendar object and prints its busy times, in a process of its own with a limit of time and memory.

A rule such as ``FREQ=SECONDLY`` for a thousand years, or a date that never comes, would otherwise keep a processor for
ever: here the system ends it, and nothing else stops.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from jobs.calendars.busy import Window, joined

MOST: Final = 5_000
"""Appointments within the time that is read."""
_CPU_S: Final = 10
_MEMORY: Final = 768 * 2**20
_WAIT_S: Final = 60.0


class CalendarUnreadable(Exception):
    """What is wrong with a calendar, for its owner. It quotes nothing of the calendar."""


def expand(text: bytes, begin: datetime, end: datetime, zone: str, *, cpu_s: int = _CPU_S) -> list[Window]:
    """Return the busy times of a calendar between ``begin`` and ``end``, joined.

    ``zone`` is for times without one; ``cpu_s`` is the limit of processor time.

    Raises:
        CalendarUnreadable: it is no calendar, has too many appointments, or computing them takes too long.
    """
    command = [sys.executable, "-m", "jobs.calendars.expanding", begin.isoformat(), end.isoformat(), zone, str(cpu_s)]
    try:
        done = subprocess.run(command, input=text, capture_output=True, timeout=_WAIT_S, check=False)
    except subprocess.TimeoutExpired:
        raise CalendarUnreadable("its appointments take too long to compute: look for one that repeats") from None
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        raise CalendarUnreadable("its appointments take too long to compute: look for one that repeats") from None
    if isinstance(answer, str):
        raise CalendarUnreadable(answer)
    return [(datetime.fromisoformat(first), datetime.fromisoformat(last)) for first, last in answer]


def busy_of(text: bytes, begin: datetime, end: datetime, zone: ZoneInfo) -> list[Window]:
    """Do it here, without limits.

    Raises:
        CalendarUnreadable: as ``expand``.
    """
    import recurring_ical_events  # type: ignore[import-untyped]
    from icalendar import Calendar

    try:
        calendar = Calendar.from_ical(text)
    except Exception as error:  # whatever the parser trips over
        raise CalendarUnreadable("it isn't an iCalendar file (RFC 5545)") from error
    if getattr(calendar, "name", None) != "VCALENDAR":
        raise CalendarUnreadable("it isn't an iCalendar file (RFC 5545)")
    try:
        found: list[Any] = []
        for event in recurring_ical_events.of(calendar, skip_bad_series=True).after(begin):
            if _instant(event["DTSTART"].dt, zone) >= end:
                break
            found.append(event)
            if len(found) > MOST:
                raise CalendarUnreadable(f"it has more than {MOST} appointments in six months")
    except CalendarUnreadable:
        raise
    except Exception as error:
        raise CalendarUnreadable("an appointment of it can't be read") from error
    return joined(_window(event, zone) for event in found if _is_busy(event))


def _is_busy(event: Any) -> bool:
    free = str(event.get("TRANSP", "")).upper() == "TRANSPARENT"
    return not free and str(event.get("STATUS", "")).upper() != "CANCELLED"


def _window(event: Any, zone: ZoneInfo) -> Window:
    begin = event["DTSTART"].dt
    if "DTEND" in event:
        end = event["DTEND"].dt
    elif "DURATION" in event:
        end = begin + event["DURATION"].dt
    else:  # a day, or an instant
        end = begin if isinstance(begin, datetime) else begin + timedelta(days=1)
    return _instant(begin, zone), _instant(end, zone)


def _instant(value: date, zone: ZoneInfo) -> datetime:
    """Return a day, or a time without a zone, as an instant at the place."""
    if not isinstance(value, datetime):
        value = datetime.combine(value, time(), zone)
    return value.replace(tzinfo=zone) if value.tzinfo is None else value


def main(begin: str, end: str, zone: str, cpu_s: str) -> None:
    """Read a calendar from standard input; print its busy times, or what is wrong with it, as JSON."""
    resource.setrlimit(resource.RLIMIT_CPU, (int(cpu_s), int(cpu_s)))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    try:
        found = busy_of(
            sys.stdin.buffer.read(), datetime.fromisoformat(begin), datetime.fromisoformat(end), ZoneInfo(zone)
        )
    except CalendarUnreadable as error:
        print(json.dumps(str(error)))
    else:
        print(json.dumps([[first.isoformat(), last.isoformat()] for first, last in found]))


if __name__ == "__main__":
    main(*sys.argv[1:])
