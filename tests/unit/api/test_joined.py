"""What a page reads at once shares one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest

from api.http.joined import Joined

opened: list[str] = []


@asynccontextmanager
async def opening() -> AsyncIterator[str]:
    opened.append("open")
    try:
        yield "it"
    finally:
        opened.append("close")


def test_reads_at_once_share_one_and_it_is_closed_with_the_last() -> None:
    opened.clear()

    async def page() -> None:
        joined: Joined[str] = Joined()
        all_in = asyncio.Barrier(3)

        async def read() -> None:
            async with joined.use(opening) as it:
                assert it == "it"
                await all_in.wait()

        await asyncio.gather(read(), read(), read())
        assert opened == ["open", "close"]
        async with joined.use(opening):
            pass
        assert opened == ["open", "close"] * 2
        assert not joined.broken

    asyncio.run(page())


def test_a_refusal_of_the_database_breaks_it_and_it_is_closed_all_the_same() -> None:
    opened.clear()

    async def page() -> None:
        joined: Joined[str] = Joined()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with joined.use(opening):
                raise psycopg.errors.InsufficientPrivilege
        assert joined.broken
        assert opened == ["open", "close"]

    asyncio.run(page())
