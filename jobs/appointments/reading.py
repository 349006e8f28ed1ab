"""Reads an invitation (iTIP, RFC 5546) or a member's calendar: which appointments name an address of ours.

In a process of its own with a limit of time and memory, as ``jobs.calendars.expanding``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from jobs.calendars.expanding import (
    CPU_S,
    CalendarUnreadable,
    calendar_in,
    computed,
    events_of,
    instant,
    limited,
    window_of,
)

AHEAD: Final = timedelta(days=183)
"""Appointments that repeat are booked so far ahead."""
MOST: Final = 400
"""Occurrences of one invitation."""
_TARGET: Final = re.compile(r"[a-z0-9][a-z0-9._=-]{0,129}")
"""Our codes, and nothing else: mails of ours repeat it."""
_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,200}@[A-Za-z0-9.-]{1,255}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An appointment that names addresses of ours. Times without a zone are of no instant yet."""

    uid: str
    recurrence: str
    """RECURRENCE-ID; empty: it doesn't repeat."""
    addresses: list[str]
    sequence: int
    stamp: str
    starts: str
    ends: str
    cancelled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a calendar asks for."""

    organizer: str | None
    uid: str | None
    """The one appointment of an invitation."""
    whole: bool
    """What is not in it is cancelled."""
    appointments: list[Found]


def read_invitation(text: bytes, mailbox: str, now: datetime, *, cpu_s: int = CPU_S) -> Asked:
    """Return what an iTIP object asks of the addresses of ``mailbox``; ``cpu_s`` is the limit of processor time.

    Raises:
        CalendarUnreadable: it is none, or asks for too much.
    """
    return _asked(computed("jobs.appointments.reading", text, "mail", mailbox, now.isoformat(), cpu_s=cpu_s))


def read_calendar(text: bytes, mailbox: str, now: datetime) -> Asked:
    """Return what a member's calendar asks of the addresses of ``mailbox``, six months ahead.

    Raises:
        CalendarUnreadable: it is none, has too many appointments, or computing them takes too long.
    """
    return _asked(computed("jobs.appointments.reading", text, "calendar", mailbox, now.isoformat()))


def target_of(address: str, mailbox: str) -> str | None:
    """Return what an address names: ``book+limoges.laser@example.org`` names ``limoges.laser``; None: it isn't ours."""
    local, _, domain = address.lower().rpartition("@")
    own, _, own_domain = mailbox.lower().rpartition("@")
    name, plus, target = local.partition("+")
    return target if (name, domain, plus) == (own, own_domain, "+") and _TARGET.fullmatch(target) else None


def address_of(value: object) -> str:
    """Return the address in a value such as ``mailto:anne@example.org``."""
    text = str(value).strip()
    return text[7:] if text[:7].lower() == "mailto:" else text


def invitation_of(text: bytes, mailbox: str, now: datetime) -> Asked:
    """Read an iTIP object here, without limits.

    Raises:
        CalendarUnreadable: it is none, or asks for too much.
    """
    calendar = calendar_in(text)
    method = str(calendar.get("METHOD", "")).upper()
    events = list(calendar.walk("VEVENT"))
    uids = {str(event.get("UID", "")) for event in events}
    if method not in ("REQUEST", "CANCEL") or len(uids) != 1 or "" in uids:
        raise CalendarUnreadable("it isn't an invitation to one appointment, or its cancellation (RFC 5546)")
    organizer = next((address_of(event["ORGANIZER"]) for event in events if "ORGANIZER" in event), None)
    whole = not all("RECURRENCE-ID" in event for event in events)
    end = now + AHEAD
    if method == "CANCEL":
        wanted = [] if whole else events
    elif whole and any("RRULE" in event or "RDATE" in event for event in events):
        wanted = events_of(calendar, now, end, ZoneInfo("UTC"), most=MOST)
    else:
        wanted = events
    if len(wanted) > MOST:
        raise CalendarUnreadable(f"it has more than {MOST} appointments in six months")
    # who is invited to one occurrence only is named there; to all of it, in the appointment itself
    found = _at_most(_found(wanted, mailbox, _repeating(events), cancelled=method == "CANCEL"))
    return Asked(organizer=organizer, uid=uids.pop(), whole=whole, appointments=found)


