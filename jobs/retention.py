"""The end of personal traces in the tables of access: three months, as for the events that they explain.

Counts stay: a slot of a pass that was used stays used, without the day on which somebody came.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg

KEEP_ENROLMENTS: Final = timedelta(days=1)
"""How long a card that was read to be enrolled is known, if nobody asked for it."""
KEEP_BOOKINGS: Final = timedelta(days=366)
"""A year, and never less: a younger one that goes is an act for the audit (migration 0013)."""
KEEP_DETAILS: Final = timedelta(days=365)
"""How long the audit tells what it told of persons; its lines stay."""

_ENTRIES = """
-- entries of lists that no event which is kept was decided by
DELETE FROM list_entry e
USING (SELECT place, max(version) AS version FROM list_version WHERE made_at < %(before)s GROUP BY place) v
WHERE e.place = v.place AND e.until <= v.version
"""
_GONE = """
-- past entries of those who are no members any more
DELETE FROM list_entry e WHERE e.until IS NOT NULL AND NOT EXISTS (SELECT FROM member m WHERE m.ref = e.member)
"""
_SETTINGS = """
-- what these lists said beside
DELETE FROM list_settings s
USING (SELECT place, max(version) AS version FROM list_version WHERE made_at < %(before)s GROUP BY place) v
WHERE s.place = v.place AND s.until <= v.version
"""
_VERSIONS = """
-- when they were made; the last one before is where the history begins
DELETE FROM list_version l
USING (SELECT place, max(version) AS version FROM list_version WHERE made_at < %(before)s GROUP BY place) v
WHERE l.place = v.place AND l.version < v.version
"""
_ENROLMENTS = """
-- cards that were read and that nobody asked for
DELETE FROM enrolment n USING command c WHERE c.id = n.id AND c.expires_at < %(enrolled)s
"""
_COMMANDS = "DELETE FROM command WHERE ordered_at < %(before)s"
_BOOKINGS = "DELETE FROM booking WHERE ends_at < %(booked)s"
_MONTHLY = """
-- uses of monthly allowances, which no month counts any more
DELETE FROM pass_use u USING pass p WHERE p.ref = u.pass AND p.each_month AND u.at < %(before)s
"""
# A real slot is a day's, a second's or a microsecond's number: six digits and more. What stays is 1, 2, 3 …
_SLOTS = """
-- the other uses still count, but not when and where they were
WITH old AS (
  SELECT u.pass, u.slot,
    (SELECT count(*) FROM pass_use k WHERE k.pass = u.pass AND k.slot < 100000)
      + row_number() OVER (PARTITION BY u.pass ORDER BY u.slot) AS number
  FROM pass_use u WHERE u.at < %(before)s AND u.slot >= 100000
)
UPDATE pass_use u SET slot = old.number, place = NULL, at = '2000-01-01 00:00Z' FROM old
WHERE u.pass = old.pass AND u.slot = old.slot
"""
_TOKENS = """
-- which cards a gateway's list had otherwise; the alarm stays
UPDATE alarm SET detail = detail - 'tokens' WHERE raised_at < %(before)s AND detail ? 'tokens'
"""
_FEED = """
-- lines of the ledger whose events are dropped: their number is when they were committed, and no event is from later
DELETE FROM feed WHERE n < (extract(epoch FROM %(before)s - interval '1 hour') * 1000000)::bigint
"""
_STEPS: Final[Mapping[str, str]] = {
    "list entries": _ENTRIES,
    "entries of former members": _GONE,
    "list settings": _SETTINGS,
    "list versions": _VERSIONS,
    "enrolments": _ENROLMENTS,
    "commands": _COMMANDS,
    "bookings": _BOOKINGS,
    "monthly uses": _MONTHLY,
    "dates of uses": _SLOTS,
    "cards in alarms": _TOKENS,
    "lines of the feed": _FEED,
}
_VISITORS = "SELECT forget_visitors(%(before)s)"
_DETAILS = "SELECT forget_audit_details(%(told)s)"
_HEAD = "SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1"


def forget(connection: psycopg.Connection[Any], *, now: datetime, keep: timedelta) -> dict[str, int]:
    """Remove what is older than ``keep``, or than its own time; return how many rows of each kind went.

    Raises:
        psycopg.Error: the database refuses.
    """
    values = {
        "before": now - keep,
        "enrolled": now - KEEP_ENROLMENTS,
        "booked": now - KEEP_BOOKINGS,
        "told": now - KEEP_DETAILS,
    }
    gone = {}
    for name, query in _STEPS.items():
        with connection.transaction():
            gone[name] = connection.execute(query.encode(), values).rowcount
    for name, query in (("visitors", _VISITORS), ("details of the audit", _DETAILS)):
        with connection.transaction():
            row = connection.execute(query.encode(), values).fetchone()
        gone[name] = 0 if row is None else row[0]
    return {name: rows for name, rows in gone.items() if rows}


def head(connection: psycopg.Connection[Any]) -> tuple[int, str] | None:
    """Return the number and hash (hexadecimal) of the audit's last line: in a log elsewhere, they witness for it."""
    row = connection.execute(_HEAD).fetchone()
    return None if row is None else (row[0], row[1].hex())
