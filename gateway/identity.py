"""A gateway's identity: a folder with its address, keys and certificate, which ``maillage gateway join`` writes.

The folder holds ``identity.json`` (shard, place, gateway, the broker's and the API's address, the public keys that sign
lists and configurations), ``key.pem`` (the key of its TLS certificate), ``certificate.pem``, ``authority.pem`` (the
network's certificate authority) and ``sealing.key`` (X25519, opens what the centre seals for it). Both private keys are
made on the gateway and never leave it. A folder whose subfolders are identities holds the gateways of one process.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from gateway.contract.wire import Address, Code
from gateway.errors import GatewayError
from gateway.sealing import Seal, SealingError, passphrase_from, read_secret, write_secret

DESCRIPTION: Final = "identity.json"
KEY: Final = "key.pem"
CERTIFICATE: Final = "certificate.pem"
AUTHORITY: Final = "authority.pem"
SEALING_KEY: Final = "sealing.key"
FILES: Final = (DESCRIPTION, KEY, CERTIFICATE, AUTHORITY, SEALING_KEY)


class IdentityError(GatewayError):
    """An identity that can't be used or written; the text says which file, and what to do."""


class Identity(BaseModel):
    """Which gateway this is, and where it connects."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    directory: Path = Field(exclude=True)
    """Where its files are."""
    shard: int = Field(ge=0, le=63)
    place: Code
    gateway: Code
    broker: str = Field(pattern=r"^mqtts?://")
    """The central broker: ``mqtts://host:port``."""
    api: str = Field(pattern=r"^https?://")
    """The API that it joined at."""
    list_keys: tuple[str, ...] = Field(min_length=1, max_length=2)
    """Ed25519 public keys (base64, 32 bytes) that sign lists, orders and configurations; two while the key changes."""

    renewed_at: int = 0
    """When the centre signed the last certificate that was taken over the connection, µs since 1970."""

    @field_validator("list_keys")
    @classmethod
    def _are_keys(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            _thirty_two_bytes(value)
        return values

    @property
    def address(self) -> Address:
        """The gateway's place in the topic tree."""
        return Address(shard=self.shard, place=self.place, gateway=self.gateway)

    @property
    def key(self) -> Path:
        """The private key of the TLS certificate (PEM)."""
        return self.directory / KEY

    @property
    def certificate(self) -> Path:
        """The TLS certificate (PEM)."""
        return self.directory / CERTIFICATE

    @property
    def authority(self) -> Path:
        """The certificates of the network's authority (PEM); two while it changes."""
        return self.directory / AUTHORITY

    def sealing_key(self, passphrase_file: Path | None = None) -> bytes:
        """Return the private key (X25519) that opens what the centre seals for this gateway.

        Args:
            passphrase_file: where the file is sealed by a passphrase (``gateway.sealing``): what holds that.

        Raises:
            IdentityError: it can't be read.
        """
        path = self.directory / SEALING_KEY
        try:
            key = read_secret(path.read_bytes(), lambda: passphrase_from(passphrase_file))
            if len(key) != 32:
                raise SealingError(f"a key has 32 bytes, not {len(key)}")
            return key
        except SealingError as error:
            raise IdentityError(f"{path}: {error}.") from error
        except OSError as error:
            raise IdentityError(f"{path} can't be read: {error}. Join again (maillage gateway join).") from error


def read_identities(path: Path) -> tuple[Identity, ...]:
    """Read the identity in ``path``, or those in its subfolders, sorted by name.

    Raises:
        IdentityError: there is none, a file is missing or doesn't fit, or others may read a private key.
    """
    try:
        found = [path] if (path / DESCRIPTION).is_file() else [one.parent for one in path.glob(f"*/{DESCRIPTION}")]
    except OSError as error:
        raise IdentityError(f"{path} can't be read: {error.strerror}.") from error
    if not found:
        raise IdentityError(f"{path} holds no identity. Make it with `maillage gateway join URL CODE`.")
    return tuple(read_identity(one) for one in sorted(found))


def read_identity(directory: Path) -> Identity:
    """Read the identity in ``directory``.

    Raises:
        IdentityError: a file is missing or doesn't fit, or others may read a private key.
    """
    for name in FILES:
        if not (directory / name).is_file():
            raise IdentityError(f"{directory} lacks {name}. Join again (maillage gateway join).")
    for private in (directory, directory / KEY, directory / SEALING_KEY):
        mode = stat.S_IMODE(private.stat().st_mode)
        if mode & 0o077:
            right = 0o700 if private.is_dir() else 0o600
            raise IdentityError(f"others may read {private} (mode {mode:o}): chmod {right:o} {private}")
    path = directory / DESCRIPTION
    try:
        described = json.loads(path.read_bytes())
        return Identity.model_validate({**described, "directory": directory})
    except OSError as error:
        raise IdentityError(f"{path} can't be read: {error.strerror}.") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise IdentityError(f"{path}: {where}: {first['msg']}") from error
    except (ValueError, TypeError) as error:
        raise IdentityError(f"{path} isn't a JSON object: {error}") from error


def write_identity(identity: Identity, *, key: bytes, certificate: bytes, authority: bytes, sealing_key: bytes) -> None:
    """Write ``identity`` with its keys and certificates into its folder; ``identity.json`` comes last.

    Args:
        identity: names the folder, which is made if need be.
        key: the TLS key (PEM).
        certificate: the TLS certificate (PEM).
        authority: the authority's certificates (PEM).
        sealing_key: 32 bytes.

    Raises:
        IdentityError: the folder can't be written.
    """
    replace_files(
        identity.directory,
        {
            KEY: key,
            CERTIFICATE: certificate,
            AUTHORITY: authority,
            SEALING_KEY: base64.b64encode(sealing_key) + b"\n",
            DESCRIPTION: identity.model_dump_json(indent=1).encode() + b"\n",
        },
    )


def seal_identity(identity: Identity, seal: Seal | None, passphrase_file: Path | None = None) -> None:
    """Seal the identity's key at rest; ``seal``: None to keep it plain again.

    Raises:
        IdentityError: it can't be read or written.
        SealingError: it can't be sealed here.
    """
    key = identity.sealing_key(passphrase_file)
    content = write_secret(key, seal)
    if read_secret(content, lambda: passphrase_from(passphrase_file)) != key:
        raise SealingError("what was sealed can't be opened again; nothing was changed")
    replace_files(identity.directory, {SEALING_KEY: content})


def replace_files(directory: Path, files: Mapping[str, bytes]) -> None:
    """Write ``files`` (name → content) into ``directory``, each in one step, in this order, for its owner only.

    Raises:
        IdentityError: the folder can't be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        directory.chmod(0o700)
        for name, content in files.items():
            partial = directory / f".{name}.part"
            partial.unlink(missing_ok=True)
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(directory / name)
        folder = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise IdentityError(f"{directory} can't be written: {error.strerror}.") from error


def _thirty_two_bytes(text: str) -> bytes:
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("a key isn't base64") from error
    if len(value) != 32:
        raise ValueError(f"a key has 32 bytes, not {len(value)}")
    return value
