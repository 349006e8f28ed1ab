"""Revisions as ETags: a change says by ``If-Match`` what it is a change of, so that nobody overwrites unseen work."""

from __future__ import annotations

import re
from typing import Final

from fastapi import Request

from api.errors import BadQuery, RevisionMissing

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
