"""Mail from the queue to a real SMTP server on this machine."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from typing import Any

import psycopg
import pytest
from aiosmtpd.smtp import SMTP

from database.mail import queue_mail
from database.pool import Connection
from jobs.mail import sending
from jobs.mail.settings import MailSettings
from jobs.maintain import maintain
from maillage.doctor.mail import look_at_mail
from tests.conftest import Database
from tests.waiting import until

WORDS = {"network": "n"}


class Mailbox:
    """Takes mail, or answers what is set."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.answers: dict[str, str] = {}
        self.on_data = "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        answer = self.answers.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.on_data.startswith("250"):
            self.messages.append(message_from_bytes(envelope.content))
        return self.on_data

    def of(self) -> list[str]:
        return [str(message["To"]) for message in self.messages]


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, MailSettings]]:
    box = Mailbox()
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(lambda: SMTP(box, hostname="mail", loop=loop), "127.0.0.1", 0))
    port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield (
        box,
        MailSettings(smtp_host="127.0.0.1", smtp_port=port, smtp_security="none", mail_from="maillage@example.org"),
    )
    loop.call_soon_threadsafe(loop.stop)
    thread.join(30)
    server.close()
    loop.close()


@pytest.fixture
def jobs(database: Database) -> Iterator[Connection]:
    with psycopg.connect(database.url, autocommit=True) as owner:
        owner.execute("INSERT INTO member (ref, name, email) VALUES ('m-aaaa', 'Anne', 'anne@example.org')")
        owner.execute("INSERT INTO member (ref, name) VALUES ('m-bbbb', 'Boris')")
    with psycopg.connect(database.as_login("maintain_1"), autocommit=True) as connection:
        yield connection


def _state(connection: Connection, column: str = "error") -> list[Any]:
    return [row[0] for row in connection.execute(f"SELECT {column} FROM mail ORDER BY id".encode())]


def test_a_mail_is_sent_once_to_the_address_that_the_member_has_then(
    jobs: Connection, database: Database, mailbox: tuple[Mailbox, MailSettings]
) -> None:
    box, settings = mailbox
    with psycopg.connect(database.as_login("api_1")) as api:
        assert queue_mail(api, kind="test", values=WORDS, to_member="m-aaaa", once="x") is True
        assert queue_mail(api, kind="test", values=WORDS, to_member="m-aaaa", once="x") is False
    stop = threading.Event()
    noted: list[tuple[int, int]] = []
    thread = threading.Thread(
        target=sending.watch,
        args=(database.as_login("maintain_1"), settings, stop, lambda *counts: noted.append(counts)),
    )
    thread.start()
    until(lambda: box.of() == ["anne@example.org"])
    stop.set()
    thread.join(30)
    assert noted[0] == (1, 0)
    assert _state(jobs, "sent_at IS NOT NULL") == [True]
    assert sending.send_waiting(jobs, settings, threading.Event()) == 0


def test_a_refusal_for_good_is_an_alarm_and_a_busy_server_is_asked_again_with_the_same_message(
    jobs: Connection, database: Database, mailbox: tuple[Mailbox, MailSettings]
) -> None:
    box, settings = mailbox
    box.answers = {"gone@example.org": "550 5.1.1 <gone@example.org> unknown", "busy@example.org": "451 later"}
    for address in ("gone@example.org", "busy@example.org", "good@example.org"):
        queue_mail(jobs, kind="test", values=WORDS, to_address=address)
    assert sending.send_waiting(jobs, settings, threading.Event()) == 1
    assert (box.of(), _state(jobs)) == (["good@example.org"], ["SMTP 550", "SMTP 451", None])
    assert _state(jobs, "failed_at IS NOT NULL") == [True, False, False]
    with psycopg.connect(database.url) as owner:
        kind, text = owner.execute("SELECT kind, text FROM alarm").fetchall()[0]
        assert kind == "mail_given_up"
        assert "example.org" not in text
        owner.execute("UPDATE mail SET next_at = now()")
    box.answers = {}
    ref = jobs.execute("SELECT ref FROM mail WHERE to_address = 'busy@example.org'").fetchone()
    assert sending.send_waiting(jobs, settings, threading.Event()) == 1
    assert ref is not None
    assert box.messages[-1]["Message-ID"] == f"<{ref[0]}@example.org>"


