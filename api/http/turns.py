"""Waits for a connection, longer while the database answers others: callers with a key are late, not refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, Final

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, PoolTimeout

_SILENT_S: Final = 3.0
"""A database that gave no caller a connection for so long is down."""
LONGEST_S: Final = 20.0
"""After so long a caller is refused all the same."""


class Turns:
    """The pool, for callers with a key: connections are given in the order in which they were asked for."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool
        self._given_at = 0.0

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection[Any]]:
        """Open a transaction, which commits when the block ends.

        Raises:
            PoolTimeout: the database is silent, or too busy for too long.
            TooManyRequests: too many wait already.
        """
        conn = await self._turn()
        try:
            async with conn:
                yield conn
        finally:
            await self._pool.putconn(conn)

    async def _turn(self) -> AsyncConnection[Any]:
        getting: asyncio.Future[AsyncConnection[Any]] = asyncio.ensure_future(self._pool.getconn(timeout=LONGEST_S))
        try:
            while not getting.done():
                await asyncio.wait({getting}, timeout=_SILENT_S)
                if not getting.done() and monotonic() - self._given_at >= _SILENT_S:
                    raise PoolTimeout(f"the database gave no connection for {_SILENT_S:g} s")
        except BaseException:
            if not getting.cancel() and getting.exception() is None:
                await self._pool.putconn(getting.result())
            raise
        conn = getting.result()
        self._given_at = monotonic()
        return conn
