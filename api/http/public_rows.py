"""Reads rows that answers without a key show, outside the transaction of a caller."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection, AsyncCursor
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests

from api.http.errors import NotFound, Unavailable

_WAIT_S: Final = 3.0


async def public_rows(
    pool: AsyncConnectionPool[Any], query: str, values: Sequence[Any] | Mapping[str, Any] = ()
) -> list[DictRow]:
    """Return the rows of ``query``: the database knows no caller here.

    Nothing personal may be among them, unless a secret in ``values`` opens it, as a link to sign in does.

    Raises:
        NotFound: a value has a character that no text of the database has.
        Unavailable: the database is down or too busy.
    """
    try:
        async with pool.connection(timeout=_WAIT_S) as conn, _alone(conn):
            cursor: AsyncCursor[DictRow] = conn.cursor(row_factory=dict_row)
            return await (await cursor.execute(query.encode(), values)).fetchall()
    except psycopg.DataError as error:
        raise NotFound("There is nothing of this name: no name has such a character.") from error
    except (psycopg.Error, PoolTimeout, TooManyRequests, OSError) as error:
        raise Unavailable("The database is down or too busy.") from error


@asynccontextmanager
async def _alone(conn: AsyncConnection[Any]) -> AsyncIterator[None]:
    """Let a single statement be a transaction of its own, without BEGIN and COMMIT around it."""
    await conn.set_autocommit(True)
    try:
        yield
    finally:
        if conn.info.transaction_status is TransactionStatus.IDLE:
            await conn.set_autocommit(False)
        else:  # it was given up while the statement ran: nobody may get it in this state
            await conn.close()
