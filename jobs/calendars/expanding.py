"""Reads an iCalendar object and prints its busy times, in a process of its own with a limit of time and memory.

A rule such as ``FREQ=SECONDLY`` for a thousand years, or a date that never comes, would otherwise keep a processor for
ever: here the system ends it, and nothing else stops.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from jobs.calendars.busy import Window, joined

MOST: Final = 5_000
"""Appointments within the time that is read."""
CPU_S: Final = 10
_MEMORY: Final = 768 * 2**20
_WAIT_S: Final = 60.0


class CalendarUnreadable(Exception):
    """What is wrong with a calendar, for its owner. It quotes nothing of the calendar."""


def expand(text: bytes, begin: datetime, end: datetime, zone: str, *, cpu_s: int = CPU_S) -> list[Window]:
    """Return the busy times of a calendar between ``begin`` and ``end``, joined.

    ``zone`` is for times without one; ``cpu_s`` is the limit of processor time.

    Raises:
        CalendarUnreadable: it is no calendar, has too many appointments, or computing them takes too long.
    """
    answer = computed("jobs.calendars.expanding", text, begin.isoformat(), end.isoformat(), zone, cpu_s=cpu_s)
    return [(datetime.fromisoformat(first), datetime.fromisoformat(last)) for first, last in answer]


def computed(module: str, text: bytes, *arguments: str, cpu_s: int = CPU_S) -> Any:
    """Run ``module`` with ``text`` as its input, within limits of time and memory (``limited``); return its answer.

    Raises:
        CalendarUnreadable: it says so, or takes too long.
    """
    command = [sys.executable, "-m", module, str(cpu_s), *arguments]
    try:
        done = subprocess.run(command, input=text, capture_output=True, timeout=_WAIT_S, check=False)
        answer = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        raise CalendarUnreadable("its appointments take too long to compute: look for one that repeats") from None
    if isinstance(answer, str):
        raise CalendarUnreadable(answer)
    return answer


def limited(cpu_s: str, compute: Callable[[bytes], Any]) -> None:
    """Limit this process, and print as JSON what ``compute`` returns for its input, or what is wrong with it."""
    resource.setrlimit(resource.RLIMIT_CPU, (int(cpu_s), int(cpu_s)))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    try:
        print(json.dumps(compute(sys.stdin.buffer.read())))
    except CalendarUnreadable as error:
        print(json.dumps(str(error)))


def calendar_in(text: bytes) -> Any:
    """Return the calendar in ``text``.

    Raises:
        CalendarUnreadable: it is none.
    """
    from icalendar import Calendar

    try:
        calendar = Calendar.from_ical(text)
    except Exception as error:  # whatever the parser trips over
        raise CalendarUnreadable("it isn't an iCalendar file (RFC 5545)") from error
    if getattr(calendar, "name", None) != "VCALENDAR":
        raise CalendarUnreadable("it isn't an iCalendar file (RFC 5545)")
    return calendar


def events_of(calendar: Any, begin: datetime, end: datetime, zone: ZoneInfo, *, most: int = MOST) -> list[Any]:
    """Return the appointments of a calendar between two times, each occurrence of one that repeats as one of its own.

    Raises:
        CalendarUnreadable: there are more than ``most``, or one of them can't be read.
    """
    import recurring_ical_events  # type: ignore[import-untyped]

    found: list[Any] = []
    try:
        for event in recurring_ical_events.of(calendar, skip_bad_series=True).after(begin):
            if instant(event["DTSTART"].dt, zone) >= end:
                break
            found.append(event)
            if len(found) > most:
                raise CalendarUnreadable(f"it has more than {most} appointments in six months")
    except CalendarUnreadable:
        raise
    except Exception as error:
        raise CalendarUnreadable("an appointment of it can't be read") from error
    return found


def busy_of(text: bytes, begin: datetime, end: datetime, zone: ZoneInfo) -> list[Window]:
    """Do it here, without limits.

    Raises:
        CalendarUnreadable: as ``expand``.
    """
    found = events_of(calendar_in(text), begin, end, zone)
    return joined(window_of(event, zone) for event in found if _is_busy(event))


def _is_busy(event: Any) -> bool:
    free = str(event.get("TRANSP", "")).upper() == "TRANSPARENT"
    return not free and str(event.get("STATUS", "")).upper() != "CANCELLED"


def window_of(event: Any, zone: ZoneInfo) -> Window:
    """Return when an appointment is."""
    begin = event["DTSTART"].dt
    if "DTEND" in event:
        end = event["DTEND"].dt
    elif "DURATION" in event:
        end = begin + event["DURATION"].dt
    else:  # a day, or an instant
        end = begin if isinstance(begin, datetime) else begin + timedelta(days=1)
    return instant(begin, zone), instant(end, zone)


def instant(value: date, zone: ZoneInfo) -> datetime:
    """Return a day, or a time without a zone, as an instant at the place."""
    if not isinstance(value, datetime):
        value = datetime.combine(value, time(), zone)
    return value.replace(tzinfo=zone) if value.tzinfo is None else value


def main(cpu_s: str, begin: str, end: str, zone: str) -> None:
    """Read a calendar from standard input; print its busy times, or what is wrong with it, as JSON."""

    def compute(text: bytes) -> list[list[str]]:
        found = busy_of(text, datetime.fromisoformat(begin), datetime.fromisoformat(end), ZoneInfo(zone))
        return [[first.isoformat(), last.isoformat()] for first, last in found]

    limited(cpu_s, compute)


if __name__ == "__main__":
    main(*sys.argv[1:])
