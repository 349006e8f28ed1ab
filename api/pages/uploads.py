"""Reads a form that was sent with a file (``multipart/form-data``, RFC 7578), as browsers write it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from api.http.errors import BadQuery

MOST_FIELDS: Final = 5_000
"""Of one form, whichever way it is sent."""
_BOUNDARY: Final = re.compile(r'multipart/form-data\s*;.*?\bboundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
_NAME: Final = re.compile(r'form-data\s*;(?:.*;)?\s*name="([^"]*)"', re.IGNORECASE)
_FILE: Final = re.compile(r'\bfilename="([^"]*)"', re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One field of a form."""

    name: str
    data: bytes
    file: str | None = None
    """What the file is called; empty: none was chosen. None: it is no field for a file."""


def boundary_of(content_type: str) -> bytes | None:
    """Return what stands between the parts; None: the form was sent in another way."""
    found = _BOUNDARY.match(content_type.strip())
    return None if found is None else (found[1] or found[2]).encode("latin-1", "replace")


def parts_of(body: bytes, boundary: bytes) -> list[Part]:
    """Return the fields in their order.

    Raises:
        BadQuery: it isn't what a browser sends, or has too many fields.
    """
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary, MOST_FIELDS + 1)
    if len(pieces) < 2 or len(pieces) > MOST_FIELDS + 1 or not pieces[-1].startswith(b"--"):
        raise BadQuery("form", "This form did not arrive as a whole, or has too many fields.")
    return [_part(one) for one in pieces[1:-1]]


def _part(piece: bytes) -> Part:
    head, found, data = piece.partition(b"\r\n\r\n")
    lines = head.decode("utf-8", "replace").split("\r\n")
    about = next((one for one in lines if one.lower().startswith("content-disposition:")), "")
    named = _NAME.search(about)
    if not found or named is None:
        raise BadQuery("form", "A field of this form can't be read.")
    file = _FILE.search(about)
    return Part(name=unquote(named[1]), data=data, file=None if file is None else unquote(file[1]))