def test_what_can_t_be_sent_or_is_late_is_given_up_and_the_others_leave(
    jobs: Connection, mailbox: tuple[Mailbox, MailSettings]
) -> None:
    box, settings = mailbox
    queue_mail(jobs, kind="test", values=WORDS, to_member="m-bbbb")
    queue_mail(jobs, kind="test", values=WORDS, to_member="m-aaaa", not_after=datetime.now(UTC) - timedelta(hours=1))
    queue_mail(jobs, kind="nothing", values=WORDS, to_member="m-aaaa")
    queue_mail(jobs, kind="test", values=WORDS, to_member="m-aaaa")
    assert sending.send_waiting(jobs, settings, threading.Event()) == 1
    assert _state(jobs) == ["no address", "too late", "text missing: fr/nothing: FileNotFoundError", None]
    assert box.of() == ["anne@example.org"]


def test_mail_of_three_days_is_given_up_and_a_server_that_is_away_takes_none(
    jobs: Connection, database: Database, mailbox: tuple[Mailbox, MailSettings]
) -> None:
    box, settings = mailbox
    box.on_data = "452 full"
    queue_mail(jobs, kind="test", values=WORDS, to_member="m-aaaa")
    with pytest.raises(OSError):
        sending.send_waiting(jobs, settings.model_copy(update={"smtp_port": 1}), threading.Event())
    assert _state(jobs, "tries") == [0]
    with psycopg.connect(database.url) as owner:
        owner.execute("UPDATE mail SET queued_at = now() - interval '3 days'")
    assert sending.send_waiting(jobs, settings, threading.Event()) == 0
    assert _state(jobs, "error || (failed_at IS NOT NULL)") == ["SMTP 452true"]


def test_the_doctor_says_what_waits_and_whether_the_server_takes_mail(
    jobs: Connection, database: Database, mailbox: tuple[Mailbox, MailSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    queue_mail(jobs, kind="test", values=WORDS, to_member="m-aaaa")
    with psycopg.connect(database.url, autocommit=True) as owner:
        owner.execute("UPDATE mail SET queued_at = now() - interval '20 minutes'")
        assert [(one.state, one.what) for one in look_at_mail(owner)] == [("note", "mail"), ("note", "mail server")]
        monkeypatch.setenv("MAILLAGE_SMTP_HOST", "127.0.0.1")
        monkeypatch.setenv("MAILLAGE_SMTP_SECURITY", "none")
        monkeypatch.setenv("MAILLAGE_SMTP_PORT", str(mailbox[1].smtp_port))
        assert [(one.state, one.what) for one in look_at_mail(owner)] == [("note", "mail"), ("good", "mail server")]
        monkeypatch.setenv("MAILLAGE_SMTP_PORT", "1")
        assert [one.state for one in look_at_mail(owner)] == ["note", "bad"]
        monkeypatch.setenv("MAILLAGE_SMTP_HOST", "mail.example.org")
        assert [one.text for one in look_at_mail(owner)] == [
            "Value error, MAILLAGE_SMTP_SECURITY=none is for a mail server on this machine: set starttls or tls"
        ]


def test_a_mail_is_erased_with_its_member_and_after_three_months(jobs: Connection, database: Database) -> None:
    queue_mail(jobs, kind="test", values=WORDS, to_member="m-aaaa")
    queue_mail(jobs, kind="test", values=WORDS, to_address="old@example.org")
    queue_mail(jobs, kind="test", values=WORDS, to_address="new@example.org")
    with psycopg.connect(database.url) as owner:
        owner.execute("UPDATE mail SET queued_at = now() - interval '95 days' WHERE to_address LIKE 'old%'")
        owner.execute("SELECT erase_member('m-aaaa')")
    maintain(database.as_login("maintain_1"))
    assert _state(jobs, "to_address") == ["new@example.org"]
