"""Sends the mail that waits, over SMTP.

A mail is taken by moving the time of its next try, so that two processes never send it at once; what a process took
and didn't finish is tried again. If it dies between the server's answer and our commit, it is sent twice, with the
same Message-ID, by which mail programs know it.
"""

from __future__ import annotations

import logging
import smtplib
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, Final

import psycopg
from psycopg.rows import class_row

from database.alarms import Alarm, raise_alarm
from database.mail import Language
from database.pool import connect
from database.reasons import reason_of
from jobs.mail.settings import MailSettings
from jobs.mail.writing import Mail, TextMissing, message_of

log = logging.getLogger(__name__)

_LOOK_S: Final = 5.0
_AWAY_S: Final = 30.0
"""A server that was away is left alone for so long."""
_ANSWER_S: Final = 20.0
"""The server is waited for so long, at each step."""
TAKEN_FOR: Final = timedelta(minutes=5)
"""A mail that was taken is left alone for so long: longer than one can take."""
_FIRST: Final = timedelta(minutes=1)
_LONGEST: Final = timedelta(hours=4)
KEEP_TRYING: Final = timedelta(days=3)
_AT_ONCE: Final = 100
"""Mails over one connection."""

_TAKE: Final = """
-- take the mail that waits longest; nobody else takes it meanwhile
UPDATE mail m SET tries = m.tries + 1, next_at = now() + %(taken_for)s
WHERE m.id = (
  SELECT w.id FROM mail w WHERE w.sent_at IS NULL AND w.failed_at IS NULL AND w.next_at <= now()
  ORDER BY w.next_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING m.id, m.ref, coalesce(m.to_address, (SELECT p.email FROM member p WHERE p.ref = m.to_member)) AS to,
  m.kind, coalesce(m.language, (SELECT p.language FROM member p WHERE p.ref = m.to_member), %(language)s) AS language,
  m."values", m.calendar, m.queued_at, m.tries, coalesce(m.not_after < now(), false) AS late
"""
_WAITING: Final = """
-- whether any mail is to be tried now
SELECT EXISTS (SELECT FROM mail WHERE sent_at IS NULL AND failed_at IS NULL AND next_at <= now())
"""
_SENT: Final = """
-- the server has taken it
UPDATE mail SET sent_at = now(), error = NULL WHERE id = %(id)s
"""
_LATER: Final = """
-- try again, or give up after three days
UPDATE mail SET error = %(error)s,
  next_at = now() + %(wait)s, failed_at = CASE WHEN queued_at + %(keep_trying)s < now() + %(wait)s THEN now() END
WHERE id = %(id)s RETURNING failed_at IS NOT NULL
"""
_GIVEN_UP: Final = """
-- no later try would help
UPDATE mail SET failed_at = now(), error = %(error)s WHERE id = %(id)s
"""
_COUNTS: Final = """
-- how many mails wait, and how many of the last week were given up
SELECT count(*) FILTER (WHERE sent_at IS NULL AND failed_at IS NULL),
       count(*) FILTER (WHERE failed_at > now() - interval '7 days' AND error NOT IN ('no address', 'too late'))
FROM mail
"""


def watch(url: str, settings: MailSettings, stop: threading.Event, note: Callable[[int, int], None]) -> None:
    """Send until ``stop``; ``note`` takes how many mails wait and how many were given up. Without SMTP all are kept."""
    if settings.smtp_host is None:
        log.info("mail_off", extra={"reason": "MAILLAGE_SMTP_HOST is not set: mail is kept and not sent"})
    while not stop.is_set():
        try:
            with connect(url, application_name="maillage mail", autocommit=True) as connection:
                while not stop.is_set():
                    row = connection.execute(_COUNTS).fetchone()
                    assert row is not None
                    note(*row)
                    if settings.smtp_host is not None:
                        send_waiting(connection, settings, stop)
                    stop.wait(_LOOK_S)
        except (OSError, smtplib.SMTPException) as error:
            log.warning("mail_server_away", extra={"reason": word_of(error)})
            stop.wait(_AWAY_S)
        except psycopg.Error as error:
            log.warning("mail_database_away", extra={"reason": reason_of(error)})
            stop.wait(_LOOK_S)


