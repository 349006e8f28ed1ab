"""Reads the calendars that members subscribed to: appointments that name an address of ours are to be booked."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg

from booking.appointments import Appointment, appointment_json
from database.mail import queue_mail
from jobs.appointments.reading import AHEAD, read_calendar
from jobs.appointments.taking import add_invitation, appointments
from jobs.calendars import due
from jobs.calendars.fetching import fetch

log = logging.getLogger(__name__)

_TAKE: Final = """
-- take the calendar that is due longest; no other process takes it meanwhile
UPDATE member_calendar c SET next_at = now() + interval '10 minutes'
WHERE c.id = (SELECT w.id FROM member_calendar w JOIN member m ON m.ref = w.member AND m.status = 'active'
  WHERE w.next_at <= now() ORDER BY w.next_at LIMIT 1 FOR UPDATE OF w SKIP LOCKED)
RETURNING c.id, c.member, c.url, c.etag, c.modified, c.known_until, c.failures, now() AS now
"""
_LAST: Final = """
-- what it asked for last
SELECT digest FROM invitation WHERE calendar = %(id)s ORDER BY id DESC LIMIT 1
"""
_READ: Final = """
-- it was read
UPDATE member_calendar SET etag = %(etag)s, modified = %(modified)s, known_until = %(known_until)s, read_at = now(),
  failed_at = NULL, failures = 0, error = NULL, next_at = now() + %(wait)s
WHERE id = %(id)s
"""
_FAILED: Final = """
-- it could not be read; its bookings stay
UPDATE member_calendar SET failed_at = now(), failures = failures + 1, error = %(error)s, next_at = now() + %(wait)s
WHERE id = %(id)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A calendar that is due."""

    id: int
    member: str
    url: str
    etag: str | None
    modified: str | None
    known_until: datetime | None
    failures: int
    now: datetime


def watch(url: str, mailbox: str | None, stop: threading.Event, *, private: bool) -> None:
    """Read calendars until ``stop``; without the address of a mailbox none names ours."""
    if mailbox is None:
        stop.wait()
        return

    def read(connection: psycopg.Connection[Any]) -> None:
        read_due(connection, mailbox, private=private, stop=stop.is_set)

    due.watch(url, "maillage member calendars", read, stop, away="member_calendars_database_away")


def read_due(
    connection: psycopg.Connection[Any], mailbox: str, *, private: bool, stop: Callable[[], bool] = lambda: False
) -> int:
    """Read the calendars that are due now; return how many. One that can't be read stops no other."""

    def read(source: Source) -> None:
        _read(connection, source, mailbox, private=private)

    def failed(source: Source, error: Exception) -> None:
        _failed(connection, source, due.why_unreadable(error))

    return due.read_each(connection, _TAKE, Source, read, failed, stop=stop)


def _read(connection: psycopg.Connection[Any], source: Source, mailbox: str, *, private: bool) -> None:
    # repeated appointments are computed anew once a month has passed, also where nothing has changed
    fresh = source.known_until is not None and source.known_until > source.now + AHEAD - timedelta(days=30)
    known = (source.etag, source.modified) if fresh else (None, None)
    fetched = fetch(source.url, etag=known[0], modified=known[1], private=private)
    with connection.transaction():
        known_until = source.known_until
        if fetched.text is not None:
            found = appointments(connection, read_calendar(fetched.text, mailbox, source.now).appointments, mailbox)
            known_until = source.now + AHEAD
            digest = _digest(found)
            last = connection.execute(_LAST, {"id": source.id}).fetchone()
            if last != (digest,) and (found or last is not None):
                add_invitation(
                    connection,
                    member=source.member,
                    calendar=source.id,
                    uid=None,
                    whole=True,
                    found=found,
                    digest=digest,
                )
        values = {"id": source.id, "etag": fetched.etag, "modified": fetched.modified, "known_until": known_until}
        connection.execute(_READ, {**values, "wait": due.EVERY})


def _digest(found: list[Appointment]) -> bytes:
    """Return what tells two states of a calendar apart; many calendars write a new DTSTAMP at each reading."""
    rows = [{**appointment_json(one), "stamp": None} for one in sorted(found, key=lambda one: one.key)]
    return hashlib.sha256(json.dumps(rows).encode()).digest()


def _failed(connection: psycopg.Connection[Any], source: Source, error: str) -> None:
    wait = due.wait_after(source.failures)
    log.warning("member_calendar_unreadable", extra={"calendar": source.id, "reason": error})
    with connection.transaction():
        connection.execute(_FAILED, {"id": source.id, "error": error[:300], "wait": wait})
        if source.failures + 1 == due.MAIL_AFTER:
            queue_mail(
                connection,
                kind="calendar_unreadable",
                values={"calendar": f"{source.id}", "why": error},
                to_member=source.member,
            )
