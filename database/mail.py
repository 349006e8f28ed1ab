"""Queues mail for ``maillage jobs`` to send (docs/mail.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

import psycopg

Language = Literal["fr", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("fr", "en")
Value = str | int | Mapping[Language, str]
"""What a word of a text stands for; a mapping has a value for each language."""

QUEUE: Final = """
-- queue a mail once
SELECT queue_mail(%(to_member)s, %(to_address)s, %(kind)s, %(language)s, %(values)s::jsonb, %(calendar)s, %(once)s,
                  %(not_after)s) AS queued
"""


def queue_mail(
    connection: psycopg.Connection[Any],
    *,
    kind: str,
    values: Mapping[str, Value],
    to_member: str | None = None,
    to_address: str | None = None,
    language: Language | None = None,
    calendar: str | None = None,
    once: str | None = None,
    not_after: datetime | None = None,
) -> bool:
    """Queue a mail in the transaction of ``connection``; False: it is queued already under ``once``."""
    row = connection.execute(
        QUEUE,
        mail(
            kind=kind,
            values=values,
            to_member=to_member,
            to_address=to_address,
            language=language,
            calendar=calendar,
            once=once,
            not_after=not_after,
        ),
    ).fetchone()
    return bool(row and row[0])


def mail(
    *,
    kind: str,
    values: Mapping[str, Value],
    to_member: str | None = None,
    to_address: str | None = None,
    language: Language | None = None,
    calendar: str | None = None,
    once: str | None = None,
    not_after: datetime | None = None,
) -> dict[str, Any]:
    """Return the values of ``QUEUE``, for connections of other kinds.

    Args:
        kind: which text, a file of ``jobs/mail/texts``.
        values: what the text's ``$words`` stand for; times as ``time_in_mail`` writes them.
        to_member: whose mail it is: it goes to their address as it is when the mail is sent, and is erased with them.
        to_address: another address, for example a guest's; with ``to_member`` the mail is still erased with the member.
        language: of the text; None: the member's, else the network's.
        calendar: an iCalendar object to attach, with its METHOD.
        once: a word for what the mail says, such as ``proof k-0a1b``; a second mail with the same word isn't queued.
        not_after: aware; later the mail is of no use and isn't sent.
    """
    return {
        "kind": kind,
        "values": json.dumps({name: dict(one) if isinstance(one, Mapping) else one for name, one in values.items()}),
        "to_member": to_member,
        "to_address": to_address,
        "language": language,
        "calendar": calendar,
        "once": once,
        "not_after": not_after,
    }


def time_in_mail(at: datetime, zone: ZoneInfo) -> str:
    """Return an aware time as mails have it (RFC 9557), to be shown on the zone's clock in the mail's language."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}[{zone.key}]"
