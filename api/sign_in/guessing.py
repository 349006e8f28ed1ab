"""Signing in with a password, and the second factor of a ticket: each try is counted before it is checked.

Who is tried is counted under a digest of what was typed, whether it is known here or not. Nobody is shut out by it: the
link by mail and passkeys go on (migration 0127).
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Final

from fastapi import Request

from api.http.clients import client_of
from api.http.public_rows import public_rows
from api.http.state import shared
from api.sign_in import passwords, totp
from api.sign_in.factors import open_secret

# An address as the database compares it: other capitals make no other address, and no more tries.
_SAME: Final = "SELECT lower(%s) AS address"
_TRY: Final = "SELECT sign_in_try(%s, %s, %s, %s, %s) AS may"
_WELL: Final = "SELECT sign_in_tried_well(%s, %s)"
_FIND: Final = "SELECT id, hash FROM password_find(%s)"
_USED: Final = "SELECT password_used(%s, %s, %s) AS more"
_FACTOR: Final = "SELECT ref, sealed FROM factor_find(%s)"
_CODE: Final = "SELECT factor_used(%s, %s, %s) AS good"


class TriedTooOften(Exception):
    """Too many tries at this person, or from this client at them."""


class WrongGuess(Exception):
    """The password or the code isn't right, or counts no more; ``ended``: the ticket isn't good either."""

    def __init__(self, *, ended: bool = False) -> None:
        super().__init__("wrong")
        self.ended = ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """The token of who gave the right password."""

    token: str
    needs_factor: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limit:
    of_pair: int
    of_all: int
    span: timedelta


_PASSWORDS: Final = _Limit(of_pair=10, of_all=50, span=timedelta(hours=1))
_CODES: Final = _Limit(of_pair=5, of_all=20, span=timedelta(days=1))
"""Of a million codes three are right at a time; to guess, one must know the password already."""


async def by_password(request: Request, address: str, password: str) -> Ticket:
    """Return the ticket of the person with this address and password.

    Raises:
        TriedTooOften, WrongGuess: the same for an address that is known and one that isn't.
        Unavailable: the database is down or too busy, or too many passwords are being checked.
    """
    pool = shared(request).pool
    same = str((await public_rows(pool, _SAME, (address,)))[0]["address"])
    who = _digest("address", same)
    pair = _digest("client", same, client_of(request.client.host if request.client else ""))
    await _count(request, who, pair, _PASSWORDS)
    found = await public_rows(pool, _FIND, (address,))
    if not await passwords.verified(password, found[0]["hash"] if found else None):
        raise WrongGuess
    token = secrets.token_urlsafe(32)
    more = (await public_rows(pool, _USED, (found[0]["id"], found[0]["hash"], _of_token(token))))[0]["more"]
    if more is None:
        raise WrongGuess
    await public_rows(pool, _WELL, (who, pair))
    return Ticket(token=token, needs_factor=more)


async def needs_factor(request: Request, token: str) -> bool:
    """Whether a ticket waits for a code.

    Raises:
        Unavailable: the database is down or too busy.
    """
    return bool(await public_rows(shared(request).pool, _FACTOR, (_of_token(token),)))


async def show_factor(request: Request, token: str, code: str) -> None:
    """Make a ticket good by a code of the authenticator or a recovery code; each counts once.

    Raises:
        TriedTooOften, WrongGuess: it doesn't.
        Unavailable: the database is down or too busy.
    """
    pool, ticket = shared(request).pool, _of_token(token)
    found = await public_rows(pool, _FACTOR, (ticket,))
    if not found:
        raise WrongGuess(ended=True)
    ref = found[0]["ref"]
    await _count(request, _digest("factor", ref), _digest("ticket", token), _CODES)
    given = "".join(code.split())
    secret = open_secret(request, ref, bytes(found[0]["sealed"]))
    step = totp.step_of(secret, given, time.time()) if len(given) == 6 else None
    recovery = totp.recovery_digest(given) if step is None else None
    if not (await public_rows(pool, _CODE, (ticket, step, recovery)))[0]["good"]:
        raise WrongGuess
    await public_rows(pool, _WELL, (_digest("factor", ref), _digest("ticket", token)))


async def _count(request: Request, who: bytes, pair: bytes, limit: _Limit) -> None:
    values = (who, pair, limit.of_pair, limit.of_all, limit.span)
    if not (await public_rows(shared(request).pool, _TRY, values))[0]["may"]:
        raise TriedTooOften


def _digest(*parts: str) -> bytes:
    return sha256("\0".join(parts).encode()).digest()


def _of_token(token: str) -> bytes:
    return sha256(token.encode()).digest()
