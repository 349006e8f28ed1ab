"""The configurations on a gateway's disk: the one in force and the last that ran, each as the centre signed it.

One small file for each gateway, replaced in one step. Its secrets are sealed; who reads the file learns the place's
doors and devices, not its keys.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from gateway.contract.configuration import SignedConfiguration

log = logging.getLogger(__name__)

_LARGEST: Final = 16 * 1024 * 1024


class Kept(BaseModel):
    """What the disk holds for one gateway."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    current: SignedConfiguration | None = None
    ran: bool = False
    """Whether the process has run with it for a while."""
    starts: int = 0
    """How often the process was started with it before it had run for a while."""
    last_good: SignedConfiguration | None = None
    """The last one before it with which the process had run."""
    given_up: str | None = None
    """Why a newer one than ``current`` isn't used."""
    given_up_version: int | None = None
    """That one's version."""
    links: tuple[SignedConfiguration, ...] = ()
    """Earlier ones that name the keys which signed later ones: from the identity's keys to those of today."""


class ConfigurationStore:
    """The files in one folder."""

    def __init__(self, directory: Path) -> None:
        self.trouble: str | None = None
        """Why the disk refused the last write."""
        self._directory = directory

    def load(self, gateway: str) -> Kept:
        """Return what is kept for ``gateway``; nothing where there is no file, or where it can't be read."""
        path = self._path(gateway)
        try:
            with path.open("rb") as file:
                text = file.read(_LARGEST)
        except FileNotFoundError:
            return Kept()
        except OSError as error:
            log.error("configuration_unreadable", extra={"gateway": gateway, "reason": str(error)})
            return Kept()
        try:
            return Kept.model_validate_json(text)
        except ValidationError:
            aside = path.with_suffix(".broken")
            log.error("configuration_unreadable", extra={"gateway": gateway, "reason": f"set aside as {aside.name}"})
            try:
                path.replace(aside)
            except OSError:  # it is replaced by the next one
                pass
            return Kept()

    def save(self, gateway: str, kept: Kept) -> bool:
        """Write ``kept``; return whether it is on the disk."""
        path = self._path(gateway)
        partial = path.with_suffix(".part")
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(kept.model_dump_json(exclude_defaults=True).encode())
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
            folder = os.open(self._directory, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            self.trouble = str(error)
            log.error("configuration_not_kept", extra={"gateway": gateway, "reason": str(error)})
            return False
        self.trouble = None
        return True

    def _path(self, gateway: str) -> Path:
        return self._directory / f"{gateway}.json"
