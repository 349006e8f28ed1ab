"""Reads the mailbox for invitations over IMAP: what was taken is deleted there, what can't be read stays, flagged."""

from __future__ import annotations

import email
import imaplib
import logging
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import Message
from typing import Any, Final

import psycopg

from database.pool import connect
from database.reasons import reason_of
from jobs.appointments.settings import InboxSettings
from jobs.appointments.taking import take
from jobs.calendars.expanding import CalendarUnreadable
from jobs.maintain import clock

log = logging.getLogger(__name__)

LARGEST: Final = 2 * 2**20
"""Bytes of a mail."""
_SIZE: Final = re.compile(rb"RFC822\.SIZE (\d+)")
_LOOK_S: Final = 20.0
_AWAY_S: Final = 60.0
_ANSWER_S: Final = 20.0
_AT_ONCE: Final = 100


class InboxRefused(Exception):
    """The mail server refuses a command of ours; its answer isn't quoted."""


def watch(url: str, settings: InboxSettings, stop: threading.Event) -> None:
    """Read the mailbox until ``stop``; a server that is away is waited for. Without one nothing is done."""
    if settings.imap_host is None:
        log.info("inbox_off", extra={"reason": "MAILLAGE_IMAP_HOST is not set: no invitations are read"})
        stop.wait()
        return
    while not stop.is_set():
        try:
            with connect(url, application_name="maillage inbox", autocommit=True) as connection:
                while not stop.is_set():
                    read_inbox(connection, settings, stop)
                    stop.wait(_LOOK_S)
        except (OSError, imaplib.IMAP4.error, InboxRefused) as error:
            log.warning("inbox_away", extra={"reason": type(error).__name__})
            stop.wait(_AWAY_S)
        except psycopg.Error as error:
            log.warning("inbox_database_away", extra={"reason": reason_of(error)})
            stop.wait(_LOOK_S)


def read_inbox(connection: psycopg.Connection[Any], settings: InboxSettings, stop: threading.Event) -> int:
    """Take the mails that are new, and return how many; ``connection`` is in autocommit mode.

    A mail is deleted once it is stored: if the process dies in between, it is taken again and changes nothing.

    Raises:
        OSError, imaplib.IMAP4.error, InboxRefused: the mail server is away or refuses us.
        psycopg.Error: the database is away; the mail stays.
    """
    taken = 0
    with mailbox_of(settings) as imap:
        for number in _new(imap)[:_AT_ONCE]:
            if stop.is_set():
                break
            taken += _take(connection, imap, number, settings)
    return taken


def _take(connection: psycopg.Connection[Any], imap: imaplib.IMAP4, number: str, settings: InboxSettings) -> bool:
    assert settings.booking_address is not None
    try:
        message = _message(imap, number)
        what = take(
            connection,
            message,
            mailbox=settings.booking_address,
            authserv=settings.imap_authserv,
            now=clock(connection),
        )
    except CalendarUnreadable as error:
        log.warning("invitation_unreadable", extra={"reason": str(error)})
        _ok(imap.uid("STORE", number, "+FLAGS.SILENT", r"(\Seen \Flagged)"))
        return False
    except psycopg.OperationalError:
        raise
    except Exception as error:  # a mail that nobody thought of: the next one must not wait for it
        if connection.closed:
            raise
        why = reason_of(error) if isinstance(error, psycopg.Error) else type(error).__name__
        log.warning("invitation_unreadable", extra={"reason": why})
        _ok(imap.uid("STORE", number, "+FLAGS.SILENT", r"(\Seen \Flagged)"))
        return False
    log.info("mail_taken", extra={"became": what})
    _ok(imap.uid("STORE", number, "+FLAGS.SILENT", r"(\Seen \Deleted)"))
    return True


def _new(imap: imaplib.IMAP4) -> list[str]:
    found = _ok(imap.uid("SEARCH", "UNSEEN", "UNDELETED"))
    return found[0].decode("ascii").split() if found and isinstance(found[0], bytes) else []


def _message(imap: imaplib.IMAP4, number: str) -> Message[Any, Any]:
    answers = [one for one in _ok(imap.uid("FETCH", number, "(RFC822.SIZE)")) if isinstance(one, bytes)]
    sizes = [int(found[1]) for one in answers if (found := _SIZE.search(one)) is not None]
    if not sizes or max(sizes) > LARGEST:
        raise CalendarUnreadable(f"it is larger than {LARGEST // 2**20} MB")
    for part in _ok(imap.uid("FETCH", number, "(BODY.PEEK[])")):
        if isinstance(part, tuple):
            # not the modern policy: it decodes headers, and takes minutes for one that is made to be slow
            return email.message_from_bytes(part[1])
    raise CalendarUnreadable("it is gone")


def _ok(answer: tuple[str, Any]) -> list[Any]:
    if answer[0] != "OK":
        raise InboxRefused
    return list(answer[1])


@contextmanager
def mailbox_of(settings: InboxSettings) -> Iterator[imaplib.IMAP4]:
    """Connect, sign in and open the folder; what is marked as deleted is gone at the end.

    Raises:
        OSError, imaplib.IMAP4.error, InboxRefused: it can't be reached, or refuses us.
    """
    assert settings.imap_host is not None
    assert settings.imap_user is not None
    context = ssl.create_default_context(cafile=settings.imap_ca)
    if settings.imap_security == "tls":
        imap: imaplib.IMAP4 = imaplib.IMAP4_SSL(
            settings.imap_host, settings.imap_port, ssl_context=context, timeout=_ANSWER_S
        )
    else:
        imap = imaplib.IMAP4(settings.imap_host, settings.imap_port, timeout=_ANSWER_S)
    try:
        if settings.imap_security == "starttls":
            imap.starttls(context)
        imap.login(settings.imap_user, settings.inbox_password())
        _ok(imap.select(f'"{settings.imap_folder}"'))
        yield imap
        _ok(imap.expunge())
    finally:
        with suppress(OSError, imaplib.IMAP4.error):
            imap.logout()
