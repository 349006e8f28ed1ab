"""What a failure says in logs, alarms and letters: one line, without anybody's data."""

from __future__ import annotations

from psycopg import Error

from database.unfounded import REMEDY, is_unfounded


def reason_of(failure: BaseException) -> str:
    """One line for logs, alarms and letters, without the values of rows, which PostgreSQL adds to its messages."""
    if isinstance(failure, Error) and failure.diag.message_primary:
        text = f"{failure.diag.message_primary} (SQLSTATE {failure.sqlstate})"[:300]
        return f"{text}: {REMEDY}" if is_unfounded(failure) else text
    text = " ".join(str(failure).split())
    return (f"{type(failure).__name__}: {text}" if text else type(failure).__name__)[:300]
