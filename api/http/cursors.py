"""Cursors: opaque text that marks where a page of an answer ended."""

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
        description="`next` of the previous page.",
        max_length=300,
        json_schema_extra={"pattern": CURSOR_PATTERN},
    ),
]


def make_cursor(*parts: str | float) -> str:
    """Encode ``parts`` as a cursor of letters, digits, ``-`` and ``_``."""
    return base64.urlsafe_b64encode(json.dumps(parts, separators=(",", ":")).encode()).decode().rstrip("=")


def read_cursor(text: str, *kinds: type) -> tuple[Any, ...]:
    """Decode a cursor into parts of these types (integers pass for ``float``).

    Raises:
        BadQuery: it wasn't made by ``make_cursor``, or has other parts.
    """
    try:
        padded = text + "=" * (-len(text) % 4)
        parts = json.loads(base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True))
        if not isinstance(parts, list) or len(parts) != len(kinds):
            raise ValueError("unexpected number of parts")
        for part, kind in zip(parts, kinds, strict=True):
            if not isinstance(part, (int, float) if kind is float else kind) or isinstance(part, bool):
                raise ValueError("unexpected type of a part")  # noqa: TRY004  (it is the text that is wrong)
    except (ValueError, binascii.Error, RecursionError) as error:
        raise BadQuery("cursor", "expected `next` of an earlier page of the same question") from error
    return tuple(parts)
