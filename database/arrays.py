"""Lists of numbers as the text of an array: it is made in C, where psycopg dumps a list element by element in Python.

Times, texts and JSON go as lists: their text costs more than it saves.
"""

from __future__ import annotations

from collections.abc import Iterable


def numbers(values: Iterable[float | None]) -> str:
    """The array, for a parameter ``%s::bigint[]`` or another array of numbers; None is NULL."""
    return "{" + ",".join(map(str, values)).replace("None", "NULL") + "}"