def send_waiting(connection: psycopg.Connection[Any], settings: MailSettings, stop: threading.Event) -> int:
    """Send what waits now, and return how many mails the server has taken; it is asked only where one waits.

    ``connection`` is in autocommit mode.

    Raises:
        OSError, smtplib.SMTPException: the server is away or refuses us; the mail is kept.
    """
    row = connection.execute(_WAITING).fetchone()
    if not (row and row[0]):
        return 0
    sent = 0
    with server(settings) as smtp:
        for _ in range(_AT_ONCE):
            mail = None if stop.is_set() else _take(connection, settings.mail_language)
            if mail is None:
                break
            sent += _send(connection, smtp, mail, settings.mail_from)
    return sent


def _take(connection: psycopg.Connection[Any], language: Language) -> Mail | None:
    with connection.cursor(row_factory=class_row(Mail)) as cursor:
        return cursor.execute(_TAKE, {"taken_for": TAKEN_FOR, "language": language}).fetchone()


def _send(connection: psycopg.Connection[Any], smtp: smtplib.SMTP, mail: Mail, sender: str) -> bool:
    if mail.late or mail.to is None:
        connection.execute(_GIVEN_UP, {"id": mail.id, "error": "too late" if mail.late else "no address"})
        return False
    try:
        smtp.send_message(message_of(mail, sender=sender), from_addr=sender, to_addrs=[mail.to])
    except smtplib.SMTPException as error:
        if is_permanent(error):
            _give_up(connection, mail, word_of(error))
        else:
            _later(connection, mail, word_of(error))
        if isinstance(error, smtplib.SMTPServerDisconnected):
            raise
        with suppress(smtplib.SMTPException):
            smtp.rset()
    except OSError as error:
        _later(connection, mail, word_of(error))
        raise
    except psycopg.Error:
        raise
    except Exception as error:  # a text or an address that no message can have: the next mail must not wait for it
        _give_up(connection, mail, word_of(error))
    else:
        connection.execute(_SENT, {"id": mail.id})
        return True
    return False


def _later(connection: psycopg.Connection[Any], mail: Mail, error: str) -> None:
    wait = min(_FIRST * 2 ** min(mail.tries - 1, 10), _LONGEST)
    values = {"id": mail.id, "error": error, "wait": wait, "keep_trying": KEEP_TRYING}
    with connection.transaction():
        row = connection.execute(_LATER, values).fetchone()
        if row and row[0]:
            _alarm(connection, mail, error)


def _give_up(connection: psycopg.Connection[Any], mail: Mail, error: str) -> None:
    with connection.transaction():
        connection.execute(_GIVEN_UP, {"id": mail.id, "error": error})
        _alarm(connection, mail, error)


def _alarm(connection: psycopg.Connection[Any], mail: Mail, error: str) -> None:
    log.warning("mail_given_up", extra={"mail": mail.ref, "kind": mail.kind, "reason": error})
    text = f"mail of the kind {mail.kind} could not be sent ({error}): see the table mail, and docs/mail.md"
    raise_alarm(connection, Alarm(kind="mail_given_up", text=text))


def is_permanent(error: smtplib.SMTPException) -> bool:
    """Whether the server refuses this mail for good (a code of 500 and more); not where it refuses us as its sender."""
    if isinstance(error, smtplib.SMTPNotSupportedError):  # an address with accents, which this server doesn't know
        return True
    codes = [error.smtp_code] if isinstance(error, smtplib.SMTPDataError) else []
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _text in error.recipients.values()]
    return bool(codes) and all(code >= 500 for code in codes)


def word_of(error: Exception) -> str:
    """Return a server's code, or the kind of error: its text quotes addresses."""
    if isinstance(error, smtplib.SMTPResponseException):
        return f"SMTP {error.smtp_code}"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return f"SMTP {next(iter(error.recipients.values()))[0]}"
    if isinstance(error, TextMissing):
        return f"text missing: {error}"[:200]
    return type(error).__name__


@contextmanager
def server(settings: MailSettings) -> Iterator[smtplib.SMTP]:
    """Connect to the mail server and sign in, with TLS as the settings say.

    Raises:
        OSError, smtplib.SMTPException: it can't be reached, or refuses us.
    """
    assert settings.smtp_host is not None
    context = ssl.create_default_context(cafile=settings.smtp_ca)
    if settings.smtp_security == "tls":
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(
            settings.smtp_host, settings.smtp_port, timeout=_ANSWER_S, context=context
        )
    else:
        smtp = smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=_ANSWER_S)
    with smtp:
        if settings.smtp_security == "starttls":
            smtp.starttls(context=context)
        password = settings.password()
        if settings.smtp_user is not None and password is not None:
            smtp.login(settings.smtp_user, password)
        yield smtp
