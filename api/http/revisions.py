"""Revisions as ETags: a change names the revision it is based on in ``If-Match``, so that none is lost."""

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

# The last change of a subject, for callers that may read the audit.
_LAST_CHANGE: Final = """
SELECT at, actor FROM audit WHERE subject = %s AND action NOT LIKE 'read %%' ORDER BY id DESC LIMIT 1
"""
_ANOTHER: Final = "Another request has changed "
_TAGS: Final = re.compile(r'\s*(?:W/)?"(\d{1,9})"\s*')


def etag_of(revision: int) -> str:
    """Return the ETag of ``revision``."""
    return f'"{revision}"'


def expected_revisions(request: Request) -> list[int] | None:
    """Return the revisions in ``If-Match``; None: any (``*``).

    Raises:
        RevisionMissing: there is no ``If-Match``.
        BadQuery: it isn't one of our ETags.
    """
    given = request.headers.get("if-match")
    if given is None:
        raise RevisionMissing("Read it first, and send its `ETag` as `If-Match` with the change.")
    if given.strip() == "*":
        return None
    tags = [_TAGS.fullmatch(part) for part in given.split(",")]
    if len(tags) > 20 or None in tags:
        raise BadQuery("If-Match", 'expected the ETag of the last answer, for example "3"')
    return [int(tag[1]) for tag in tags if tag is not None]


def with_etag(value: Mapping[str, Any], revision: int, *, status: int = 200, location: str | None = None) -> Response:
    """Return a resource with its ETag, not cached; ``location``: the path of a new one."""
    answer = json_answer(value, status=status)
    answer.headers["ETag"] = etag_of(revision)
    if location is not None:
        answer.headers["Location"] = location
    return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """The resource in a path: how to find its row, and its names."""

    find: str
    """A query of one row, with its ``revision``."""
    key: Mapping[str, Any]
    name: str
    """In sentences: ``member 'm-0a1b'``."""
    subject: str
    """In the audit: ``member m-0a1b``, or with names of the row's columns: ``space {id}``."""


async def read(s: Session, resource: Resource) -> DictRow:
    """Return the row of ``resource``.

    Raises:
        NotFound: it doesn't exist, or the caller may not see it.
    """
    row = await s.row(resource.find, resource.key)
    if row is None:
        raise NotFound(f"There is no {resource.name} that this key reaches.")
    return row


async def read_to_change(s: Session, resource: Resource, wanted: Sequence[int] | None) -> DictRow:
    """Return the row of ``resource`` if it still has a revision in ``wanted``.

    Raises:
        NotFound, Changed.
    """
    row = await read(s, resource)
    if wanted is not None and row["revision"] not in wanted:
        raise await _changed(s, resource, row)
    return row


def required_revisions(row: Mapping[str, Any], wanted: Sequence[int] | None) -> list[int] | None:
    """Return the revisions that the statement of the change requires: the one that was read, or any (None)."""
    return None if wanted is None else [row["revision"]]


async def change(
    s: Session,
    resource: Resource,
    statement: str,
    values: Mapping[str, Any],
    *,
    row: Mapping[str, Any],
    wanted: Sequence[int] | None,
) -> None:
    """Run the statement that changes ``resource``; its ``revisions`` are those that it requires.

    Args:
        s: the request's transaction.
        resource: what is changed.
        statement: returns a row where it changed one.
        values: its other parameters.
        row: as ``read_to_change`` returned it.
        wanted: the revisions in ``If-Match``.

    Raises:
        NotFound: it no longer exists.
        Changed: another request was faster.
        NotYours: the caller may not change it.
    """
    if await s.row(statement, {**values, "revisions": required_revisions(row, wanted)}) is None:
        raise await explain_refusal(s, resource, wanted)


async def explain_refusal(s: Session, resource: Resource, wanted: Sequence[int] | None) -> NotYours:
    """Return why a change that required a revision changed no row, by reading it again.

    Raises:
        NotFound: it no longer exists.
        Changed: another request was faster.
    """
    await read_to_change(s, resource, wanted)
    return NotYours(
        f"This key may see {resource.name}, but not change it: it belongs to another place, or its role doesn't go so "
        "far. Ask a network administrator, or use a key of that place."
    )


async def _changed(s: Session, resource: Resource, row: Mapping[str, Any]) -> Changed:
    last = await s.row(_LAST_CHANGE, (resource.subject.format_map(row),))
    who = f"{last['actor']} has changed {resource.name} at {time_of(last['at'])}" if last else _ANOTHER + resource.name
    return Changed(f"{who}. Read it again, and send your change with its new ETag.", etag=etag_of(row["revision"]))
