"""Links to sign in with: asked for by address, used once, as one of the people or roles that have the address.

These calls come before anybody is known, so that they run without a session: the database's functions decide
(migration 0121).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final
from urllib.parse import quote

from fastapi import Request

from api.http.clients import client_of
from api.http.key_text import digest_of, random_key
from api.http.language import Language
from api.http.public_rows import public_rows
from api.http.state import shared

_ASK: Final = "SELECT sign_in_ask(%s, %s, %s, %s, %s, %s)"
_VOUCHED: Final = "SELECT sign_in_vouched(%s, %s) AS known"
_CHOICES: Final = "SELECT ref, name, role, places FROM sign_in_choices(%s)"
_SIGN_IN: Final = "SELECT sign_in(%s, %s, %s, %s, %s, %s, %s) AS ends"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """As whom a link can sign in."""

    ref: str
    name: str | None
    role: str
    places: list[str] | None
    """Codes of the places of an operator's role; None: of a member, or every place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A new session."""

    key: str
    ends: datetime


async def ask(request: Request, address: str, base: str, language: Language, to: str = "/me") -> None:
    """Queue a mail with a link under ``base``, if anybody has this address; the caller can't tell whether.

    ``to``: the path of ours that is shown after signing in.

    Raises:
        Unavailable: the database is down or too busy.
    """
    token = secrets.token_urlsafe(32)
    link = f"{base}/sign-in/{token}" + ("" if to == "/me" else f"?next={quote(to, safe='')}")
    host = request.client.host if request.client else ""
    values = (address, _digest(token), link, language, _digest(client_of(host)), host[:64])
    await public_rows(shared(request).pool, _ASK, values)


async def vouched(request: Request, address: str) -> str | None:
    """Return the token of a link for an address that a provider vouches for; None: nobody has it here.

    A capital that isn't ASCII may be taken for a letter of another address (``İ`` for ``i``), which the provider hasn't
    vouched for: such an address is nobody's.

    Raises:
        Unavailable: the database is down or too busy.
    """
    if not address.isascii() and address != address.lower():
        return None
    token = secrets.token_urlsafe(32)
    found = await public_rows(shared(request).pool, _VOUCHED, (address, _digest(token)))
    return token if found[0]["known"] else None


async def choices(request: Request, token: str) -> list[Choice]:
    """Return as whom the link with ``token`` can sign in; empty: it is unknown, used, or older than 15 minutes.

    Raises:
        Unavailable: the database is down or too busy.
    """
    return [Choice(**row) for row in await public_rows(shared(request).pool, _CHOICES, (_digest(token),))]


async def sign_in(request: Request, token: str, ref: str, role: str, old: str) -> SignedIn | None:
    """Use a link, once; None: it isn't good, or not for this person and role.

    ``old``: the key of the session that this browser had, which ends; empty: none.

    Raises:
        Unavailable: the database is down or too busy.
    """
    key = random_key()
    agent = request.headers.get("user-agent", "")[:200]
    host = request.client.host if request.client else ""
    values = (_digest(token), ref, role, digest_of(key), agent, host, digest_of(old) if old else None)
    ends = (await public_rows(shared(request).pool, _SIGN_IN, values))[0]["ends"]
    return None if ends is None else SignedIn(key=key, ends=ends)


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()
