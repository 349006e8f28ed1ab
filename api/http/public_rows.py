"""Reads rows that answers without a key show, outside the transaction of a caller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import psycopg
from psycopg import AsyncCursor
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
        async with pool.connection(timeout=_WAIT_S) as conn:
            cursor: AsyncCursor[DictRow] = conn.cursor(row_factory=dict_row)
            return await (await cursor.execute(query.encode(), values)).fetchall()
    except psycopg.DataError as error:
        raise NotFound("There is nothing of this name: no name has such a character.") from error
    except (psycopg.Error, PoolTimeout, TooManyRequests, OSError) as error:
        raise Unavailable("The database is down or too busy.") from error
