"""What a mail looks like: its texts in both languages, its headers, its attachment."""

from __future__ import annotations

import smtplib
from datetime import UTC, datetime
from email import policy
from email.parser import BytesParser
from zoneinfo import ZoneInfo

import pytest

from database.mail import LANGUAGES, Value, time_in_mail
from jobs.mail.sending import is_permanent, word_of
from jobs.mail.writing import Mail, TextMissing, kinds, message_of, text_of

QUEUED = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)


def _mail(**changes: object) -> Mail:
    plain: dict[str, object] = {"id": 1, "ref": "ab12", "to": "anne@example.org", "kind": "test", "language": "fr"}
    rest = {"values": {"network": "Le Réseau"}, "calendar": None, "queued_at": QUEUED, "tries": 1, "late": False}
    return Mail(**{**plain, **rest, **changes})  # type: ignore[arg-type]


def test_every_text_is_there_in_both_languages_with_the_same_values() -> None:
    assert kinds("fr") == kinds("en") != {}
    for language in LANGUAGES:
        for kind, words in kinds(language).items():
            subject, body = text_of(kind, language, {word: f"<{word}>" for word in words})
            assert subject and body.startswith(("Bonjour", "Hello")), kind


def test_times_and_reasons_are_written_in_the_language_of_the_mail() -> None:
    at = time_in_mail(datetime(2026, 12, 1, 23, 30, tzinfo=UTC), ZoneInfo("Europe/Paris"))
    words = dict.fromkeys(kinds("fr")["calendar_refused"], "x")
    values: dict[str, Value] = {**words, "starts": at, "why": {"fr": "pris", "en": "taken"}}
    french, english = (text_of("calendar_refused", language, values)[1] for language in LANGUAGES)
    assert "02/12/2026 à 00:30" in french and "pris" in french
    assert "2026-12-02, 00:30" in english and "taken" in english


@pytest.mark.parametrize("name", ["2026-99-99T99:99:99Z[Europe/Paris]", "2026-12-01T23:30:00Z[Nowhere]"])
def test_a_name_that_looks_like_a_time_stops_no_mail(name: str) -> None:
    values = {**dict.fromkeys(kinds("fr")["guest_code"], "x"), "name": name}
    assert name in text_of("guest_code", "fr", values)[1]


def test_a_message_is_the_same_at_each_try() -> None:
    first, second = message_of(_mail(), sender="m@example.org"), message_of(_mail(tries=2), sender="m@example.org")
    assert bytes(first) == bytes(second)
    read = BytesParser(policy=policy.default).parsebytes(bytes(first))
    assert (read["Message-ID"], read["To"], read["From"]) == (
        "<ab12@example.org>",
        "anne@example.org",
        "Maillage <m@example.org>",
    )
    assert read["Date"] == "Thu, 26 Nov 2026 09:30:00 +0000"
    assert "Le Réseau" in read.get_content()


def test_a_value_can_t_add_a_header_nor_a_line() -> None:
    what = "salle\r\nBcc: all@example.org"
    values = {"what": what, "summary": "x", "starts": "x", "why": "x", "place": "x"}
    message = message_of(_mail(kind="calendar_refused", values=values), sender="m@example.org")
    assert message["Bcc"] is None
    assert message["Subject"].endswith("salle Bcc: all@example.org")
    with pytest.raises(ValueError, match="CR"):
        message_of(_mail(to="a@b\r\nBcc: all@example.org"), sender="m@example.org")


def test_a_calendar_is_attached_with_its_method() -> None:
    message = message_of(_mail(calendar="BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nEND:VCALENDAR\r\n"), sender="m@example.org")
    part = next(one for one in message.walk() if one.get_content_type() == "text/calendar")
    assert part.get_param("method") == "REPLY"


@pytest.mark.parametrize(("kind", "values"), [("nothing", {}), ("test", {}), ("../test", {"network": "x"})])
def test_a_text_that_is_missing_or_lacks_a_value_is_our_mistake(kind: str, values: dict[str, str]) -> None:
    with pytest.raises(TextMissing):
        text_of(kind, "fr", values)


def test_only_a_code_of_500_and_more_is_for_good_and_no_address_is_logged() -> None:
    refused = smtplib.SMTPRecipientsRefused({"anne@example.org": (550, b"<anne@example.org> unknown")})
    busy = smtplib.SMTPRecipientsRefused({"anne@example.org": (450, b"later")})
    assert (is_permanent(refused), is_permanent(busy)) == (True, False)
    us = smtplib.SMTPSenderRefused(553, b"not yours", "maillage@example.org")
    assert not is_permanent(us), "a wrong setting of ours must not cost a mail"
    assert (word_of(refused), word_of(smtplib.SMTPDataError(451, b"anne@example.org"))) == ("SMTP 550", "SMTP 451")
