"""Lists as the text of an array: psycopg dumps a list element by element in Python, a large part of a small commit."""

from __future__ import annotations

from collections.abc import Iterable


def array(values: Iterable[object]) -> str:
    """The array of numbers, times or texts, for a parameter ``%s::type[]``; None is NULL."""
    found = list(values)
    if str in set(map(type, found)):
        return "{" + ",".join(["NULL" if value is None else _quoted(str(value)) for value in found]) + "}"
    return "{" + ",".join(map(str, found)).replace("None", "NULL") + "}"  # no number or time has this word


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
