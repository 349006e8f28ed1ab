"""Reads forms with a file (``multipart/form-data``, RFC 7578)."""

from __future__ import annotations

import re
from typing import Final

from fastapi import Request

from api.http.errors import BadQuery

_BOUNDARY: Final = re.compile(r'multipart/form-data;(?:.*;)?\s*boundary="?([^";]{1,70})"?', re.IGNORECASE)
_NAME: Final = re.compile(rb'(?:^|[;\s])name="([^"]*)"')
_FILE: Final = re.compile(rb"(?:^|[;\s])filename\*?=")
_MOST_PARTS: Final = 200


def boundary_of(request: Request) -> str:
    """Return what separates the parts of a form with a file; empty: it is a form of another kind."""
    found = _BOUNDARY.match(request.headers.get("content-type", ""))
    return found[1] if found else ""


def parts_of(body: bytes, boundary: str) -> list[tuple[str, str | bytes]]:
    """Return the fields (text) and the files (bytes) of a form, in their order.

    Raises:
        BadQuery: it has no boundary, too many parts, or its end is missing.
    """
    mark = b"--" + boundary.encode("latin-1")
    pieces = (b"\r\n" + body).split(b"\r\n" + mark)
    if not boundary or len(pieces) > _MOST_PARTS or not pieces[-1].startswith(b"--"):
        raise BadQuery("form", "This form can't be read.")
    found: list[tuple[str, str | bytes]] = []
    for piece in pieces[1:-1]:
        head, _, value = piece.partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if name is not None:
            text = value.decode("utf-8", "replace").replace("\0", "")
            found.append((name[1].decode("utf-8", "replace"), value if _FILE.search(head) else text))
    return found
