"""JSON of a large list, read piece by piece: one call for all of it would keep every other thread waiting."""

from __future__ import annotations

import json
import re
from typing import Any, Final

_PIECE: Final = 65_536
"""Characters: a millisecond's work."""
_ROWS: Final = 500
_LARGE: Final = 4 * _PIECE
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
    at = _object(text, 1, found, _table)
    if _after_space(text, at) != len(text):
        raise ValueError("more than one value")
    return found


def let_go(body: dict[str, Any]) -> None:
    """Empty a large object's tables row by row: freed at once, they would keep every other thread waiting."""
    for table in body.values():
        while isinstance(table, list) and table:
            del table[-_ROWS:]


def _object(text: str, at: int, found: dict[str, Any], value: Any) -> int:
    """Read the pairs that begin at ``at`` into ``found``; return where the object ends."""
    at = _after_space(text, at)
    while text[at : at + 1] != "}":
        name, at = _decoder.raw_decode(text, at)
        at = _after_space(text, at)
        if not isinstance(name, str) or not text.startswith(":", at):
            raise ValueError("a name or a colon is missing")
        found[name], at = value(text, _after_space(text, at + 1))
        at = _after_comma(text, at, "}")
    return at + 1


def _array(text: str, at: int, found: list[Any]) -> int:
    """Read the values that begin at ``at`` into ``found``; return where the array ends."""
    at = _after_space(text, at)
    while text[at : at + 1] != "]":
        value, at = _decoder.raw_decode(text, at)
        found.append(value)
        at = _after_comma(text, at, "]")
    return at + 1


def _table(text: str, at: int) -> tuple[Any, int]:
    """Return the value at ``at`` and where it ends: rows, and names with texts, by the piece.

    A piece is cut where one row or pair seems to end. Inside of a row or of a text the cut leaves something open: it is
    no piece, and what follows is read one by one.
    """
    if text.startswith("[[", at):
        rows: list[Any] = []
        at += 1
        while (cut := text.find("],[", at + _PIECE)) >= 0:
            try:
                rows += json.loads(f"[{text[at : cut + 1]}]")
            except ValueError:
                break
            at = cut + 2
        return rows, _array(text, at, rows)
    if text.startswith('{"', at):
        pairs: dict[str, Any] = {}
        at += 1
        while (cut := text.find('","', at + _PIECE)) >= 0:
            try:
                pairs |= json.loads(f"{{{text[at : cut + 1]}}}")
            except ValueError:
                break
            at = cut + 2
        return pairs, _object(text, at, pairs, _decoder.raw_decode)
    return _decoder.raw_decode(text, at)


def _after_comma(text: str, at: int, closing: str) -> int:
    """Return where the next value begins, or where ``closing`` stands."""
    at = _after_space(text, at)
    if text.startswith(",", at):
        at = _after_space(text, at + 1)
        if text.startswith(closing, at):
            raise ValueError("a value is missing")
    elif not text.startswith(closing, at):
        raise ValueError("a comma is missing")
    return at


def _after_space(text: str, at: int) -> int:
    found = _space.match(text, at)
    return at if found is None else found.end()
