"""Makes and changes the folder of the network's certificate authority, and the certificates of its processes.

The rights process reads the folder (``rights.authority``); only these functions write it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509

from maillage.complaint import Complaint
from rights.authority import (
    CERTIFICATES,
    KEY,
    KEY_BEFORE,
    PROCESS_LIFE,
    PROCESSES,
    as_pem,
    certify_process,
    certify_server,
    key_pem,
    load,
    new_signer,
)

PROCESS_NAMES: Final = ("ingest", "rights")
"""The processes that connect to the broker; each name is a user there."""


def create(directory: Path, now: datetime) -> None:
    """Make an authority for gateways and the broker in ``directory``, and one for processes below it.

    Raises:
        Complaint: there is one already.
    """
    if (directory / CERTIFICATES).exists() or (directory / KEY).exists():
        raise Complaint(f"{directory} holds an authority already. `maillage authority renew` changes its key.")
    for folder, name in ((directory / PROCESSES, "Maillage processes"), (directory, "Maillage gateways")):
        signer = new_signer(name, now)
        _write(folder, {KEY: key_pem(signer.key), CERTIFICATES: as_pem(signer.certificate).encode()})


def renew(directory: Path, now: datetime) -> None:
    """Begin to change the keys: new ones sign from now on, and those before are still believed, until ``finish``.

    Raises:
        Complaint: a change is under way.
    """
    for folder, name in ((directory, "Maillage gateways"), (directory / PROCESSES, "Maillage processes")):
        before = load(folder)
        if len(before.signers) > 1:
            raise Complaint(f"{folder} is being changed already: `maillage authority finish` ends that.")
        signer = new_signer(name, now)
        # in this order a reader never finds a certificate without its key for long, and no key is lost
        _write(folder, {KEY_BEFORE: key_pem(before.present.key)})
        _write(folder, {KEY: key_pem(signer.key)})
        _write(folder, {CERTIFICATES: (as_pem(signer.certificate) + before.pem()).encode()})


def finish(directory: Path) -> None:
    """End a change: the keys before are no longer believed, and go.

    Raises:
        Complaint: no change is under way.
    """
    for folder in (directory, directory / PROCESSES):
        found = load(folder)
        if len(found.signers) < 2:
            raise Complaint(f"{folder}: no change is under way.")
        _write(folder, {CERTIFICATES: as_pem(found.present.certificate).encode()})
        (folder / KEY_BEFORE).unlink(missing_ok=True)


def issue_process(directory: Path, name: str, out: Path, *, now: datetime, life: timedelta = PROCESS_LIFE) -> datetime:
    """Write what a process connects with into the folder ``out`` (``MAILLAGE_MQTT_TLS``); return when it expires.

    Raises:
        Complaint: there is no process of this name.
    """
    if name not in PROCESS_NAMES:
        raise Complaint(f"no process is called {name!r}: choose {' or '.join(PROCESS_NAMES)}.")
    issued, key = certify_process(load(directory / PROCESSES), name, now=now, life=life)
    _write(
        out,
        {"key.pem": key, "certificate.pem": issued.pem.encode(), "authority.pem": load(directory).pem().encode()},
    )
    return issued.not_after


def issue_server(
    directory: Path, names: Iterable[str], out: Path, *, now: datetime, life: timedelta = PROCESS_LIFE
) -> datetime:
    """Write the broker's certificate and key for ``names`` (host names, addresses) into ``out``; return its end."""
    issued, key = certify_server(load(directory), [_general(name) for name in names], now=now, life=life)
    _write(out, {"key.pem": key, "certificate.pem": issued.pem.encode()})
    return issued.not_after


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write(directory: Path, files: Mapping[str, bytes]) -> None:
    """Write ``files``, each in one step, for their owner only."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, content in files.items():
        partial = directory / f".{name}.part"
        partial.unlink(missing_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(directory / name)
