"""Keeps the page of a refused form, so that going back to it or loading it again shows it and sends nothing again.

A browser that goes to a refused form's page gets a redirect to an address of its own (``?kept=…``), under which the
page is kept for some minutes, with its status. It is sealed with what is in the address, and kept for one session as
long as that has the same role and places. Scripts and browsers that don't say that they navigate get the page itself,
as do those who aren't signed in.
"""

from __future__ import annotations

import json
import zlib
from hashlib import blake2b
from secrets import token_urlsafe
from typing import Final
from urllib.parse import parse_qsl, urlencode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from fastapi import Request
from starlette.responses import RedirectResponse, Response

from api.http.errors import ApiError
from api.http.session import session
from api.pages.asking import Missing
from api.pages.person import Person

KEPT: Final = "kept"
"""The field of the address that names a kept page."""
_MOST_BYTES: Final = 250_000
"""Of a page, sealed; a larger one isn't kept."""
_LONGEST: Final = 100
_NONCE: Final = bytes(12)
"""Each key seals one page."""

_KEEP: Final = "SELECT keep_refused_form(%(digest)s, %(sealed)s)"
_FIND: Final = "SELECT kept_refused_form(%(digest)s) AS sealed"


async def keep(request: Request, answer: Response) -> Response:
    """Keep the page of a refused form and return the way to it; other answers are returned as they are."""
    if not _is_refused_form(request, answer):
        return answer
    secret = token_urlsafe(32)
    digest, cipher = _of(secret, request.state.person)
    sealed = cipher.encrypt(_NONCE, _packed(answer), None)
    if len(sealed) > _MOST_BYTES:
        return answer
    try:
        async with session(request) as s:
            await s.run(_KEEP, {"digest": digest, "sealed": sealed})
    except ApiError:  # the session has just ended, or the database is down
        return answer
    path = bytes(request.scope["raw_path"]).decode("ascii")
    query = [(name, value) for name, value in parse_qsl(request.url.query) if name != KEPT]
    return RedirectResponse(f"{path}?{urlencode([*query, (KEPT, secret)])}", 303)


async def kept(request: Request) -> Response | None:
    """Return the kept page that the address of ``request`` names; None: it names none, or it isn't kept any more."""
    secret = request.query_params.get(KEPT, "")
    if not secret or len(secret) > _LONGEST or request.state.person is None:
        return None
    digest, cipher = _of(secret, request.state.person)
    async with session(request) as s:
        row = await s.row(_FIND, {"digest": digest})
    if row is None or row["sealed"] is None:
        return None
    try:
        return _unpacked(cipher.decrypt(_NONCE, bytes(row["sealed"]), None))
    except InvalidTag:
        raise Missing from None


def _is_refused_form(request: Request, answer: Response) -> bool:
    return (
        400 <= answer.status_code < 500
        and answer.status_code != 429
        and request.state.person is not None
        and request.headers.get("sec-fetch-mode") == "navigate"
        and answer.headers.get("content-type", "").startswith("text/html")
        and "set-cookie" not in answer.headers
        and "raw_path" in request.scope
    )


def _of(secret: str, person: Person) -> tuple[bytes, ChaCha20Poly1305]:
    """Return under which digest a page is kept, and what opens it: of use to who still may what they might then."""
    places = None if person.places is None else sorted(person.places)
    text = f"{secret} {person.role} {places} {sorted(person.permissions)}".encode("utf-8", "replace")
    digest = blake2b(text, digest_size=32, person=b"refused digest").digest()
    return digest, ChaCha20Poly1305(blake2b(text, digest_size=32, person=b"refused page").digest())


def _packed(answer: Response) -> bytes:
    head = {"status": answer.status_code, "headers": dict(answer.headers)}
    return zlib.compress(json.dumps(head).encode() + b"\n" + bytes(answer.body))


def _unpacked(packed: bytes) -> Response:
    head, _, body = zlib.decompress(packed).partition(b"\n")
    told = json.loads(head)
    return Response(body, told["status"], told["headers"])
