"""A gateway's own secret at rest: plain, or sealed by a passphrase asked at boot or by the machine's TPM.

What is sealed is ``sealing.key`` of the identity, without which nothing opens the place's key for cards that the
configuration on the disk holds. Sealed, the file holds a JSON object; plain, the key in base64.
"""

from __future__ import annotations

import base64
import binascii
import getpass
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from gateway.errors import GatewayError

CREDENTIAL: Final = "maillage-passphrase"
"""The name of systemd's credential that holds the passphrase (``LoadCredential=``)."""
_COST: Final = 1 << 16
"""scrypt's N: 64 MiB and a quarter of a second, once at a start."""
_NONCE: Final = 12
_WITHIN_S: Final = 60


class SealingError(GatewayError):
    """A secret that can't be sealed or opened; the text says what to do. It never quotes the secret."""


class Seal(Protocol):
    """Seals a secret so that the disk alone doesn't open it."""

    name: str
    """As the sealed file says it."""

    def seal(self, secret: bytes) -> dict[str, Any]:
        """Return what the file is to hold.

        Raises:
            SealingError: it can't be sealed here.
        """

    def unseal(self, sealed: dict[str, Any]) -> bytes:
        """Return the secret.

        Raises:
            SealingError: this machine, or this passphrase, doesn't open it.
        """


class PassphraseSeal:
    """Seals by a passphrase: scrypt and ChaCha20-Poly1305."""

    name = "passphrase"

    def __init__(self, passphrase: Callable[[], str]) -> None:
        """``passphrase`` is called when it is needed."""
        self._passphrase = passphrase

    def seal(self, secret: bytes) -> dict[str, Any]:
        """Seal with a new salt."""
        salt, nonce = secrets.token_bytes(16), secrets.token_bytes(_NONCE)
        text = self._cipher(salt, _COST).encrypt(nonce, secret, None)
        return {"n": _COST, "salt": _text(salt), "text": _text(nonce + text)}

    def unseal(self, sealed: dict[str, Any]) -> bytes:
        """Open with the passphrase."""
        text = base64.b64decode(sealed["text"])
        cipher = self._cipher(base64.b64decode(sealed["salt"]), min(int(sealed["n"]), 1 << 20))
        try:
            return cipher.decrypt(text[:_NONCE], text[_NONCE:], None)
        except InvalidTag:
            raise SealingError("this passphrase doesn't open the gateway's key") from None

    def _cipher(self, salt: bytes, cost: int) -> ChaCha20Poly1305:
        passphrase = self._passphrase().encode()
        return ChaCha20Poly1305(hashlib.scrypt(passphrase, salt=salt, n=cost, r=8, p=1, maxmem=(1 << 31) - 2, dklen=32))


class TpmSeal:
    """Seals by the machine's TPM, through ``systemd-creds`` (systemd 250 or later)."""

    name = "tpm"

    def __init__(self, *, key: str = "tpm2") -> None:
        """``key``: as ``systemd-creds --with-key``."""
        self._key = key

    def seal(self, secret: bytes) -> dict[str, Any]:
        """Seal for this machine."""
        return {"text": _systemd_creds("encrypt", secret, f"--with-key={self._key}").decode("ascii").strip()}

    def unseal(self, sealed: dict[str, Any]) -> bytes:
        """Open on this machine."""
        return _systemd_creds("decrypt", str(sealed["text"]).encode("ascii"))


def write_secret(secret: bytes, seal: Seal | None) -> bytes:
    """Return what a file with ``secret`` holds; ``seal``: None for a plain one.

    Raises:
        SealingError: it can't be sealed here.
    """
    if seal is None:
        return base64.b64encode(secret) + b"\n"
    return json.dumps({"sealed_by": seal.name, **seal.seal(secret)}, indent=1).encode() + b"\n"


def read_secret(content: bytes, passphrase: Callable[[], str]) -> bytes:
    """Return the secret that a file's ``content`` holds, plain or sealed.

    Raises:
        SealingError: it can't be opened, or is neither.
    """
    try:
        if not content.lstrip().startswith(b"{"):
            return base64.b64decode(content.strip(), validate=True)
        sealed = json.loads(content)
        known: dict[str, Seal] = {one.name: one for one in (PassphraseSeal(passphrase), TpmSeal())}
        return known[sealed["sealed_by"]].unseal(sealed)
    except (binascii.Error, KeyError, TypeError, ValueError) as error:
        raise SealingError(f"neither a key nor a sealed one ({type(error).__name__})") from None


def passphrase_from(file: Path | None) -> str:
    """Return the passphrase: of ``file``, of systemd's credential, or typed where there is a terminal.

    Raises:
        SealingError: there is none.
    """
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    given = file or (Path(credentials) / CREDENTIAL if credentials else None)
    if given is not None and (file is not None or given.exists()):
        try:
            return given.read_text(encoding="utf-8").rstrip("\r\n")
        except OSError as error:
            raise SealingError(f"the passphrase in {given} can't be read: {error.strerror}") from error
    if sys.stdin.isatty():
        return getpass.getpass("Passphrase of this gateway: ")
    raise SealingError(
        "the gateway's key is sealed by a passphrase: set MAILLAGE_PASSPHRASE_FILE, or LoadCredential="
        f"{CREDENTIAL}:… in its unit, or start it at a terminal"
    )


def _systemd_creds(what: str, given: bytes, *options: str) -> bytes:
    program = shutil.which("systemd-creds")
    if program is None:
        raise SealingError("systemd-creds isn't installed here: it speaks to the TPM (systemd 250 or later)")
    words = [program, what, "--name=maillage-sealing-key", *options, "-", "-"]
    try:
        done = subprocess.run(words, input=given, capture_output=True, timeout=_WITHIN_S, check=False)
    except subprocess.TimeoutExpired:
        raise SealingError(f"systemd-creds {what} didn't answer within {_WITHIN_S} s") from None
    if done.returncode:
        said = " ".join(done.stderr.decode("utf-8", "replace").split())[:300]
        raise SealingError(f"systemd-creds {what} failed: {said}")
    return done.stdout


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")
