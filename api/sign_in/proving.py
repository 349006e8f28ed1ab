"""Signing in with a passkey: a challenge, and a ticket for who signed it, which is used like a link (``links``).

These calls come before anybody is known: the signature is checked here, what it is worth the database decides (0126).
"""

from __future__ import annotations

import secrets
from hashlib import sha256
from typing import Any, Final

from fastapi import Request

from api.http.public_rows import public_rows
from api.http.state import shared
from api.sign_in import passkeys
from api.sign_in.site import Site

_CHALLENGE: Final = "SELECT sign_in_challenge(%s)"
_FIND: Final = "SELECT public_key, sign_count FROM passkey_find(%s)"
_USED: Final = "SELECT passkey_used(%s, %s, %s, %s) AS good"


async def to_sign(request: Request, site: Site) -> dict[str, Any]:
    """Return what a browser signs, as JSON; good once, for five minutes.

    Raises:
        Unavailable: the database is down or too busy.
    """
    challenge = passkeys.new_challenge()
    await public_rows(shared(request).pool, _CHALLENGE, (sha256(challenge).digest(),))
    return passkeys.to_sign(site, challenge)


async def by_passkey(request: Request, site: Site, text: str) -> str:
    """Return the token of a ticket for whose passkey has signed.

    Raises:
        PasskeyRefused: it isn't known here, its signature isn't good, or the challenge was used or is too old.
        Unavailable: the database is down or too busy.
    """
    pool, claim = shared(request).pool, passkeys.claim_of(text)
    found = await public_rows(pool, _FIND, (claim.credential,))
    if not found:
        raise passkeys.PasskeyRefused("This passkey is not known here.")
    key = found[0]
    count = passkeys.signed(
        site, claim.challenge, text, public_key=bytes(key["public_key"]), sign_count=key["sign_count"]
    )
    token = secrets.token_urlsafe(32)
    values = (sha256(claim.challenge).digest(), claim.credential, count, sha256(token.encode()).digest())
    if not (await public_rows(pool, _USED, values))[0]["good"]:
        raise passkeys.PasskeyRefused("This was signed before, or too long ago.")
    return token
