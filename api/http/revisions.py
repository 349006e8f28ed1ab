"""Revisions as ETags: a change says by ``If-Match`` what it is a change of, so that nobody overwrites unseen work."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request
from psycopg.rows import DictRow
from starlette.responses import Response

from api.http.answers import json_answer
from api.http.errors import BadQuery, Changed, NotFound, NotYours, RevisionMissing
from api.http.models import time_of
from api.http.session import Session

# Who was the last to change something, for who may read the audit.
_LAST_CHANGE: Final = """
SELECT at, actor FROM audit WHERE subject = %s AND action NOT LIKE 'read %%' ORDER BY id DESC LIMIT 1
"""
_SOMEBODY: Final = "Somebody else has meanwhile changed "
_TAGS: Final = re.compile(r'\s*(?:W/)?"(\d{1,9})"\s*')


def etag_of(revision: int) -> str:
    """The validator of a thing at ``revision``."""
    return f'"{revision}"'


def expected_revisions(request: Request) -> list[int] | None:
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


def with_etag(value: Mapping[str, Any], revision: int, *, status: int = 200, location: str | None = None) -> Response:
    """One thing with its ETag, kept by nobody on the way; ``location``: where it lives, of a new one."""
    answer = json_answer(value, status=status)
    answer.headers["ETag"] = etag_of(revision)
    if location is not None:
        answer.headers["Location"] = location
    return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One thing that a path names: how to find its row, and what to call it."""

    find: str
    """A query of one row, with its ``revision``."""
    key: Mapping[str, Any]
    name: str
    """In sentences: ``member 'm-0a1b'``."""
    subject: str
    """In the audit: ``member m-0a1b``."""


async def read(s: Session, resource: Resource) -> DictRow:
    """The row of ``thing``.

    Raises:
        NotFound: there is none, or none that the caller may see.
    """
    row = await s.row(resource.find, resource.key)
    if row is None:
        raise NotFound(f"There is no {resource.name} that this key reaches.")
    return row


async def read_to_change(s: Session, resource: Resource, wanted: Sequence[int] | None) -> DictRow:
    """The row of ``thing``, which is still what the caller has read.

    Raises:
        NotFound, Changed.
    """
    row = await read(s, resource)
    if wanted is not None and row["revision"] not in wanted:
        raise await _changed(s, resource, row)
    return row


def required_revisions(row: Mapping[str, Any], wanted: Sequence[int] | None) -> list[int] | None:
    """The revisions that the change's own statement demands: what was read, or any where the caller said so."""
    return None if wanted is None else [row["revision"]]


async def explain_refusal(s: Session, resource: Resource, wanted: Sequence[int] | None) -> NotYours:
    """Why a change that was conditional on its revision touched no row: read once more, and say.

    Raises:
        NotFound: it is gone.
        Changed: somebody was faster.
    """
    await read_to_change(s, resource, wanted)
    return NotYours(
        f"This key may see {resource.name}, but not change it: it isn't of its places, or its role doesn't reach so "
        "far. Ask a network administrator, or use a key of that place."
    )


async def _changed(s: Session, resource: Resource, row: Mapping[str, Any]) -> Changed:
    last = await s.row(_LAST_CHANGE, (resource.subject,))
    who = f"{last['actor']} has changed {resource.name} at {time_of(last['at'])}" if last else _SOMEBODY + resource.name
    return Changed(f"{who}. Read it again, and send your change with its new ETag.", etag=etag_of(row["revision"]))
