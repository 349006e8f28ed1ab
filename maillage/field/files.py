"""The files of a place's Mosquitto: configuration, rights, passwords. The same for real places and for the demo."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from maillage.broker import password_hash, write_file
from maillage.field.logins import PROCESS, SIMULATOR, Login

CONF: Final = "mosquitto.conf"
ACL: Final = "acl"
PASSWORDS: Final = "passwords"
CERTIFICATE: Final = "certificate.pem"
KEY: Final = "key.pem"

_COMMON: Final = """\
max_packet_size 1048576
max_keepalive 300
set_tcp_nodelay true
log_dest stderr
log_type error
log_type warning
log_type notice
log_type information
log_timestamp_format %Y-%m-%dT%H:%M:%S
persistence true
autosave_interval 60
persistent_client_expiration 7d
max_inflight_messages 200
max_queued_messages 100000
max_queued_bytes 67108864
queue_qos0_messages true
"""
"""Sensors' messages are kept for a gateway that is away, over a restart of the broker too; if it is killed, what came
within the last minute isn't. A gateway that never comes back is forgotten after a week."""
_TLS: Final = """\
listener {listener}
certfile {seen}/certificate.pem
keyfile {seen}/key.pem
tls_version tlsv1.2
"""


def conf(*, listeners: Sequence[str], tls: str | None, seen: Path, data: Path, open_to_all: bool = False) -> str:
    """Return ``mosquitto.conf``.

    Args:
        listeners: what the plain ``listener`` lines say: port, and address where it isn't all of them.
        tls: the same for the one with TLS; None: there is none.
        seen: the folder of the files, as the broker sees it.
        data: where the broker keeps its store.
        open_to_all: no password is required: a test's broker, on loopback.
    """
    text = "".join(f"listener {one}\n" for one in listeners)
    if tls is not None:
        text += _TLS.format(listener=tls, seen=seen)
    if open_to_all:
        text += "allow_anonymous true\n"
    else:
        text += f"allow_anonymous false\npassword_file {seen}/{PASSWORDS}\nacl_file {seen}/{ACL}\n"
    return f"{text}persistence_location {data}/\n{_COMMON}"


def acl(logins: Iterable[Login], *, simulator: bool = False) -> str:
    """Return who may do what: a device says its own topics and hears its own commands, only the gateway commands.

    The gateway may write to locks alone: to a bridge's own topics it has nothing to say.

    ``simulator``: with the user that speaks and hears for all devices.
    """
    logins = tuple(logins)
    heard = dict.fromkeys(topic for login in logins for topic in login.hears)
    commanded = dict.fromkeys(topic for login in logins if login.opens for topic in login.hears)
    users: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = [(PROCESS, tuple(commanded), ("#",))]
    users += [(login.user, login.says, login.hears) for login in logins]
    if simulator:
        users.append((SIMULATOR, tuple(dict.fromkeys(topic for login in logins for topic in login.says)), tuple(heard)))
    return "\n".join(
        "".join(
            (
                f"user {user}\n",
                *(f"topic write {topic}\n" for topic in says),
                *(f"topic read {topic}\n" for topic in hears),
            )
        )
        for user, says, hears in users
    )


def password_lines(passwords: Mapping[str, str], before: str = "") -> str:
    """Return Mosquitto's password file: salted PBKDF2 with SHA-512. A line of ``before`` that still holds is kept."""
    old = dict(line.split(":", 1) for line in before.splitlines() if ":" in line)
    return "".join(
        f"{user}:{old[user] if _holds(old.get(user, ''), password) else password_hash(password)}\n"
        for user, password in passwords.items()
    )


def _holds(line: str, password: str) -> bool:
    parts = line.split("$")
    try:
        return len(parts) == 5 and password_hash(password, base64.b64decode(parts[3], validate=True)) == line
    except ValueError:
        return False


def write_if_changed(path: Path, text: str, *, give: Callable[[Path], None] = lambda _path: None) -> bool:
    """Write a file in one step, readable by its owner only; False: it holds this text already."""
    try:
        if path.read_text(encoding="utf-8") == text:
            return False
    except (OSError, ValueError):
        pass
    write_file(path.parent, path.name, text, give)
    return True


def write_users(
    directory: Path,
    logins: Iterable[Login],
    passwords: Mapping[str, str],
    *,
    simulator: bool = False,
    give: Callable[[Path], None] = lambda _path: None,
) -> bool:
    """Write the rights and the passwords, which a running broker reads again at SIGHUP; False: nothing has changed."""
    path = directory / PASSWORDS
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    changed = write_if_changed(directory / ACL, acl(logins, simulator=simulator), give=give)
    return write_if_changed(path, password_lines(passwords, before), give=give) or changed
