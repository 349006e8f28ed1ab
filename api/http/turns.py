"""Waits for a connection, longer while the database answers others: callers with a key are late, not refused."""

from __future__ import annotations

import asyncio
import select
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, Final
from weakref import WeakKeyDictionary

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, PoolTimeout

_SILENT_S: Final = 3.0
"""A database that gave no caller a connection for so long is down."""
LONGEST_S: Final = 20.0
"""After so long a caller is refused all the same."""


_FRESH_S: Final = 1.0
"""A connection that answered so short a time ago is taken without a question, unless the server has said something."""
_answered: Final = WeakKeyDictionary[AsyncConnection[Any], float]()


async def check(conn: AsyncConnection[Any]) -> None:
    """Check a connection of the pool before it is given, by a question to the database where it isn't fresh.

    Raises:
        psycopg.OperationalError: it doesn't work any more.
    """
    now = monotonic()
    if now - _answered.get(conn, -_FRESH_S) >= _FRESH_S or _has_something(conn):
        await AsyncConnectionPool.check_connection(conn)
    _answered[conn] = now


def _has_something(conn: AsyncConnection[Any]) -> bool:
    """Whether the server has sent something unasked, such as its farewell, or has hung up."""
    poll = select.poll()
    poll.register(conn.fileno(), select.POLLIN)
    return bool(poll.poll(0))


class Turns:
    """The pool, for callers with a key: connections are given in the order in which they were asked for."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool
        self._given_at = 0.0
        self._giving = set[asyncio.Future[None]]()

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

    def _give_back(self, getting: asyncio.Future[AsyncConnection[Any]]) -> None:
        """Give back a connection that came when nobody waited any more; to cancel the wait may be in vain."""
        if not getting.cancelled() and getting.exception() is None:
            giving = asyncio.ensure_future(self._pool.putconn(getting.result()))
            self._giving.add(giving)
            giving.add_done_callback(self._giving.discard)

    async def _turn(self) -> AsyncConnection[Any]:
        getting: asyncio.Future[AsyncConnection[Any]] = asyncio.ensure_future(self._pool.getconn(timeout=LONGEST_S))
        try:
            while not getting.done():
                await asyncio.wait({getting}, timeout=_SILENT_S)
                if not getting.done() and monotonic() - self._given_at >= _SILENT_S:
                    raise PoolTimeout(f"the database gave no connection for {_SILENT_S:g} s")
        except BaseException:
            getting.cancel()
            getting.add_done_callback(self._give_back)
            raise
        conn = getting.result()
        self._given_at = monotonic()
        return conn
