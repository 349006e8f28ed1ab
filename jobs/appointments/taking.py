"""Takes a mail: an invitation of a member waits for the API to book it, or for the member to confirm it."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from email.message import Message
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

import psycopg

from booking.appointments import Appointment, appointment_json
from database.mail import queue_mail, time_in_mail
from jobs.appointments.reading import Found, read_invitation, target_of
from jobs.appointments.sender import headers_of, is_automatic, is_verified, sender_of
from jobs.calendars.expanding import CalendarUnreadable

Taken = Literal["waiting", "unconfirmed", "confirmed", "known", "ignored"]
_CONFIRM: Final = "confirm="
"""After the plus of the mailbox's address; no code of a place has an equals sign."""
_UNANSWERED: Final = 5
"""Invitations of a member that may wait for a confirmation: more are ignored, so that a forger fills no mailbox."""
_SECRET: Final = re.compile(r"[0-9a-f]{32}")
_ADDRESS: Final = re.compile(r"[^\s<>,;:@\"]{1,200}@[^\s<>,;:@\"]{1,255}")

_MEMBER: Final = """
-- whose address it is
SELECT ref FROM member WHERE lower(email) = %(email)s AND status = 'active'
"""
_ZONE: Final = """
-- the clock of what an address names
SELECT zone FROM named_by_address(%(target)s)
"""
_OPEN: Final = """
-- how many invitations of a member wait to be confirmed
SELECT count(*) FROM invitation
WHERE member = %(member)s AND state = 'unconfirmed' AND received_at > now() - interval '2 days'
"""
_ADD: Final = """
-- an invitation; no row: it is here already. Verified, it takes the place of one that waits for a confirmation.
INSERT INTO invitation (member, calendar, uid, whole, appointments, digest, state, secret)
VALUES (%(member)s, %(calendar)s, %(uid)s, %(whole)s, %(appointments)s::jsonb, %(digest)s, %(state)s, %(secret)s)
ON CONFLICT (member, digest) WHERE calendar IS NULL DO UPDATE SET state = 'waiting', next_at = now()
WHERE invitation.state = 'unconfirmed' AND excluded.state = 'waiting' RETURNING id
"""
_CONFIRMED: Final = """
-- the member confirmed it within two days
UPDATE invitation SET state = 'waiting', next_at = now()
WHERE secret = %(secret)s AND state = 'unconfirmed' AND received_at > now() - interval '2 days' RETURNING id
"""


def take(
    connection: psycopg.Connection[Any],
    message: Message[Any, Any],
    *,
    mailbox: str,
    authserv: str | None,
    now: datetime,
) -> Taken:
    """Take one mail to ``mailbox``, in one transaction; ``authserv`` is the server whose verification counts.

    Raises:
        CalendarUnreadable: it has no invitation that can be read.
    """
    with connection.transaction():
        secret = confirmation_in(message, mailbox)
        if secret is not None:
            if is_automatic(message):  # an absent person confirms nothing
                return "ignored"
            values = {"secret": hashlib.sha256(secret.encode()).digest()}
            return "confirmed" if connection.execute(_CONFIRMED, values).fetchone() else "ignored"
        asked = read_invitation(_calendar_in(message), mailbox, now)
        sender = sender_of(message)
        if sender is None or asked.organizer is None or asked.organizer.lower() != sender:
            raise CalendarUnreadable("its organizer isn't who sent it")
        member = connection.execute(_MEMBER, {"email": sender}).fetchone()
        if member is None:
            return "ignored"
        verified = is_verified(message, sender, authserv)
        found = appointments(connection, asked.appointments, mailbox)
        if not found and not (asked.whole and asked.uid):
            return "ignored"
        if not verified:
            waiting = connection.execute(_OPEN, {"member": member[0]}).fetchone()
            if waiting is None or waiting[0] >= _UNANSWERED:
                return "ignored"
        given = None if verified else secrets.token_hex(16)
        added = add_invitation(
            connection, member=member[0], calendar=None, uid=asked.uid, whole=asked.whole, found=found, secret=given
        )
        if added is None:
            return "known"
        if given is not None:
            _ask(connection, member[0], found, mailbox, given)
        return "waiting" if verified else "unconfirmed"


