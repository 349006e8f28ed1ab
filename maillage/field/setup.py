"""Sets a place's broker up: finds its users, keeps or makes their passwords, writes its files."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.config import GatewayConfig
from maillage.field.certificate import ensure_certificate
from maillage.field.files import CONF, conf, write_if_changed, write_users
from maillage.field.logins import PROCESS, SIMULATOR, FieldError, Login, Logins, logins_of
from maillage.field.passwords import passwords_for, read_passwords, write_passwords

_BROKER: Final = "mosquitto"
"""The user that the distributions' Mosquitto runs as."""
_OURS: Final = "# Written by `maillage gateway field`: it overwrites what is changed here.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Where the broker's files lie, and where it listens."""

    out: Path
    """The folder of ``mosquitto.conf``, ``acl``, ``passwords`` and the certificate."""
    seen: Path
    """The same folder as the broker sees it: another path where it runs in a container."""
    data: Path
    """Where the broker keeps its messages, as it sees it."""
    store: Path
    """The file of the passwords."""
    listen: str | None
    """The machine's address in the place's network; None: the broker listens on every address."""
    port: int
    tls_port: int | None
    simulator: bool
    """With the user that speaks for all devices: a demonstration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was found, and what the broker must do about it."""

    found: Logins
    passwords: dict[str, str]
    restart: bool
    """Its listeners or its certificate changed: reading its users again isn't enough."""
    reload: bool
    """Its users or their rights changed."""
    own_login: bool
    """The gateway's own password is new: its process must start again."""


def set_up(gateways: Iterable[GatewayConfig], setup: Setup, *, rotate: Sequence[str] = ()) -> Outcome:
    """Write the broker's files for the devices of ``gateways``.

    Args:
        gateways: those that use this broker.
        setup: where everything goes.
        rotate: codes of devices (or ``gateway``) that get a new password.

    Raises:
        FieldError: the devices' topics can't be told apart, a code of ``rotate`` is unknown, a file can't be written.
    """
    found = logins_of(gateways)
    kept = read_passwords(setup.store)
    users = [PROCESS, *([SIMULATOR] if setup.simulator else []), *(login.user for login in found.all)]
    passwords = passwords_for(users, kept, rotate=[user for code in rotate for user in _users(found.all, code)])
    try:
        if passwords != kept:
            write_passwords(setup.store, passwords)
        made = setup.tls_port is not None and ensure_certificate(setup.out, setup.listen or address(), give=_give)
        text = _OURS + conf(
            listeners=_plain(setup, found.all),
            tls=None if setup.tls_port is None else _at(setup.tls_port, setup.listen),
            seen=setup.seen,
            data=setup.data,
        )
        _keep_foreign(setup.out / CONF)
        written = write_if_changed(setup.out / CONF, text, give=_give)
        changed = write_users(setup.out, found.all, passwords, simulator=setup.simulator, give=_give)
    except PermissionError as error:
        raise FieldError(
            f"{error.filename} may not be written: run the command as root, or name another folder."
        ) from error
    return Outcome(
        found=found,
        passwords=passwords,
        restart=made or written,
        reload=changed,
        own_login=kept.get(PROCESS) != passwords[PROCESS],
    )


def login_of(found: Logins, code: str) -> Login:
    """Return the login of the device ``code``, or of the bridge that speaks for it.

    Raises:
        FieldError: there is none.
    """
    for login in found.all:
        if code in login.devices or code == login.user:
            return login
    raise FieldError(f"no device {code} has a login here. Without --board all are printed.")


def address() -> str | None:
    """Return the address of this machine in the network that leads out; no packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        return str(probe.getsockname()[0])


def _users(every: Sequence[Login], code: str) -> tuple[str, ...]:
    if code == PROCESS:
        return (PROCESS,)
    found = tuple(login.user for login in every if code in login.devices or code == login.user)
    if not found:
        raise FieldError(f"no device {code} has a login here; nothing was changed.")
    return found


def _plain(setup: Setup, every: Sequence[Login]) -> tuple[str, ...]:
    """Return the listeners without TLS: in the place's network only if a board there can't do better."""
    needed = setup.simulator or setup.tls_port is None or setup.seen != setup.out
    if not needed and all(login.speaks_tls for login in every):
        return (f"{setup.port} 127.0.0.1",)
    if setup.listen is None:
        return (f"{setup.port}",)
    return (f"{setup.port} {setup.listen}", f"{setup.port} 127.0.0.1")


def _at(port: int, listen: str | None) -> str:
    return f"{port}" if listen is None else f"{port} {listen}"


def _keep_foreign(path: Path) -> None:
    """Keep a copy of a configuration that is not ours."""
    if path.exists() and not path.read_text(encoding="utf-8", errors="replace").startswith(_OURS):
        path.replace(path.with_name(f"{path.name}.before"))


def _give(path: Path) -> None:
    """Let the broker's user read a file that root has written: Mosquitto opens them under that user."""
    if os.geteuid() != 0:
        return
    try:
        broker = pwd.getpwnam(_BROKER)
    except KeyError:
        return
    os.chown(path, broker.pw_uid, broker.pw_gid)
