"""Reads all data about one member, table by table, and erases it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final

from psycopg.rows import DictRow

from api.http.models import time_of
from api.http.session import Session

# Datetimes become RFC 3339 texts; only hashes are left out.
_ORGANISATION: Final = "SELECT o.name FROM organisation o JOIN member m ON m.organisation = o.id WHERE m.ref = %(ref)s"
_CARDS: Final = """
SELECT ref, kind, format, last4, status, valid_from, valid_until, replaces, issued_at FROM card
WHERE member = %(ref)s ORDER BY issued_at, ref
"""
_CARD_CHANGES: Final = """
SELECT h.card, h.at, h.was, h.became, h.by FROM card_change h JOIN card c ON c.ref = h.card
WHERE c.member = %(ref)s ORDER BY h.at, h.id
"""
_PASSES: Final = """
SELECT p.ref, p.label, p.everywhere,
  ARRAY(SELECT q.code::text FROM pass_place l JOIN place q ON q.id = l.place WHERE l.pass = p.ref ORDER BY 1) AS places,
  (SELECT s.name FROM schedule s WHERE s.id = p.schedule) AS schedule, p.valid_from, p.valid_until, p.unit, p.allowance,
  p.each_month, p.booked, p.outside_hours, p.supervises,
  (SELECT r.code::text FROM rate r WHERE r.id = p.rate) AS rate, p.visitor, p.host, p.revoked_at, p.created_at
FROM pass p WHERE p.member = %(ref)s ORDER BY p.created_at, p.ref
"""
_USES: Final = """
SELECT u.pass, u.slot, q.code::text AS place, u.at FROM pass_use u JOIN pass p ON p.ref = u.pass
LEFT JOIN place q ON q.id = u.place WHERE p.member = %(ref)s ORDER BY u.at, u.slot
"""
_CATEGORIES: Final = """
SELECT c.code::text AS category, k.first, k.last, k.seen, k.seen_by, k.seen_at
FROM member_category k JOIN category c ON c.id = k.category WHERE k.member = %(ref)s ORDER BY k.first, k.ref
"""
_CONSENT: Final = "SELECT guardian, given_on, seen_by FROM consent WHERE member = %(ref)s"
# What was billed to or for them. Statements are kept after an erasure, by reference only.
_LINES: Final = """
SELECT l.statement, l.month, l.kind, q.code::text AS place, l.rate, l.category, l.unit, l.count, l.price_cents,
  l.funded_cents, l.net_cents, l.vat_cents
FROM statement_line l LEFT JOIN place q ON q.id = l.place WHERE l.member = %(ref)s ORDER BY l.id
"""
_MANAGES: Final = """
SELECT o.code::text AS organisation FROM organisation_manager g JOIN organisation o ON o.id = g.organisation
WHERE g.member = %(ref)s ORDER BY 1
"""
_BOOKINGS: Final = """
SELECT b.ref, q.code::text AS place, s.code::text AS space, r.code::text AS resource, u.code::text AS unit, b.starts_at,
  b.ends_at, b.status, b.cancelled_at, b.checked_in_at, b.released_at, b.series, b.confirmed_at, b.pass, b.price_cents,
  b.opens
FROM booking b JOIN place q ON q.id = b.place LEFT JOIN space s ON s.id = b.space
LEFT JOIN resource_unit u ON u.id = b.unit LEFT JOIN resource r ON r.id = u.resource
WHERE b.member = %(ref)s ORDER BY b.starts_at, b.ref
"""
# The bookings whose guest they are, and visits by a pass of their host; without the address of the page with their QR.
_GUEST_OF: Final = """
SELECT g.booking, g.pass, q.code::text AS place, g.made_at, r.signed_at AS qr_signed_at
FROM (SELECT booking, pass, member, place, made_at FROM booking_guest
  UNION ALL SELECT NULL, pass, member, place, made_at FROM guest_by_pass) g
JOIN place q ON q.id = g.place LEFT JOIN guest_qr r ON r.pass = g.pass
WHERE g.member = %(ref)s ORDER BY g.made_at, g.pass
"""
_SERIES: Final = """
SELECT b.ref, q.code::text AS place, r.code::text AS resource, b.rule, b.first_at::text AS first, b.minutes,
  b.confirm_hours, b.skipped, b.made_at
FROM booking_series b JOIN place q ON q.id = b.place LEFT JOIN resource r ON r.id = b.resource
WHERE b.member = %(ref)s ORDER BY b.made_at, b.ref
"""
_WAITING: Final = """
SELECT w.ref, q.code::text AS place, s.code::text AS space, r.code::text AS resource, u.code::text AS unit, w.starts_at,
  w.ends_at, w.status, w.joined_at, w.booking, w.offered_until, w.closed_at
