"""The invitation of an administrator: whose it is, and accepting it, once (migration 0128)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from fastapi import Request

from api.http.public_rows import public_rows
from api.http.state import shared

_FIND: Final = "SELECT email FROM invitation_find(%s)"
_ACCEPT: Final = "SELECT invitation_accept(%s, %s, %s, %s) AS done"


class AddressTaken(Exception):
    """An operator has this address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """One that is good."""

    email: str | None
    """Whose it is, where that is known."""


async def find(request: Request, token: str) -> Invitation | None:
    """Return the invitation with ``token``; None: it is unknown, used, or older than a day.

    Raises:
        Unavailable: the database is down or too busy.
    """
    found = await public_rows(shared(request).pool, _FIND, (_digest(token),))
    return Invitation(email=found[0]["email"]) if found else None


async def accept(request: Request, token: str, name: str, email: str) -> str | None:
    """Make the operator; return the token of a ticket of theirs. None: the invitation isn't good (any more).

    Raises:
        AddressTaken: another operator has the address; the invitation is still good.
        Unavailable: the database is down or too busy.
    """
    ticket = secrets.token_urlsafe(32)
    done = (await public_rows(shared(request).pool, _ACCEPT, (_digest(token), name, email, _digest(ticket))))[0]["done"]
    if done is None:
        raise AddressTaken
    return ticket if done else None


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()
