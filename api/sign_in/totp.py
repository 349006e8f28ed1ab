"""Time-based one-time codes (RFC 6238): six digits, new ones every 30 seconds; and recovery codes. No clock in here."""

from __future__ import annotations

import base64
import hmac
import secrets
import struct
from hashlib import sha256
from typing import Final
from urllib.parse import quote, urlencode

STEP_S: Final = 30
_DRIFT: Final = 1
"""Steps that the clock of the phone may be off, and that a person takes to type."""
_SECRET_BYTES: Final = 20
_RECOVERY_CODES: Final = 10
_RECOVERY_BYTES: Final = 10


def new_secret() -> bytes:
    """Return a new secret of 160 bits, as RFC 4226 recommends."""
    return secrets.token_bytes(_SECRET_BYTES)


def written(secret: bytes) -> str:
    """Return a secret as people type it: base32, without padding."""
    return base64.b32encode(secret).decode().rstrip("=")


def address_of(secret: bytes, account: str) -> str:
    """Return what an authenticator reads from a QR code (the Key URI format)."""
    more = urlencode({"secret": written(secret), "issuer": "Maillage"})
    return f"otpauth://totp/Maillage:{quote(account, safe='@')}?{more}"


def code_at(secret: bytes, step: int, digits: int = 6) -> str:
    """Return the code of a step (seconds since 1970, divided by ``STEP_S``)."""
    mac = hmac.digest(secret, struct.pack(">Q", step), "sha1")
    start = mac[-1] & 0xF
    number = struct.unpack(">I", mac[start : start + 4])[0] & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


def step_of(secret: bytes, code: str, now_s: float) -> int | None:
    """Return the step whose code this is, now or just before or after; None: it is none."""
    given = code.encode()
    here = int(now_s) // STEP_S
    for step in range(here - _DRIFT, here + _DRIFT + 1):
        if hmac.compare_digest(code_at(secret, step).encode(), given):
            return step
    return None


def new_recovery_codes() -> list[str]:
    """Return new recovery codes: each has 80 random bits, and signs in once where the authenticator is lost."""
    texts = [base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode().lower() for _ in range(_RECOVERY_CODES)]
    return ["-".join(text[at : at + 4] for at in range(0, len(text), 4)) for text in texts]


def recovery_digest(code: str) -> bytes:
    """Return what a recovery code is stored as, however it was typed: a slow hash would add nothing to 80 bits."""
    return sha256("".join(one for one in code.lower() if one.isalnum()).encode()).digest()
