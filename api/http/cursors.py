"""Cursors: where a page of an answer ended, as text that callers keep and don't read."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Annotated, Any, Final

from pydantic import Field

from api.http.errors import BadQuery

CURSOR_PATTERN: Final = "^[A-Za-z0-9_-]+$"
Cursor = Annotated[
    str,
    Field(
        description="`next` of the page before.",
        max_length=300,
        json_schema_extra={"pattern": CURSOR_PATTERN},
    ),
]


def make_cursor(*parts: str | float) -> str:
    """A cursor that holds ``parts``, made of letters, digits, ``-`` and ``_``."""
    return base64.urlsafe_b64encode(json.dumps(parts, separators=(",", ":")).encode()).decode().rstrip("=")


def read_cursor(text: str, *kinds: type) -> tuple[Any, ...]:
    """The parts of a cursor, each of its kind (whole numbers pass for ``float``).

    Raises:
        BadQuery: it wasn't made by ``make_cursor``, or holds something else.
    """
    try:
        padded = text + "=" * (-len(text) % 4)
        parts = json.loads(base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True))
        if not isinstance(parts, list) or len(parts) != len(kinds):
            raise ValueError("another number of parts")
        for part, kind in zip(parts, kinds, strict=True):
            if not isinstance(part, (int, float) if kind is float else kind) or isinstance(part, bool):
                raise ValueError("another kind of part")  # noqa: TRY004  (it is the text that is wrong)
    except (ValueError, binascii.Error, RecursionError) as error:
        raise BadQuery("cursor", "expected `next` of an earlier page of the same question") from error
    return tuple(parts)
