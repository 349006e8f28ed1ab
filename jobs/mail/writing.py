"""Makes a mail's message from its text and values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from functools import cache, partial
from pathlib import Path
from string import Template
from typing import Final
from zoneinfo import ZoneInfo

from database.mail import Language, Value

_TEXTS: Final = Path(__file__).parent / "texts"
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)\[([A-Za-z0-9_+/-]{1,60})\]")
_SHOWN: Final[Mapping[Language, str]] = {"fr": "%d/%m/%Y à %H:%M", "en": "%Y-%m-%d, %H:%M"}
_ANSWERED: Final = ("appointment_confirm",)
_METHODS: Final = ("PUBLISH", "REQUEST", "REPLY", "CANCEL")


class TextMissing(Exception):
    """There is no such text, or a value that it needs is missing. A mistake of ours: no later try helps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail of the queue."""

    id: int
    ref: str
    to: str | None
    """The address; None: the member has none."""
    kind: str
    language: Language
    values: Mapping[str, Value]
    calendar: str | None
    queued_at: datetime
    tries: int
    """This one included."""
    late: bool
    """Of no use to its reader any more."""


def message_of(mail: Mail, *, sender: str) -> EmailMessage:
    """Return the message; its Message-ID and date are the same at each try.

    Raises:
        TextMissing: the text or one of its values is missing.
        ValueError: an address can't stand in a header.
    """
    subject, body = text_of(mail.kind, mail.language, mail.values)
    message = EmailMessage()
    address = Address(addr_spec=sender)
    message["From"] = Address(display_name="Maillage", addr_spec=sender)
    message["To"] = Address(addr_spec=mail.to or "")
    message["Subject"] = subject
    message["Date"] = format_datetime(mail.queued_at)
    message["Message-ID"] = f"<{mail.ref}@{address.domain}>"
    message["Content-Language"] = mail.language
    message["Auto-Submitted"] = "auto-generated"  # no out-of-office answers (RFC 3834)
    if mail.kind in _ANSWERED and "code" in mail.values:  # an answer goes to the address that confirms
        message["Reply-To"] = Address(addr_spec=str(mail.values["code"]))
    message.set_content(body)
    if mail.calendar is not None:
        method = next((one for one in _METHODS if f"METHOD:{one}" in mail.calendar), "PUBLISH")
        message.add_alternative(mail.calendar, subtype="calendar", params={"method": method, "name": "booking.ics"})
    return message


def text_of(kind: str, language: Language, values: Mapping[str, Value]) -> tuple[str, str]:
    """Return the subject and the body in a language; control characters of values become spaces.

    Raises:
        TextMissing: the text or one of its values is missing.
    """
    try:
        plain = {name: _plain(value, language) for name, value in values.items()}
        subject, _, body = _text(kind, language).partition("\n\n")
        return Template(subject).substitute(plain).removeprefix("Subject: ").strip(), Template(body).substitute(plain)
    except (OSError, KeyError, ValueError) as error:
        raise TextMissing(f"{language}/{kind}: {type(error).__name__}") from None


def _plain(value: Value, language: Language) -> str:
    """Return a value on one line, its times (``database.mail.time_in_mail``) on the clock of their zones.

    What somebody wrote so that it looks like a time, and is none, stays as it is.
    """
    text = value[language] if isinstance(value, Mapping) else str(value)
    return _TIME.sub(partial(_local, language), " ".join(text.split()))


def _local(language: Language, found: re.Match[str]) -> str:
    try:
        return datetime.fromisoformat(found[1]).astimezone(ZoneInfo(found[2])).strftime(_SHOWN[language])
    except (ValueError, KeyError, OverflowError, OSError):
        return found[0]


@cache
def _text(kind: str, language: str) -> str:
    return (_TEXTS / language / f"{kind}.txt").read_text(encoding="utf-8")


def kinds(language: str) -> dict[str, frozenset[str]]:
    """Return the kinds of mail in a language, with the values that each needs."""
    found = {}
    for path in sorted((_TEXTS / language).glob("*.txt")):
        found[path.stem] = frozenset(Template(path.read_text(encoding="utf-8")).get_identifiers())
    return found