FROM waiting w JOIN place q ON q.id = w.place LEFT JOIN space s ON s.id = w.space
LEFT JOIN resource_unit u ON u.id = w.unit LEFT JOIN resource r ON r.id = w.resource
WHERE w.member = %(ref)s ORDER BY w.id
"""
_QUOTAS: Final = """
SELECT b.ref, b.pass, q.code::text AS place, b.kind, b.per, b.bookings, b.minutes
FROM booking_quota b JOIN pass p ON p.ref = b.pass LEFT JOIN place q ON q.id = b.place
WHERE p.member = %(ref)s ORDER BY b.ref
"""
# Events of the last three months; older ones are deleted. The index includes the member.
_EVENTS: Final = """
SELECT e.at, k.name AS kind, q.code::text AS place, o.code::text AS door, d.side, e.state = 1 AS granted,
       r.name AS reason, e.detail ->> 'pass_ref' AS pass
FROM event e JOIN event_kind k ON k.id = e.kind LEFT JOIN place q ON q.id = e.place
LEFT JOIN device d ON d.id = e.device LEFT JOIN door o ON o.id = d.door LEFT JOIN reason r ON r.id = e.reason
WHERE e.member = %(ref)s ORDER BY e.at
"""
# The audit lines about this person that the key sees: what was done to them, and what they did.
_AUDIT: Final = """
SELECT a.at, a.actor, a.action, a.subject, d.body AS detail FROM audit a LEFT JOIN audit_detail d ON d.audit = a.id
WHERE a.subject = 'member ' || %(ref)s OR d.person = %(ref)s ORDER BY a.id
"""
_KEYS: Final = (
    "SELECT id, created_at, expires_at, revoked_at, last_used_at FROM api_key WHERE member = %(ref)s ORDER BY id"
)
_MAIL: Final = """
SELECT kind, language, "values" - '{code,link}'::text[] AS "values", to_address,
  queued_at, sent_at FROM mail WHERE to_member = %(ref)s ORDER BY id
"""
_CALENDARS: Final = "SELECT id, url, made_at, read_at FROM member_calendar WHERE member = %(ref)s ORDER BY id"
_INVITATIONS: Final = """
SELECT id, calendar, uid, appointments, state, received_at, done_at FROM invitation WHERE member = %(ref)s ORDER BY id
"""
_APPOINTMENTS: Final = """
SELECT calendar, uid, recurrence, target, starts_at, ends_at, booking, refused FROM appointment
WHERE member = %(ref)s ORDER BY starts_at, id
"""
# When they came to their bookings and left, as doors and desks saw it.
_ATTENDANCE: Final = """
SELECT a.booking, a.in_at, a.seen_at, a.left_at, a.looked_at, a.warned_at
FROM attendance a JOIN booking b ON b.ref = a.booking WHERE b.member = %(ref)s ORDER BY b.starts_at, b.ref
"""
_STEPS: Final = """
SELECT t.booking, t.step, t.at FROM booking_step t JOIN booking b ON b.ref = t.booking
WHERE b.member = %(ref)s ORDER BY t.id
"""
_FEEDS: Final = "SELECT id, created_at FROM calendar_feed WHERE member = %(ref)s ORDER BY id"
_SESSIONS: Final = """
SELECT id, role, created_at, last_used_at, expires_at, revoked_at, agent, from_addr FROM sessions_of(%(ref)s)
"""
_PASSKEYS: Final = "SELECT name, created_at, last_used_at FROM passkeys_of(%(ref)s)"
# When a password and a second factor were set; what they are nobody is shown.
_SECRETS_SET: Final = "SELECT password_at, factor_at FROM password_of(%(ref)s)"
_UNLOCKS: Final = "SELECT id, place, door, ordered_at, outcome, outcome_at, reason FROM unlocks_of(%(ref)s)"
ERASE: Final = "SELECT erase_member(%(ref)s) AS erased"

_TABLES: Final = {
    "cards": _CARDS,
    "card_changes": _CARD_CHANGES,
    "passes": _PASSES,
    "uses": _USES,
    "categories": _CATEGORIES,
    "consent": _CONSENT,
    "statement_lines": _LINES,
    "manages": _MANAGES,
    "bookings": _BOOKINGS,
    "attendance": _ATTENDANCE,
    "booking_steps": _STEPS,
    "guest_of": _GUEST_OF,
    "booking_series": _SERIES,
    "waiting": _WAITING,
    "booking_quotas": _QUOTAS,
    "events": _EVENTS,
    "unlocks": _UNLOCKS,
    "audit": _AUDIT,
    "keys": _KEYS,
    "sessions": _SESSIONS,
    "passkeys": _PASSKEYS,
    "password": _SECRETS_SET,
    "mail": _MAIL,
    "calendar_feeds": _FEEDS,
    "member_calendars": _CALENDARS,
    "invitations": _INVITATIONS,
    "appointments": _APPOINTMENTS,
}


async def personal_data(s: Session, ref: str) -> dict[str, Any]:
    """Return all data about the member ``ref`` except its own row, as far as this key sees it."""
    organisation = await s.row(_ORGANISATION, {"ref": ref})
    held: dict[str, Any] = {"organisation_name": organisation["name"] if organisation else None}
    for name, query in _TABLES.items():
        held[name] = [_plain(row) for row in await s.rows(query, {"ref": ref})]
    return held


def _plain(row: DictRow) -> dict[str, Any]:
    return {name: _text(value) for name, value in row.items()}


def _text(value: Any) -> Any:
    if isinstance(value, datetime):
        return time_of(value)
    return value.isoformat() if isinstance(value, date) else value
