"""``Idempotency-Key``: a write that is sent again with the same key is done once.

The key is claimed in the transaction of the write: a second request waits for the first to commit, and a write that
fails leaves the key free. What was made is read again for the answer, so nothing of it is kept here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Annotated, Final

from fastapi import Header, Request

from api.http.errors import Conflict
from api.http.session import Session

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=100,
        pattern="^[!-~]+$",
        description="Any text, new for each write: sent again with it, the write is done once. Kept for eight days.",
    ),
]

# Claims a key of this caller; no row: it was used before.
_CLAIM: Final = """
INSERT INTO idempotency (key, digest) VALUES (%s, %s) ON CONFLICT (holder, key) DO NOTHING RETURNING key
"""
_USED: Final = "SELECT digest, subject FROM idempotency WHERE key = %s AND holder = caller_holder()"
_MADE: Final = "UPDATE idempotency SET subject = %s WHERE key = %s AND holder = caller_holder()"


async def once(s: Session, request: Request, key: str | None, write: Callable[[], Awaitable[str]]) -> str:
    """Run ``write`` and return what it made (a reference), or what it made when ``key`` was used first.

    Args:
        s: the request's transaction.
        request: the write, whose method, path and body must be the same for the same key.
        key: of the header; None: the write is always done.
        write: returns the reference under which the result can be read.

    Raises:
        Conflict: the key was used for another write.
    """
    if key is None:
        return await write()
    digest = sha256(f"{request.method} {request.url.path}\n".encode() + await request.body()).digest()
    if await s.row(_CLAIM, (key, digest)) is None:
        used = await s.row(_USED, (key,))
        assert used is not None
        if used["digest"] not in (None, digest):
            raise Conflict("This Idempotency-Key was used for another request: choose a new one.")
        return str(used["subject"])
    made = await write()
    await s.run(_MADE, (made, key))
    return made
