"""Where the servers' programs are, and how they get there."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from maillage.embedded.process import EmbeddedError
from maillage.paths import runtime_directory

_FETCH: Final = Path(__file__).with_name("fetch-servers")


class BundleError(EmbeddedError):
    """The servers could not be fetched; its output on stderr says why and what to do instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """The unpacked servers."""

    directory: Path

    @property
    def postgres_bin(self) -> Path:
        """The directory of ``postgres``, ``initdb``, ``psql``, ``pg_dump``."""
        return self.directory / "usr/lib/postgresql/17/bin"

    @property
    def mosquitto(self) -> Path:
        """The broker's program."""
        return self.directory / "bin/mosquitto"

    @property
    def zoneinfo(self) -> Path:
        """The time zones, which PostgreSQL looks for beside its data directory (see ``fetch-servers``)."""
        return self.directory / "usr/share/zoneinfo"

    def versions(self) -> dict[str, str]:
        """Return the version of each server by name; empty where nothing is unpacked."""
        try:
            lines = (self.directory / "complete").read_text(encoding="utf-8").splitlines()
        except OSError:
            return {}
        return dict(line.split(maxsplit=1) for line in lines[1:4])


def find() -> Bundle:
    """Return where the servers are, or would be."""
    return Bundle(directory=(runtime_directory() / "servers").resolve())


def fetch() -> Bundle:
    """Return the servers, fetched and unpacked first where they are missing (some 15 s; progress goes to stderr).

    Raises:
        BundleError: they can't be fetched here.
    """
    done = subprocess.run(
        [str(_FETCH), str(runtime_directory() / "servers")], stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False
    )
    if done.returncode != 0:
        raise BundleError("the embedded servers could not be fetched; the lines above say why and what to do instead.")
    return find()
