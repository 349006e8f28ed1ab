"""Callers with a key wait for a busy database, and not for one that is down."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from psycopg_pool import PoolTimeout

from api.http import turns
from api.http.turns import Turns


class _Connection:
    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *_: object) -> None:
        pass


class _Pool:
    """Has one connection, which is given in turn."""

    def __init__(self) -> None:
        self.free = asyncio.Semaphore(1)
        self.given = 0

    async def getconn(self, timeout: float) -> _Connection:
        try:
            async with asyncio.timeout(timeout):
                await self.free.acquire()
        except TimeoutError:
            raise PoolTimeout from None
        self.given += 1
        return _Connection()

    async def putconn(self, _conn: _Connection) -> None:
        self.free.release()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_SILENT_S", 0.2)


def test_the_last_of_many_waits_as_long_as_others_get_their_turn() -> None:
    async def ask() -> None:
        pool = _Pool()
        line = Turns(cast("Any", pool))

        async def one() -> None:
            async with line.connection():
                await asyncio.sleep(0.05)

        await asyncio.gather(*(one() for _ in range(20)))  # a second: five times what a silent database is given
        assert pool.given == 20

    asyncio.run(ask())


def test_a_silent_database_is_not_waited_for_and_keeps_no_connection() -> None:
    async def ask() -> None:
        pool = _Pool()
        line = Turns(cast("Any", pool))
        await pool.free.acquire()
        with pytest.raises(PoolTimeout):
            async with line.connection():
                pass
        waiting = asyncio.ensure_future(line._turn())
        await asyncio.sleep(0)
        waiting.cancel()  # its client has gone
        await asyncio.gather(waiting, return_exceptions=True)
        pool.free.release()
        async with line.connection():
            pass
        assert pool.given == 1

    asyncio.run(ask())


class _Late(_Pool):
    """Gives its connection although nobody waits any more, as ``asyncio.wait_for`` does that was just answered."""

    async def getconn(self, timeout: float) -> _Connection:
        try:
            await asyncio.sleep(timeout)
        except asyncio.CancelledError:
            return await super().getconn(timeout)
        raise PoolTimeout


def test_a_connection_that_comes_although_nobody_waits_goes_back() -> None:
    async def ask() -> None:
        pool = _Late()
        waiting = asyncio.ensure_future(Turns(cast("Any", pool))._turn())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        async with asyncio.timeout(30):
            await pool.free.acquire()
        assert pool.given == 1

    asyncio.run(ask())
