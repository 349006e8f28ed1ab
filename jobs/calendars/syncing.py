"""Reads the calendars that are due, and makes the blocks of their units follow them."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import psycopg

from database.mail import Language, queue_mail, time_in_mail
from jobs.calendars import due
from jobs.calendars.busy import Change, Window, change_of
from jobs.calendars.expanding import expand
from jobs.calendars.fetching import fetch

log = logging.getLogger(__name__)

AHEAD: Final = timedelta(days=183)
_WHY: Final[dict[Language, str]] = {
    "fr": "une autre réservation occupe déjà ce créneau.",
    "en": "another booking already has this time.",
}

_TAKE: Final = """
-- take the calendar that is due longest; no other process takes it meanwhile
UPDATE calendar_source c SET next_at = now() + interval '10 minutes'
FROM place p
WHERE p.id = c.place AND c.id = (
  SELECT w.id FROM calendar_source w WHERE w.next_at <= now() ORDER BY w.next_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING c.id, c.place, c.unit, c.name, c.url, c.owner_email, c.language, c.etag, c.modified, c.busy, c.busy_until,
  c.failures, p.name AS place_name, p.time_zone AS zone, now() AS now
"""
_LOCK: Final = """
-- the unit's bookings stay as they are read here
SELECT id FROM calendar_source WHERE id = %(id)s FOR UPDATE
"""
_BLOCKS: Final = """
-- what the unit has: of this calendar, or another booking; ended ones too, for what began before and goes on
SELECT ref, calendar IS NOT DISTINCT FROM %(id)s AS ours, starts_at, ends_at FROM booking
WHERE unit = %(unit)s AND cancelled_at IS NULL AND ends_at > %(now)s - interval '31 days'
ORDER BY starts_at
"""
_ADD: Final = """
-- block the unit
INSERT INTO booking (place, unit, starts_at, ends_at, label, calendar)
VALUES (%(place)s, %(unit)s, %(begin)s, %(end)s, %(name)s, %(id)s)
"""
_REMOVE: Final = """
-- what has begun ends now, the rest is cancelled
UPDATE booking SET ends_at = CASE WHEN starts_at < %(now)s THEN %(now)s ELSE ends_at END,
  cancelled_at = CASE WHEN starts_at < %(now)s THEN NULL ELSE now() END
WHERE ref = ANY (%(refs)s::text[]) AND cancelled_at IS NULL
"""
_READ: Final = """
-- it was read
UPDATE calendar_source SET etag = %(etag)s, modified = %(modified)s, busy = %(busy)s::jsonb,
  busy_until = %(busy_until)s,
  read_at = now(), failed_at = NULL, failures = 0, error = NULL, taken = %(taken)s, next_at = now() + %(wait)s
WHERE id = %(id)s
"""
_FAILED: Final = """
-- it could not be read; its blocks stay
UPDATE calendar_source SET failed_at = now(), failures = failures + 1, error = %(error)s, next_at = now() + %(wait)s
WHERE id = %(id)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A calendar that is due."""

    id: int
    place: int
    unit: int
    name: str
    url: str
    owner_email: str | None
    language: str
    etag: str | None
    modified: str | None
    busy: list[list[str]]
    busy_until: datetime | None
    failures: int
    place_name: str
    zone: str
    now: datetime


def watch(url: str, stop: threading.Event, *, private: bool) -> None:
    """Read calendars until ``stop``; ``private`` allows servers inside the network."""

    def read(connection: psycopg.Connection[Any]) -> None:
        read_due(connection, private=private, stop=stop.is_set)

    due.watch(url, "maillage calendars", read, stop, away="calendars_database_away")


def read_due(connection: psycopg.Connection[Any], *, private: bool, stop: Callable[[], bool] = lambda: False) -> int:
    """Read the calendars that are due now; return how many. One that can't be read stops no other."""

    def read(source: Source) -> None:
        _read(connection, source, private=private)

    def failed(source: Source, error: Exception) -> None:
        _failed(connection, source, _why(error))

    return due.read_each(connection, _TAKE, Source, read, failed, stop=stop)


def _why(error: Exception) -> str:
    if isinstance(error, psycopg.Error):
        return f"its times can't be blocked (SQLSTATE {error.sqlstate})"
    return due.why_unreadable(error)


def _read(connection: psycopg.Connection[Any], source: Source, *, private: bool) -> None:
    # repeated appointments are computed anew once a month has passed, also where nothing has changed
    fresh = source.busy_until is not None and source.busy_until > source.now + AHEAD - timedelta(days=30)
    known = (source.etag, source.modified) if fresh else (None, None)
    fetched = fetch(source.url, etag=known[0], modified=known[1], private=private)
    if fetched.text is None and source.busy_until is not None:
        until = source.busy_until
        busy: list[Window] = [(datetime.fromisoformat(one), datetime.fromisoformat(two)) for one, two in source.busy]
    else:
        until = source.now + AHEAD
        busy = expand(fetched.text or b"", source.now, until, source.zone)
    with connection.transaction():
        connection.execute(_LOCK, {"id": source.id})
        change = _follow(connection, source, busy, until)
        connection.execute(
            _READ,
            {
                "id": source.id,
                "etag": fetched.etag,
                "modified": fetched.modified,
                "busy": _json(busy),
                "busy_until": until,
                "taken": len(change.taken),
                "wait": due.EVERY,
            },
        )


def _follow(connection: psycopg.Connection[Any], source: Source, busy: list[Window], until: datetime) -> Change:
    blocks: dict[Window, str] = {}
    others: list[Window] = []
    for ref, ours, begin, end in connection.execute(_BLOCKS, {"id": source.id, "unit": source.unit, "now": source.now}):
        if ours:
            blocks[begin, end] = ref
        else:
            others.append((begin, end))
    change = change_of(busy, blocks, others, now=source.now, until=until)
    connection.execute(_REMOVE, {"refs": list(change.remove), "now": source.now})
    values = {"id": source.id, "place": source.place, "unit": source.unit, "name": source.name}
    refused = []
    for begin, end in change.add:
        try:
            with connection.transaction():
                connection.execute(_ADD, {**values, "begin": begin, "end": end})
        except (psycopg.errors.ExclusionViolation, psycopg.errors.CheckViolation):  # just booked; or out of service
            refused.append((begin, end))
    for begin, _end in (*change.taken, *refused):
        _tell_taken(connection, source, begin)
    return change


def _tell_taken(connection: psycopg.Connection[Any], source: Source, begin: datetime) -> None:
    if source.owner_email is None:
        return
    queue_mail(
        connection,
        kind="calendar_refused",
        values={
            "what": source.name,
            "summary": source.name,
            "starts": time_in_mail(begin, ZoneInfo(source.zone)),
            "why": _WHY,
            "place": source.place_name,
        },
        to_address=source.owner_email,
        language="en" if source.language == "en" else "fr",
        once=f"calendar {source.id} taken {begin.astimezone(UTC).isoformat()}",
        not_after=begin,
    )


def _failed(connection: psycopg.Connection[Any], source: Source, error: str) -> None:
    wait = due.wait_after(source.failures)
    log.warning("calendar_unreadable", extra={"calendar": source.id, "reason": error})
    with connection.transaction():
        connection.execute(_FAILED, {"id": source.id, "error": error[:300], "wait": wait})
        if source.failures + 1 == due.MAIL_AFTER and source.owner_email is not None:
            queue_mail(
                connection,
                kind="calendar_unreadable",
                values={"calendar": source.name, "why": error},
                to_address=source.owner_email,
                language="en" if source.language == "en" else "fr",
            )


def _json(busy: list[Window]) -> str:
    return json.dumps([[begin.isoformat(), end.isoformat()] for begin, end in busy])
