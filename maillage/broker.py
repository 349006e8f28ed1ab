"""The central Mosquitto's configuration, users and rights: the same for the embedded one and for an operator's own."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from gateway.config import GatewayConfig
from rights.authority import RESERVED

_PROCESSES: Final = """\
user ingest
topic read maillage/v1/+/+/+/events
topic read maillage/v1/+/+/+/state
topic write maillage/v1/+/+/+/committed

user rights
topic read maillage/v1/+/+/+/state
topic read maillage/v1/+/+/+/reply
topic write maillage/v1/+/+/+/list
topic write maillage/v1/+/+/+/command
topic write maillage/v1/+/+/+/config
topic read maillage/v1/+/+/+/request
topic write maillage/v1/+/+/+/certificate
"""
_GATEWAY: Final = """
user {user}
topic write maillage/v1/{where}/{user}/events
topic write maillage/v1/{where}/{user}/state
topic write maillage/v1/{where}/{user}/reply
topic read maillage/v1/{where}/{user}/committed
topic read maillage/v1/{where}/{user}/list
topic read maillage/v1/{where}/{user}/command
topic read maillage/v1/{where}/{user}/config
topic write maillage/v1/{where}/{user}/request
topic read maillage/v1/{where}/{user}/certificate
"""
_CODE: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_PLACES: Final = re.compile(r"[0-9]{2}/[a-z0-9][a-z0-9._-]{0,63}")

_CONF: Final = """\
listener {listener}
max_packet_size 1048576
max_keepalive 300
set_tcp_nodelay true
log_dest stderr
log_type error
log_type warning
log_type notice
log_type information
log_timestamp_format %Y-%m-%dT%H:%M:%S
"""

_CENTRAL: Final = """\
allow_anonymous false
password_file {directory}/passwords
acl_file {directory}/acl
persistence false
max_inflight_messages 100
max_queued_messages 1000
max_queued_bytes 16777216
"""
"""No persistence: the spools are the truth until the database says "committed"."""


def acl(users: Iterable[str], where: Mapping[str, str]) -> str:
    """Return who may do what on the central broker: each gateway at its own address only.

    The rights process and the ingest check the address again.

    Args:
        users: all user names; a gateway's is its code.
        where: shard and place of each gateway, like ``07/gare-de-l-est``. One that stands in none may speak as any
            place's: a test's.

    Raises:
        ValueError: a name that would widen the rights.
    """
    lines = [_PROCESSES]
    for user in users:
        if user in ("ingest", "rights"):
            continue
        place = where.get(user, "+/+")
        if user in RESERVED or not _CODE.fullmatch(user) or not (place == "+/+" or _PLACES.fullmatch(place)):
            raise ValueError(f"{user!r} at {place!r} is no gateway's address")
        lines.append(_GATEWAY.format(user=user, where=place))
    return "".join(lines)


def where_of(gateways: Sequence[GatewayConfig]) -> dict[str, str]:
    """Shard and place of each gateway, as ``acl`` takes them."""
    return {one.gateway: f"{one.shard:02d}/{one.place}" for one in gateways}


def password_hash(password: str, salt: bytes | None = None) -> str:
    """Return ``password`` as Mosquitto 2's password file wants it: PBKDF2 with SHA-512, by a new salt if not given."""
    rounds, salt = 101, salt or secrets.token_bytes(12)  # Mosquitto's own number; our passwords are random
    digest = hashlib.pbkdf2_hmac("sha512", password.encode("utf-8"), salt, rounds)
    return f"$7${rounds}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def write_central(
    directory: Path,
    *,
    users: Mapping[str, str],
    where: Mapping[str, str],
    listener: str,
    seen: Path | None = None,
    give: Callable[[Path], None] = lambda _path: None,
) -> None:
    """Write the central broker's ``mosquitto.conf``, ``acl`` and ``passwords``.

    Args:
        directory: where to.
        seen: that directory as the broker sees it, where that is another path.
        users: name → password.
        where: shard and place of each gateway (``acl``).
        listener: the ``listener`` line: port, and address where it isn't all of them.
        give: is called with the directory, and each file before it takes its name, to hand them to the broker's user.
    """
    write_users(directory, users, where=where, give=give)
    text = _CONF.format(listener=listener) + _CENTRAL.format(directory=seen or directory)
    write_file(directory, "mosquitto.conf", text, give)
    give(directory)


def write_users(
    directory: Path,
    users: Mapping[str, str],
    *,
    where: Mapping[str, str],
    give: Callable[[Path], None] = lambda _path: None,
) -> None:
    """Write the users (name → password) and their rights; a running broker reads both again at SIGHUP."""
    write_file(directory, "acl", acl(users, where), give)
    lines = "".join(f"{name}:{password_hash(secret)}\n" for name, secret in users.items())
    write_file(directory, "passwords", lines, give)


def write_file(directory: Path, name: str, text: str, give: Callable[[Path], None]) -> None:
    """Write a file in one step, readable by its owner only; ``give`` hands it to the broker's user before."""
    directory.mkdir(parents=True, exist_ok=True)
    partial = directory / f".{name}.part"
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    give(partial)
    partial.replace(directory / name)
