"""Asks our own API in the name of the person who is signed in, so that no page can do what the API doesn't allow."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from secrets import token_hex
from typing import Any, Final
from urllib.parse import parse_qsl

import psycopg
from fastapi import Request

from api.http.callers import is_from_our_page, session_cookie_of
from api.http.compact_json import compact
from api.http.errors import BadQuery, LimitReached, Unavailable
from api.http.joined import JOINED, Joined
from api.http.session import Session
from api.pages.calling import call
from api.pages.uploads import MOST_FIELDS, Part, boundary_of, parts_of

_MOST_BYTES: Final = 1_040_000
"""Of a form; an import of members is the largest. ``api.http.bodies`` lets no more through."""
ONCE: Final = "once"
"""The field of a form that is new each time the form is shown: see ``api.pages.routing``."""
_MARKED: Final = "x"
"""Not of a hexadecimal number, which is what stands on both sides of it."""


class SignedOut(Exception):
    """Nobody is signed in, or the session has ended."""


class Missing(Exception):
    """There is no such thing, or it isn't theirs: the page says the same of both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the API answered."""

    status: int
    body: Any
    """JSON; bytes where it is none."""
    etag: str | None = None
    media_type: str = "application/json"

    @property
    def good(self) -> bool:
        """Whether it did what was asked."""
        return self.status < 400

    @property
    def problem(self) -> str:
        """The name of the refusal, such as ``conflict``; empty where there is none."""
        return str(self.body["type"]).rpartition(":")[2] if not self.good and isinstance(self.body, dict) else ""


def new_once(mark: str) -> str:
    """Return a new text for the field ``ONCE`` of a form shown to the person with ``mark``; empty: to nobody."""
    return f"{token_hex(12)}{_MARKED}{mark}"


def mark_in(once: str) -> str:
    """Return the mark in a form's field ``ONCE``; empty: nobody was signed in, or by a key of nobody."""
    return once.partition(_MARKED)[2]


async def ask(request: Request, method: str, path: str, body: Any = None, **headers: str) -> Answer:
    """Send a request to our own API with the session's key.

    ``if_match="*"`` becomes the header ``If-Match``. A form's field ``once`` becomes its ``Idempotency-Key``.
    A ``body`` of bytes is sent as it is, everything else as JSON.

    Raises:
        SignedOut: the session is missing or has ended.
        Unavailable, LimitReached: the API can't answer now.
    """
    key = session_cookie_of(request)
    if not key:
        raise SignedOut
    sent = {"authorization": f"Bearer {key}"}
    for name, value in headers.items():  # a form's etag may be anything; a header is ASCII
        sent[name.replace("_", "-")] = "".join(one if " " <= one <= "~" else "?" for one in value)
    once = getattr(request.state, "once", None)
    if once and method == "POST":
        sent.setdefault("idempotency-key", f"page-{once}")
    if body is None or isinstance(body, bytes):
        content = body or b""
    else:
        content = compact(body)
        sent.setdefault("content-type", "application/json")
    # what waits for something would hold the page's transaction meanwhile
    joins = method == "GET" and "wait=" not in path
    if not joins:
        await leave(request)
    joined = joined_of(request) if joins else None
    host = request.client.host if request.client else "127.0.0.1"
    sending = partial(call, request.app, method, path, headers=sent, body=content, client=host)
    answer = await sending(extra={} if joined is None else {JOINED: joined})
    if joined is not None and joined.broken and answer.status >= 400:
        answer = await sending()
    if answer.status == 401:
        raise SignedOut
    if answer.status == 429:
        raise LimitReached("Too many requests.", retry_s=10)
    if answer.status >= 500:
        raise Unavailable("The API can't answer now.")
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    is_json = media_type.endswith("json")
    return Answer(
        status=answer.status,
        body=json.loads(answer.body) if is_json else answer.body,
        etag=answer.headers.get("etag"),
        media_type=media_type,
    )


async def read(request: Request, path: str) -> Answer:
    """Read what a page can't be without.

    Raises:
        Missing: there is no such thing, or it isn't theirs.
        SignedOut, Unavailable, LimitReached: as of ``ask``.
    """
    answer = await ask(request, "GET", path)
    if not answer.good:
        raise Missing
    return answer


def joined_of(request: Request) -> Joined[Session]:
    """Return the transaction that the reads of this page share; a new one where a refusal has broken it."""
    joined: Joined[Session] | None = getattr(request.state, "joined", None)
    if joined is None or joined.broken:
        joined = request.state.joined = Joined()
    return joined


async def leave(request: Request) -> None:
    """End the transaction that the reads of this page share, before something is changed or the page is sent.

    Raises:
        Unavailable: the database did not confirm it.
    """
    joined: Joined[Session] | None = getattr(request.state, "joined", None)
    if joined is not None:
        try:
            await joined.close()
        except (psycopg.Error, OSError) as error:
            raise Unavailable("The database is down or too busy.") from error


async def form_of(request: Request) -> dict[str, str]:
    """Read the fields of a form that one of our own pages sends; of a name that comes twice the last.

    Raises:
        BadQuery: it is another site's, or larger than any form of ours.
    """
    return dict(await fields_of(request))


async def fields_of(request: Request) -> list[tuple[str, str]]:
    """Read the fields of a form in their order, for forms with several of one name.

    Raises:
        BadQuery: as of ``form_of``.
    """
    text, boundary = await _sent_by_our_page(request)
    if boundary is not None:
        parts = [one for one in parts_of(text, boundary) if one.file is None]
        fields = [(one.name, one.data.decode("utf-8", "replace")) for one in parts]
    else:
        try:
            fields = parse_qsl(text.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
        except ValueError:
            raise BadQuery("form", "This form has more fields than any of ours.") from None
    return [(name, value.replace("\0", "")) for name, value in fields]  # PostgreSQL has no NUL in a text


async def file_of(request: Request, name: str) -> Part | None:
    """Return the file that was chosen in the field ``name``, its bytes as they are; None: none was.

    Raises:
        BadQuery: as of ``form_of``.
    """
    text, boundary = await _sent_by_our_page(request)
    parts = [] if boundary is None else parts_of(text, boundary)
    return next((one for one in parts if one.name == name and one.file), None)


async def _sent_by_our_page(request: Request) -> tuple[bytes, bytes | None]:
    """Return a form's body, and what stands between its parts where it may have files."""
    if not is_from_our_page(request):
        raise BadQuery("form", "This form was not sent by a page of ours. Open the page again, and send it from there.")
    text = await request.body()
    if len(text) > _MOST_BYTES:
        raise BadQuery("form", "This form is larger than any of ours.")
    return text, boundary_of(request.headers.get("content-type", ""))
