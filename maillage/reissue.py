"""Makes the certificates of processes and broker again before they end, in the folder that `maillage init` made."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509

from maillage.authority import PROCESS_NAMES, issue_process, issue_server
from maillage.central.files import SERVER
from maillage.complaint import Complaint
from rights.authority import PROCESSES, load

BEFORE: Final = timedelta(days=90)
"""So long before its end a certificate is made again: `SOON` before it there is an alarm."""
CERTIFICATE: Final = "certificate.pem"
BROKER: Final = "broker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A certificate of a process or of the broker."""

    whose: str
    folder: Path
    until: datetime
    names: tuple[str, ...]
    """Of the broker: how it is reached."""
    issuer: x509.Name


def held(network: Path) -> list[Held]:
    """Return the certificates in the folder of `maillage init`: the processes' first.

    Raises:
        Complaint: one can't be read.
        OSError: likewise, for another reason.
    """
    folders = [(name, network / name) for name in PROCESS_NAMES] + [(BROKER, network / BROKER / SERVER)]
    try:
        return [_held(name, folder) for name, folder in folders if folder.exists()]
    except PermissionError as error:
        raise Complaint(f"{error.filename}: {error.strerror}: run this as root.") from error


def reissue(network: Path, now: datetime, *, every: bool = False) -> list[Held]:
    """Make those again that end within ``BEFORE``, or that belong to keys of the authority before its present ones.

    The processes take theirs at their next connection, the broker when it is sent SIGHUP (`reload`). Nothing is
    interrupted: those before are good until they end.

    Args:
        network: the folder of `maillage init`; its subfolder ``authority`` signs.
        now: aware.
        every: all of them.

    Raises:
        Complaint, AuthorityError, OSError: they can't be read or written.
    """
    authority = network / "authority"
    gateways, processes = load(authority), load(authority / PROCESSES)

    def is_due(one: Held) -> bool:
        signs = gateways if one.whose == BROKER else processes
        return (
            one.until - now < BEFORE
            or one.issuer != signs.present.certificate.subject
            or (one.whose != BROKER and _believed(one.folder) != gateways.pem())
        )

    due = [one for one in held(network) if every or is_due(one)]
    for one in due:
        if one.whose == BROKER:
            issue_server(authority, one.names, one.folder, now=now)
        else:
            issue_process(authority, one.whose, one.folder, now=now)
        _give_back(one.folder)
    return due


def reload(network: Path) -> bool:
    """Let the broker that runs by this folder read its files again; return whether one does.

    Raises:
        PermissionError: it is another user's.
    """
    try:
        os.kill(int((network / BROKER / "mosquitto.pid").read_text(encoding="ascii")), signal.SIGHUP)
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return False
    return True


def _held(whose: str, folder: Path) -> Held:
    try:
        one = x509.load_pem_x509_certificate((folder / CERTIFICATE).read_bytes())
    except FileNotFoundError as error:
        raise Complaint(f"there is no {error.filename}: `maillage init` makes what is missing") from error
    except ValueError as error:
        raise Complaint(f"{folder / CERTIFICATE} is no certificate: `maillage authority issue {whose}`") from error
    return Held(whose=whose, folder=folder, until=one.not_valid_after_utc, names=_names(one), issuer=one.issuer)


def _believed(folder: Path) -> str:
    """Return whom a process believes as the broker."""
    path = folder / "authority.pem"
    return path.read_text(encoding="ascii") if path.exists() else ""


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found: Sequence[x509.GeneralName] = tuple(
            certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        )
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(one.value) for one in found)


def _give_back(folder: Path) -> None:
    """As root, hand new files to whose folder it is."""
    if os.geteuid() == 0:
        owner = folder.stat()
        for path in folder.iterdir():
            shutil.chown(path, owner.st_uid, owner.st_gid)
