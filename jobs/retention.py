"""Deletes personal traces from the tables of access after three months, as the events that they explain.

Counts stay: a used slot of a pass stays used, without the day and the place of the visit.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import psycopg

from database.leases import LEASE_LOST
from database.reasons import reason_of
from jobs.job import Round

KEEP_ENROLMENTS: Final = timedelta(days=1)
"""How long a card that was read for an enrolment is kept where no one finished the enrolment."""
KEEP_HEARD: Final = timedelta(days=30)
"""How long a device that nobody assigned is kept after its last message."""
KEEP_BOOKINGS: Final = timedelta(days=366)
"""A year, and never less: a younger one that goes is an act for the audit (migration 0013)."""
KEEP_IDEMPOTENCY: Final = timedelta(days=8)
"""How long a write can be sent again and is done once."""
KEEP_DETAILS: Final = timedelta(days=365)
"""How long the audit keeps the details about persons; its lines stay."""

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
-- the settings of these lists
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
-- cards that were read for an enrolment that was not finished
DELETE FROM enrolment n USING command c WHERE c.id = n.id AND c.expires_at < %(enrolled)s
"""
_HEARD = "DELETE FROM heard_device WHERE last_at < %(heard)s"
_COMMANDS = "DELETE FROM command WHERE ordered_at < %(before)s"
_BOOKINGS = "DELETE FROM booking WHERE ends_at < %(booked)s"
_SERIES = """
-- series of which no booking is kept
DELETE FROM booking_series q WHERE q.made_at < %(booked)s AND NOT EXISTS (SELECT FROM booking b WHERE b.series = q.ref)
"""
_WAITING = "DELETE FROM waiting WHERE ends_at < %(booked)s"
_IDEMPOTENCY = "DELETE FROM idempotency WHERE made_at < %(repeated)s"
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
_BILLED = """
-- which uses a statement counts; its lines stay
DELETE FROM billed WHERE kind = 'use' AND at < %(before)s
"""
_TOKENS = """
-- which cards a gateway's list had otherwise; the alarm stays
UPDATE alarm SET detail = detail - 'tokens' WHERE raised_at < %(before)s AND detail ? 'tokens'
"""
_FEED = """
-- lines of the ledger whose events are dropped: their number is when they were committed, and no event is from later
DELETE FROM feed WHERE n < (extract(epoch FROM %(before)s - interval '1 hour') * 1000000)::bigint
"""
_MAIL = """
-- mail, sent or not; a guest's address is needed until the visit is over
DELETE FROM mail m WHERE coalesce(m.sent_at, m.failed_at, m.queued_at) < %(before)s
  AND NOT (m.kind IN ('guest_code', 'guest_card', 'guest_qr') AND EXISTS (SELECT FROM pass p
    WHERE p.member = m.to_member AND p.visitor IS NOT NULL AND p.valid_until > %(before)s))
"""
_LINKS = """
-- links that were sent to sign in with; they held for 15 minutes, those of invitations for three days
DELETE FROM sign_in_link WHERE asked_at < now() - interval '1 day' AND expires_at < now()
"""
_INVITED = "DELETE FROM admin_invitation WHERE expires_at < now()"
_CHALLENGES = "DELETE FROM sign_in_challenge WHERE expires_at < now()"
_REFUSED = "DELETE FROM refused_form WHERE expires_at < now()"
_TRIES = "DELETE FROM sign_in_try WHERE at < now() - interval '1 day'"
_INVITATIONS = """
-- what members' calendars asked for; of a calendar the last state stays, to compare the next one with
DELETE FROM invitation i
WHERE CASE i.state WHEN 'unconfirmed' THEN i.received_at < %(heard)s ELSE i.done_at < %(before)s END
  AND (i.calendar IS NULL OR EXISTS (SELECT FROM invitation n WHERE n.calendar = i.calendar AND n.id > i.id))
"""
_APPOINTMENTS = "DELETE FROM appointment WHERE ends_at < %(before)s"
_STEPS: Final[Mapping[str, str]] = {
    "list entries": _ENTRIES,
    "entries of former members": _GONE,
    "list settings": _SETTINGS,
    "list versions": _VERSIONS,
    "enrolments": _ENROLMENTS,
    "unassigned devices": _HEARD,
    "commands": _COMMANDS,
    "bookings": _BOOKINGS,
    "series of bookings": _SERIES,
    "entries of waiting lists": _WAITING,
    "invitations": _INVITATIONS,
    "appointments": _APPOINTMENTS,
    "idempotency keys": _IDEMPOTENCY,
    "monthly uses": _MONTHLY,
    "dates of uses": _SLOTS,
    "uses of statements": _BILLED,
    "cards in alarms": _TOKENS,
    "lines of the feed": _FEED,
    "mails": _MAIL,
    "links to sign in": _LINKS,
    "invitations of administrators": _INVITED,
    "challenges to sign in": _CHALLENGES,
    "refused forms": _REFUSED,
    "tries to sign in": _TRIES,
    "browsers of sessions": "SELECT forget_sessions(%(before)s)",
    "visitors": "SELECT forget_visitors(%(before)s)",
    "details of the audit": "SELECT forget_audit_details(%(details)s)",
}
_HEAD = "SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1"


class NotForgotten(Exception):
    """Some kinds of personal traces could not be deleted; the others are gone."""


def forget(round_: Round) -> None:
    """Delete what is older than ``keep``, or than its own time, each kind in a transaction of its own.

    Raises:
        NotForgotten: which kinds the database refused to delete, and why.
        psycopg.Error: the connection or the lead is lost.
    """
    connection, now = round_.connection, round_.now
    values = {
        "before": now - round_.keep,
        "enrolled": now - KEEP_ENROLMENTS,
        "heard": now - KEEP_HEARD,
        "booked": now - KEEP_BOOKINGS,
        "repeated": now - KEEP_IDEMPOTENCY,
        "details": now - KEEP_DETAILS,
    }
    refused = []
    for name, query in _STEPS.items():
        try:
            with connection.transaction():
                done = connection.execute(query.encode(), values)
                row = done.fetchone() if done.description else (done.rowcount,)
        except psycopg.Error as error:
            if connection.closed or error.sqlstate == LEASE_LOST:
                raise
            refused.append(f"{name}: {reason_of(error)}")
            continue
        if row and row[0]:
            round_.log(f"retention: {row[0]} {name} deleted")
    if refused:
        raise NotForgotten("; ".join(refused))


def head(connection: psycopg.Connection[Any]) -> tuple[int, str] | None:
    """Return the number and the hash (hexadecimal) of the audit's last line."""
    row = connection.execute(_HEAD).fetchone()
    return None if row is None else (row[0], row[1].hex())
