"""Rows into the database by COPY into temporary tables, and from there by a few joins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import psycopg

Columns = bytes
CopyIn = bytes


def store(
    connection: psycopg.Connection[Any],
    tables: Mapping[str, tuple[Columns, CopyIn]],
    rows: Mapping[str, Iterable[tuple[Any, ...]]],
    inserts: Sequence[bytes],
) -> None:
    """Copy ``rows`` into temporary tables ``new_…``, run ``inserts`` in their order, and drop the tables.

    Args:
        connection: in the caller's transaction.
        tables: by kind of row: the columns of its temporary table, and how rows get there.
        rows: by kind; each value as psycopg's text COPY writes it.
        inserts: from the temporary tables into ours.
    """
    for table, (columns, copy_in) in tables.items():
        connection.execute(b"CREATE TEMPORARY TABLE new_" + table.encode() + b" (" + columns + b") ON COMMIT DROP")
        with connection.cursor() as cursor, cursor.copy(copy_in) as copy:
            for row in rows[table]:
                copy.write_row(row)
        connection.execute(b"ANALYZE new_" + table.encode())
    for statement in inserts:
        connection.execute(statement)
    for table in tables:
        connection.execute(b"DROP TABLE new_" + table.encode())