def calendar_of(text: bytes, mailbox: str, now: datetime) -> Asked:
    """Read a member's calendar here, without limits.

    Raises:
        CalendarUnreadable: it is none, or has too many appointments.
    """
    calendar = calendar_in(text)
    events = events_of(calendar, now, now + AHEAD, ZoneInfo("UTC"))
    found = _at_most(_found(events, mailbox, _repeating(calendar.walk("VEVENT")), cancelled=False))
    return Asked(organizer=None, uid=None, whole=True, appointments=found)


def _at_most(found: Iterable[Found]) -> list[Found]:
    """Return what was found, which must not be more than ``MOST``; an appointment counts at each address of ours."""
    kept: list[Found] = []
    count = 0
    for one in found:
        kept.append(one)
        count += len(one.addresses)
        if count > MOST:
            raise CalendarUnreadable(f"more than {MOST} appointments in six months name an address of ours")
    return kept


def _repeating(events: Iterable[Any]) -> frozenset[str]:
    """Return the UIDs of what repeats: only their occurrences are told apart by when they are."""
    names = ("RRULE", "RDATE", "RECURRENCE-ID")
    return frozenset(str(event.get("UID", "")) for event in events if any(name in event for name in names))


def _found(events: Iterable[Any], mailbox: str, repeating: frozenset[str], *, cancelled: bool) -> Iterator[Found]:
    for event in events:
        addresses = sorted(one for one in set(_addresses(event)) if target_of(one, mailbox) is not None)
        uid = str(event.get("UID", ""))
        if not addresses or not 0 < len(uid) <= 1000:
            continue
        try:
            starts, ends = _times(event)
            yield Found(
                uid=uid,
                recurrence=_text(event["RECURRENCE-ID"].dt) if uid in repeating and "RECURRENCE-ID" in event else "",
                addresses=addresses,
                sequence=max(0, min(int(event.get("SEQUENCE", 0)), 2**31 - 1)),
                stamp=instant(event["DTSTAMP"].dt, ZoneInfo("UTC")).astimezone(UTC).isoformat(),
                starts=starts,
                ends=ends,
                cancelled=cancelled or str(event.get("STATUS", "")).upper() == "CANCELLED",
            )
        except (KeyError, ValueError, OverflowError, AttributeError, TypeError):
            raise CalendarUnreadable("an appointment of it can't be read") from None


def _times(event: Any) -> tuple[str, str]:
    begin = event["DTSTART"].dt
    if isinstance(begin, datetime) and begin.tzinfo is not None:
        starts, ends = window_of(event, ZoneInfo("UTC"))
        return _text(starts), _text(ends)
    # of no zone: the same at the place, whose zone the caller knows
    starts, ends = (one.replace(tzinfo=None) for one in window_of(event, ZoneInfo("UTC")))
    return starts.isoformat(), ends.isoformat()


def _text(value: date) -> str:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).isoformat()
    return value.isoformat()


def _addresses(event: Any) -> Iterator[str]:
    attendees = event.get("ATTENDEE", [])
    for one in attendees if isinstance(attendees, list) else [attendees]:
        yield address_of(one)
    yield from _ADDRESS.findall(str(event.get("LOCATION", ""))[:2000])


def _asked(answer: dict[str, Any]) -> Asked:
    return Asked(**{**answer, "appointments": [Found(**one) for one in answer["appointments"]]})


def main(cpu_s: str, what: str, mailbox: str, now: str) -> None:
    """Read a calendar from standard input; print what it asks for, or what is wrong with it, as JSON."""
    compute = invitation_of if what == "mail" else calendar_of
    limited(cpu_s, lambda text: asdict(compute(text, mailbox, datetime.fromisoformat(now))))


if __name__ == "__main__":
    main(*sys.argv[1:])
