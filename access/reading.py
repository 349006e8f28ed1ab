"""JSON of a large list, read piece by piece: one call for all of it would keep every other thread waiting."""

from __future__ import annotations

import json
import re
from typing import Any, Final

_PIECE: Final = 65_536
"""Characters: a millisecond's work."""
_LARGE: Final = 4 * _PIECE
_BETWEEN: Final = "],["
"""Where a table of rows may be cut."""
_decoder: Final = json.JSONDecoder()
_space: Final = re.compile(r"[ \t\n\r]*")


def read_json(text: str) -> Any:
    """Return what ``json.loads`` returns; other threads get their turn while a large object's tables are read.

    Raises:
        ValueError: it isn't JSON.
        RecursionError: it is nested too deeply.
    """
    if len(text) <= _LARGE or not text.startswith("{"):
        return json.loads(text)
    found: dict[str, Any] = {}
    at = _after_space(text, 1)
    while text[at : at + 1] != "}":
        name, at = _decoder.raw_decode(text, at)
        at = _after_space(text, at)
        if not isinstance(name, str) or not text.startswith(":", at):
            raise ValueError("a name or a colon is missing")
        at = _after_space(text, at + 1)
        found[name], at = _table(text, at) if text.startswith("[[", at) else _decoder.raw_decode(text, at)
        at = _after_space(text, at)
        if text.startswith(",", at):
            at = _after_space(text, at + 1)
            if text.startswith("}", at):
                raise ValueError("a name is missing")
        elif not text.startswith("}", at):
            raise ValueError("a comma is missing")
    if _after_space(text, at + 1) != len(text):
        raise ValueError("more than one value")
    return found


def _table(text: str, at: int) -> tuple[list[Any], int]:
    """Return the array that begins at ``at``, and where it ends."""
    found: list[Any] = []
    start = at + 1
    while (cut := text.find(_BETWEEN, start + _PIECE)) >= 0:
        # A cut inside of a row or of a text leaves something open. What is whole up to here is so many rows.
        try:
            found += json.loads(f"[{text[start : cut + 1]}]")
        except ValueError:
            break
        start = cut + 2
    rest, at = _decoder.raw_decode(f"[{text[start:]}", 0)
    return found + rest, start - 1 + at


def _after_space(text: str, at: int) -> int:
    found = _space.match(text, at)
    return at if found is None else found.end()
