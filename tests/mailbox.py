"""A real IMAP server on this machine with one mailbox, and invitations to put into it."""

from __future__ import annotations

import contextlib
import imaplib
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from jobs.appointments.settings import InboxSettings
from tests.waiting import until

ADDRESS = "book@example.org"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """The mailbox, over TLS."""

    settings: InboxSettings

    def put(self, *mails: str) -> None:
        """Deliver mails, as the mail server does."""
        with self._open() as imap:
            for mail in mails:
                assert imap.append("INBOX", "", "", "\r\n".join(mail.splitlines()).encode())[0] == "OK"

    def left(self, what: str = "ALL") -> int:
        """Return how many mails are in it."""
        with self._open() as imap:
            return len(imap.uid("SEARCH", what)[1][0].split())

    @contextlib.contextmanager
    def _open(self) -> Iterator[imaplib.IMAP4]:
        settings = self.settings
        imap = imaplib.IMAP4("127.0.0.1", settings.imap_port)
        imap.starttls(ssl.create_default_context(cafile=settings.imap_ca))
        imap.login(settings.imap_user or "", settings.inbox_password())
        imap.select("INBOX")
        yield imap
        imap.logout()


@contextlib.contextmanager
def mailbox(folder: Path) -> Iterator[Mailbox]:
    """Yield a mailbox on a server of its own."""
    _certificate(folder)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("pymap")), "--host", "127.0.0.1", "--port", str(port)]
    command += ["--cert", str(folder / "cert.pem"), "--key", str(folder / "key.pem")]
    server = subprocess.Popen([*command, "dict", "--demo-user", "book", "--demo-password", "secret"])
    try:
        until(lambda: _answers(port), what="the IMAP server answers")
        yield Mailbox(
            settings=InboxSettings(
                imap_host="127.0.0.1",
                imap_port=port,
                imap_security="starttls",
                imap_ca=str(folder / "cert.pem"),
                imap_user="book",
                imap_password=SecretStr("secret"),
                imap_authserv="mx.example.org",
                booking_address=ADDRESS,
            )
        )
    finally:
        server.terminate()
        server.wait(30)


def invitation(
    uid: str,
    starts: datetime,
    *,
    to: str = "limoges.laser",
    sender: str = "anne@example.net",
    organizer: str | None = None,
    hours: float = 1,
    sequence: int = 0,
    method: str = "REQUEST",
    verified: str | None = "mx.example.org",
    more: str = "",
) -> str:
    """Write an invitation as calendar programs send it; ``more``: further lines of the appointment."""
    local, _, domain = ADDRESS.partition("@")
    results = f"Authentication-Results: {verified}; dkim=pass header.d={sender.partition('@')[2]}\n" if verified else ""
    times = [f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}" for at in (starts, starts + timedelta(hours=hours))]
    return f"""{results}From: Anne <{sender}>
To: {local}+{to}@{domain}
Subject: Invitation
MIME-Version: 1.0
Content-Type: text/calendar; charset=utf-8; method={method}

BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Test//EN
METHOD:{method}
BEGIN:VEVENT
UID:{uid}
DTSTAMP:20260101T{sequence:06}Z
SEQUENCE:{sequence}
ORGANIZER;CN=Anne:mailto:{organizer or sender}
ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:{local}+{to}@{domain}
DTSTART:{times[0]}
DTEND:{times[1]}
SUMMARY:Very private
{more}
END:VEVENT
END:VCALENDAR
""".replace("\n\nEND:VEVENT", "\nEND:VEVENT")


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as one:
        return one.recv(4) == b"* OK"
    return False


def _certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
