"""Mosquitto's configuration, users and rights: the same for the embedded broker and for an operator's own."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

ACL: Final = """\
user ingest
topic read maillage/v1/+/+/+/events
topic read maillage/v1/+/+/+/state
topic write maillage/v1/+/+/+/committed

user rights
topic read maillage/v1/+/+/+/state
topic read maillage/v1/+/+/+/reply
topic write maillage/v1/+/+/+/list
topic write maillage/v1/+/+/+/command

pattern write maillage/v1/+/+/%u/events
pattern write maillage/v1/+/+/%u/state
pattern write maillage/v1/+/+/%u/reply
pattern read maillage/v1/+/+/%u/committed
pattern read maillage/v1/+/+/%u/list
pattern read maillage/v1/+/+/%u/command
"""
"""Who may do what on the central broker. A gateway's user name is its code; the ingest checks the place again."""

_CONF: Final = """\
listener {listener}
persistence false
max_packet_size 1048576
max_inflight_messages 100
max_queued_messages 1000
max_queued_bytes 16777216
max_keepalive 300
set_tcp_nodelay true
log_dest stderr
log_type error
log_type warning
log_type notice
log_type information
log_timestamp_format %Y-%m-%dT%H:%M:%S
"""
"""No persistence: the spools are the truth until the database says "committed"."""

_OPEN: Final = "allow_anonymous true\n"
_CENTRAL: Final = "allow_anonymous false\npassword_file {directory}/passwords\nacl_file {directory}/acl\n"


def password_hash(password: str) -> str:
    """Return ``password`` as Mosquitto 2's password file wants it: salted PBKDF2 with SHA-512."""
    rounds, salt = 101, secrets.token_bytes(12)  # Mosquitto's own number; our passwords are random, not guessable
    digest = hashlib.pbkdf2_hmac("sha512", password.encode("utf-8"), salt, rounds)
    return f"$7${rounds}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def write_open(directory: Path, *, listener: str, give: Callable[[Path], None] = lambda _path: None) -> None:
    """Write ``mosquitto.conf`` of a place's own broker, which asks nobody for a password: loopback only."""
    _write(directory, "mosquitto.conf", _CONF.format(listener=listener) + _OPEN, give)


def write_central(
    directory: Path, *, users: Mapping[str, str], listener: str, give: Callable[[Path], None] = lambda _path: None
) -> None:
    """Write the central broker's ``mosquitto.conf``, ``acl`` and ``passwords``.

    Args:
        directory: as the broker sees it.
        users: name → password.
        listener: the ``listener`` line: port, and address where it isn't all of them.
        give: is called with each file before it takes its name, to hand it to the broker's user.
    """
    _write(directory, "acl", ACL, give)
    write_passwords(directory, users, give=give)
    _write(directory, "mosquitto.conf", _CONF.format(listener=listener) + _CENTRAL.format(directory=directory), give)


def write_passwords(
    directory: Path, users: Mapping[str, str], *, give: Callable[[Path], None] = lambda _path: None
) -> None:
    """Write the users (name → password); a running broker reads them again at SIGHUP."""
    lines = "".join(f"{name}:{password_hash(secret)}\n" for name, secret in users.items())
    _write(directory, "passwords", lines, give)


def _write(directory: Path, name: str, text: str, give: Callable[[Path], None]) -> None:
    """Write a file in one step, readable by its owner only."""
    directory.mkdir(parents=True, exist_ok=True)
    partial = directory / f".{name}.part"
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    give(partial)
    partial.replace(directory / name)
