"""Revisions as ETags: a change says by ``If-Match`` what it is a change of, so that nobody overwrites unseen work."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import Request
from psycopg.rows import DictRow
from starlette.responses import Response

from api.answers import json_answer
from api.errors import BadQuery, Changed, NotFound, NotYours, RevisionMissing
from api.session import Session

_TAGS: Final = re.compile(r'\s*(?:W/)?"(\d{1,9})"\s*')


def etag_of(revision: int) -> str:
    """The validator of a thing at ``revision``."""
    return f'"{revision}"'


def expected(request: Request) -> list[int] | None:
    """The revisions by ``If-Match`` that the caller takes the thing to have; None: whatever it has (``*``).

    Raises:
        RevisionMissing: no ``If-Match`` came.
        BadQuery: it is none of our ETags.
    """
    given = request.headers.get("if-match")
    if given is None:
        raise RevisionMissing("Read it first, and send its `ETag` back as `If-Match` with the change.")
    if given.strip() == "*":
        return None
    tags = [_TAGS.fullmatch(part) for part in given.split(",")]
    if len(tags) > 20 or None in tags:
        raise BadQuery("If-Match", 'expected the ETag of the last answer, for example "3"')
    return [int(tag[1]) for tag in tags if tag is not None]


def told(value: Mapping[str, Any], revision: int, *, status: int = 200, location: str | None = None) -> Response:
    """One thing with its ETag, kept by nobody on the way; ``location``: where it lives, of a new one."""
    answer = json_answer(value, status=status)
    answer.headers["ETag"] = etag_of(revision)
    if location is not None:
        answer.headers["Location"] = location
    return answer


async def read(s: Session, find: str, key: Mapping[str, Any] | Sequence[Any], name: str) -> DictRow:
    """The one row that ``find`` finds; ``name`` says what for, as in ``member m-1``.

    Raises:
        NotFound: there is none, or none that the caller may see.
    """
    row = await s.row(find, key)
    if row is None:
        raise NotFound(f"There is no {name} that this key reaches.")
    return row


def must_match(row: Mapping[str, Any], wanted: Sequence[int] | None, name: str) -> None:
    """Hold a row's ``revision`` against what the caller has read.

    Raises:
        Changed: it is another.
    """
    if wanted is not None and row["revision"] not in wanted:
        raise changed(row, name)


def held_to(row: Mapping[str, Any], wanted: Sequence[int] | None) -> list[int] | None:
    """The revisions that the change's own statement demands: what was read, or any where the caller said so."""
    return None if wanted is None else [row["revision"]]


def changed(row: Mapping[str, Any], name: str) -> Changed:
    """What to say of a row that isn't what the caller takes it for."""
    return Changed(
        f"Somebody else has changed {name} meanwhile. Read it again, and send your change with its new ETag.",
        etag=etag_of(row["revision"]),
    )


async def explain_refusal(
    s: Session, find: str, key: Mapping[str, Any] | Sequence[Any], name: str, wanted: Sequence[int] | None
) -> NotYours:
    """Why a change that was conditional on its revision touched no row: read once more, and say.

    Raises:
        NotFound: it is gone.
        Changed: somebody was faster.
    """
    row = await read(s, find, key, name)
    must_match(row, wanted, name)
    return NotYours(
        f"This key may see {name}, but not change it: it belongs to another place. Use a key of that place."
    )
