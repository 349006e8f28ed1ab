"""Mosquitto's files for mutual TLS: who may connect and where each may speak.

Three listeners. Gateways: a certificate of the gateways' authority that no revocation list names; its common name, the
gateway's code, is the user and the client id, so that a gateway has one connection and the watcher can take its place.
Processes: a certificate of the processes' authority. The watcher: a password, on the loopback only.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from cryptography import x509

from maillage.broker import acl, password_hash, write_file
from rights.authority import as_pem, name_of

WATCHER: Final = "watcher"
WATCHER_LOGIN: Final = "watcher.password"
AUTHORITIES: Final = "authorities"
PROCESSES: Final = "processes"
REVOCATIONS: Final = "revocations.pem"
SERVER: Final = "server"
PROBE: Final = "maillage/watch"
"""Topics that only the watcher may use: below it, it finds out whether the broker has read its files again."""

Give = Callable[[Path], None]

_CONF: Final = """\
pid_file {directory}/mosquitto.pid
per_listener_settings false
allow_anonymous false
password_file {directory}/passwords
acl_file {directory}/acl
persistence false
max_packet_size 1048576
max_keepalive 300
max_inflight_messages 100
max_queued_messages 1000
max_queued_bytes 16777216
set_tcp_nodelay true
log_dest stderr
log_type error
log_type warning
log_type notice
log_type information
log_timestamp_format %Y-%m-%dT%H:%M:%S

# gateways
listener {gateways}
capath {directory}/authorities
certfile {directory}/server/certificate.pem
keyfile {directory}/server/key.pem
crlfile {directory}/revocations.pem
tls_version tlsv1.3
require_certificate true
use_identity_as_username true
use_username_as_clientid true

# ingest and rights
listener {processes}
capath {directory}/processes
certfile {directory}/server/certificate.pem
keyfile {directory}/server/key.pem
tls_version tlsv1.3
require_certificate true
use_identity_as_username true

# `maillage broker watch`
listener {watcher}
"""


def write_configuration(
    directory: Path, *, gateways: str, processes: str, watcher: str, seen: Path | None = None, give: Give
) -> None:
    """Write ``mosquitto.conf`` and the watcher's password, which stays as it is where there is one.

    Args:
        directory: where to.
        gateways: the ``listener`` line of gateways: port, and address where it isn't all of them.
        processes: that of ingest and rights.
        watcher: that of the watcher: on the loopback.
        seen: the directory as the broker sees it, where that is another path.
        give: is called with each file and folder, to hand them to the broker's user.
    """
    login = directory / WATCHER_LOGIN
    password = login.read_text(encoding="utf-8") if login.exists() else secrets.token_urlsafe(32)
    write_file(directory, WATCHER_LOGIN, password, lambda _path: None)
    write_file(directory, "passwords", f"{WATCHER}:{password_hash(password)}\n", give)
    text = _CONF.format(directory=seen or directory, gateways=gateways, processes=processes, watcher=watcher)
    write_file(directory, "mosquitto.conf", text, give)
    give(directory)


def write_acl(directory: Path, where: Mapping[str, str], generation: str, *, give: Give) -> None:
    """Write who may speak where.

    Args:
        directory: the broker's.
        where: shard and place of each gateway, like ``07/gare-de-l-est``.
        generation: names the topic that the watcher may publish to from now on, so that it sees the change.
        give: as for ``write_configuration``.
    """
    text = acl(where, where) + f"\nuser {WATCHER}\ntopic write {PROBE}/{generation}\n"
    write_file(directory, "acl", text, give)


def write_authorities(directory: Path, *, certificates: str, processes: str, revocations: str, give: Give) -> None:
    """Write whom the broker believes, and which certificates no longer (all PEM)."""
    for name, pem in ((AUTHORITIES, certificates), (PROCESSES, processes)):
        _write_hashed(directory / name, pem, give)
    write_file(directory, REVOCATIONS, revocations, give)


def _write_hashed(folder: Path, pem: str, give: Give) -> None:
    """Write certificates so that OpenSSL looks them up one by one: a new one is believed without a restart."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    give(folder)
    wanted = {f"{subject_hash(one)}.0": one for one in x509.load_pem_x509_certificates(pem.encode())}
    for name, one in wanted.items():
        write_file(folder, name, as_pem(one), give)
    for old in folder.glob("*.0"):
        if old.name not in wanted:
            old.unlink()


def subject_hash(certificate: x509.Certificate) -> str:
    """Return OpenSSL's hash of a subject that is one common name (``openssl x509 -hash``).

    It is the start of the SHA-1 of the name in its canonical form: lower case, as UTF8String, without the outer header.
    """
    value = " ".join(name_of(certificate).lower().split()).encode()
    oid = bytes.fromhex("0603550403")
    pair = oid + _der(0x0C, value)
    digest = hashlib.sha1(_der(0x31, _der(0x30, pair)), usedforsecurity=False).digest()
    return f"{int.from_bytes(digest[:4], 'little'):08x}"


def _der(tag: int, content: bytes) -> bytes:
    assert len(content) < 128, "the authority's name is short"
    return bytes((tag, len(content))) + content
