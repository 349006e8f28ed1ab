"""Writes many rows by few statements: Python gives way to its other threads at each, and waits to go on."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

_SIZES: Final = (64, 16, 4, 1)
"""Rows a statement; few different ones, which sqlite3 keeps prepared."""


class Insert:
    """An INSERT of any number of rows."""

    def __init__(self, head: str, row: str, end: str = "") -> None:
        """``head``: up to VALUES; ``row``: the placeholders of one row; ``end``: what follows all rows."""
        self._statements = [(size, f"{head} VALUES {', '.join([row] * size)} {end}") for size in _SIZES]

    def write(self, writer: sqlite3.Connection, rows: Sequence[Sequence[Any]]) -> None:
        """Write ``rows``, in order.

        Raises:
            sqlite3.Error: some of them may be written.
        """
        start = 0
        for size, statement in self._statements:
            while len(rows) - start >= size:
                writer.execute(statement, [value for row in rows[start : start + size] for value in row])
                start += size
