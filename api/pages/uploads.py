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
_PARAMETER: Final = re.compile(r'\s*;\s*([a-z*-]{1,20})=(?:"([^"]*)"|([^\s;"]*))', re.IGNORECASE)
_DISPOSITION: Final = "content-disposition: form-data"
_LONGEST_HEAD: Final = 2_000
"""Bytes of the lines before a field's value."""


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
    lines = head.decode("utf-8", "replace").split("\r\n") if len(head) <= _LONGEST_HEAD else []
    about = next((one for one in lines if one.lower().startswith(_DISPOSITION)), "")
    named = _parameters(about[len(_DISPOSITION) :])
    if not found or "name" not in named:
        raise BadQuery("form", "A field of this form can't be read.")
    file = named.get("filename")
    return Part(name=unquote(named["name"]), data=data, file=None if file is None else unquote(file))


def _parameters(text: str) -> dict[str, str]:
    """Read ``; name="…"; filename="…"`` from its beginning, in one pass however it is written."""
    made: dict[str, str] = {}
    at = 0
    while (one := _PARAMETER.match(text, at)) is not None:
        made.setdefault(one[1].lower(), one[2] if one[2] is not None else one[3])
        at = one.end()
    return made
