"""One transaction for what a page reads at once, so that it enters the database once and not with each question."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, Generic, TypeVar

import psycopg

JOINED: Final = "maillage.joined"
"""The key of a ``Joined`` in the ASGI scope of a request that a page makes."""
_Opened = TypeVar("_Opened")


class Joined(Generic[_Opened]):
    """Opened with the first read, closed when no read runs any more, so that nothing is held while a page waits.

    A read that the database refuses makes the transaction useless for the others: ``broken`` says so, and who asked
    asks again without it.
    """

    def __init__(self) -> None:
        self.broken = False
        self._lock = asyncio.Lock()
        self._readers = 0
        self._held: AbstractAsyncContextManager[_Opened] | None = None
        self._opened: _Opened | None = None

    @asynccontextmanager
    async def use(self, opening: Callable[[], AbstractAsyncContextManager[_Opened]]) -> AsyncIterator[_Opened]:
        """Yield what ``opening`` opens, or what it opened for another read that still runs."""
        async with self._lock:
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
            async with self._lock:
                self._readers -= 1
                if self._readers == 0 and self._held is not None:
                    held, self._held, self._opened = self._held, None, None
                    await held.__aexit__(None, None, None)
