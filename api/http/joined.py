"""One transaction for what a page reads, so that it enters the database once and not with each question."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, Generic, TypeVar

import psycopg

JOINED: Final = "maillage.joined"
"""The key of a ``Joined`` in the ASGI scope of a request that a page makes."""
_LINGERS_S: Final = 0.01
"""A page that asks again within this time finds the transaction open. Longer would hold a connection for nothing."""
_Opened = TypeVar("_Opened")


class Joined(Generic[_Opened]):
    """Opened with the first read, closed soon after the last, so that nothing is held while a page waits.

    A read that the database refuses makes the transaction useless for the others: ``broken`` says so, and who asked
    asks again without it. Who made it closes it in the end.
    """

    def __init__(self) -> None:
        self.broken = False
        self._lock = asyncio.Lock()
        self._readers = 0
        self._held: AbstractAsyncContextManager[_Opened] | None = None
        self._opened: _Opened | None = None
        self._later: asyncio.TimerHandle | None = None
        self._closing: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def use(self, opening: Callable[[], AbstractAsyncContextManager[_Opened]]) -> AsyncIterator[_Opened]:
        """Yield what ``opening`` opens, or what it opened for another read."""
        async with self._lock:
            self._stay()
            if self._opened is None:
                held = opening()
                self._opened = await held.__aenter__()
                self._held = held
            self._readers += 1
            opened = self._opened
        try:
            yield opened
        except psycopg.Error:
            self.broken = True
            raise
        finally:
            self._readers -= 1
            if self._readers == 0 and self.broken:
                await self._close()
            elif self._readers == 0:
                self._later = asyncio.get_running_loop().call_later(_LINGERS_S, self._close_soon)

    async def close(self) -> None:
        """Close it now, unless a read runs; a later read opens it again.

        Raises:
            psycopg.Error, OSError: the database did not confirm what was done, now or before.
        """
        self._stay()
        closing, self._closing = self._closing, None
        if closing is not None:
            await closing
        await self._close()

    def _stay(self) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None

    def _close_soon(self) -> None:
        self._later = None
        self._closing = asyncio.get_running_loop().create_task(self._close())

    async def _close(self) -> None:
        async with self._lock:
            if self._readers == 0 and self._held is not None:
                held, self._held, self._opened = self._held, None, None
                await held.__aexit__(None, None, None)