def appointments(connection: psycopg.Connection[Any], found: Iterable[Found], mailbox: str) -> list[Appointment]:
    """Return the appointments at each address of ours; times without a zone are on the place's clock."""
    zones: dict[str, ZoneInfo] = {}
    made = []
    for one in found:
        for address in one.addresses:
            target = target_of(address, mailbox)
            assert target is not None
            if target not in zones:
                row = connection.execute(_ZONE, {"target": target}).fetchone()
                zones[target] = ZoneInfo("Europe/Paris" if row is None else row[0])
            starts, ends = _instant(one.starts, zones[target]), _instant(one.ends, zones[target])
            made.append(
                Appointment(
                    uid=one.uid,
                    recurrence="" if not one.recurrence else _instant(one.recurrence, zones[target]).isoformat(),
                    target=target,
                    address=address,
                    sequence=one.sequence,
                    stamp=datetime.fromisoformat(one.stamp),
                    starts=starts,
                    ends=ends,
                    cancelled=one.cancelled or ends <= starts,
                )
            )
    return made


def add_invitation(
    connection: psycopg.Connection[Any],
    *,
    member: str,
    calendar: int | None,
    uid: str | None,
    whole: bool,
    found: list[Appointment],
    secret: str | None = None,
    digest: bytes | None = None,
) -> int | None:
    """Store what is asked for, to be confirmed with ``secret`` if there is one; None: it is here already."""
    text = json.dumps([appointment_json(one) for one in found])
    row = connection.execute(
        _ADD,
        {
            "member": member,
            "calendar": calendar,
            "uid": uid,
            "whole": whole,
            "appointments": text,
            "digest": digest or hashlib.sha256(f"{uid} {whole} {text}".encode()).digest(),
            "state": "waiting" if secret is None else "unconfirmed",
            "secret": None if secret is None else hashlib.sha256(secret.encode()).digest(),
        },
    ).fetchone()
    return None if row is None else int(row[0])


def _instant(text: str, zone: ZoneInfo) -> datetime:
    value = datetime.fromisoformat(text)
    return (value if value.tzinfo is not None else value.replace(tzinfo=zone)).astimezone(UTC)


def _calendar_in(message: Message[Any, Any]) -> bytes:
    for part in message.walk():
        if part.get_content_type() == "text/calendar":
            content = part.get_payload(decode=True)
            if isinstance(content, bytes):
                return content
    raise CalendarUnreadable("it has no calendar part (text/calendar)")


def confirmation_in(message: Message[Any, Any], mailbox: str) -> str | None:
    """Return the secret of an address that confirms, in any header that names who gets the mail."""
    for name in ("To", "Cc", "Delivered-To", "X-Original-To"):
        for header in headers_of(message, name):
            for address in _ADDRESS.findall(header):
                target = target_of(address, mailbox)
                if target is not None and target.startswith(_CONFIRM):
                    found = target.removeprefix(_CONFIRM)
                    return found if _SECRET.fullmatch(found) else ""
    return None


def _ask(connection: psycopg.Connection[Any], member: str, found: list[Appointment], mailbox: str, secret: str) -> None:
    """Ask the member by mail, at the address that we hold, to confirm."""
    local, _, domain = mailbox.partition("@")
    first = min(found, key=lambda one: one.starts, default=None)
    zone = ZoneInfo("Europe/Paris")
    cancels: Any = {"fr": "annulation d'un rendez-vous", "en": "cancellation of an appointment"}
    queue_mail(
        connection,
        kind="appointment_confirm",
        values={
            "what": cancels if first is None else first.target,
            "starts": "" if first is None else time_in_mail(first.starts, zone),
            "count": len(found),
            "code": f"{local}+{_CONFIRM}{secret}@{domain}",
        },
        to_member=member,
    )
