"""Checks mail: how much waits, how much was given up, and whether the server takes ours."""

from __future__ import annotations

import contextlib
import smtplib
from collections.abc import Iterator
from typing import Any, Final

from maillage.doctor.finding import Finding, bad, good, note

_MAIL: Final = """
-- mail that waits, since when at most, and what was given up within a week
SELECT count(*) FILTER (WHERE sent_at IS NULL AND failed_at IS NULL),
       coalesce(extract(epoch FROM now() - min(queued_at)
         FILTER (WHERE sent_at IS NULL AND failed_at IS NULL)), 0)::float8,
       count(*) FILTER (WHERE failed_at > now() - interval '7 days' AND error NOT IN ('no address', 'too late'))
FROM mail
"""
_LONG_S: Final = 900.0


def look_at_mail(connection: Any) -> Iterator[Finding]:
    """Ask the database what became of the mail, and the mail server whether it takes ours."""
    from pydantic import ValidationError

    from jobs.mail.settings import MailSettings

    try:
        settings = MailSettings()
    except ValidationError as error:
        yield bad("mail", str(error.errors()[0]["msg"]), "correct MAILLAGE_SMTP_… (docs/mail.md)")
        return
    with contextlib.suppress(Exception), connection.transaction():  # a process user may not read it
        waiting, oldest_s, given_up = connection.execute(_MAIL).fetchone()
        if given_up:
            yield bad("mail", f"{given_up} of the last week could not be sent", "see their errors in the table mail")
        if waiting and oldest_s > _LONG_S:
            text = f"{waiting} wait, the first for {oldest_s / 60:.0f} min"
            yield note("mail", text, "set MAILLAGE_SMTP_HOST for `maillage jobs` and look at its log (docs/mail.md)")
    if settings.smtp_host is None:
        yield note("mail server", "none is set here: mail is kept and not sent", "docs/mail.md")
        return
    yield _server(settings)


def _server(settings: Any) -> Finding:
    from jobs.mail.sending import server, word_of

    where = f"{settings.smtp_host}:{settings.smtp_port} ({settings.smtp_security})"
    try:
        with server(settings) as smtp:
            smtp.noop()
    except (OSError, smtplib.SMTPException) as error:
        return bad("mail server", f"{where}: {word_of(error)}", "correct MAILLAGE_SMTP_… (docs/mail.md)")
    return good("mail server", f"{where} takes our mail")
