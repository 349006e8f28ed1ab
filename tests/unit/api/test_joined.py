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


def test_reads_of_a_page_share_one_until_the_page_leaves_it() -> None:
    opened.clear()

    async def page() -> None:
        joined: Joined[str] = Joined()
        all_in = asyncio.Barrier(3)

        async def read() -> None:
            async with joined.use(opening) as it:
                assert it == "it"
                await all_in.wait()

        await asyncio.gather(read(), read(), read())
        async with joined.use(opening):  # the next read of the page comes right behind
            pass
        assert opened == ["open"]
        await joined.close()
        assert opened == ["open", "close"]
        async with joined.use(opening):
            await joined.close()  # a read runs: it stays open
            assert opened == ["open", "close", "open"]
        await joined.close()
        await joined.close()
        assert opened == ["open", "close"] * 2
        assert not joined.broken

    asyncio.run(page())


def test_it_is_closed_while_the_page_waits_for_something_else() -> None:
    opened.clear()

    async def page() -> None:
        joined: Joined[str] = Joined()
        async with joined.use(opening):
            pass
        async with asyncio.timeout(30):
            while opened != ["open", "close"]:
                await asyncio.sleep(0)

    asyncio.run(page())


def test_that_it_could_not_be_closed_is_known_to_the_page() -> None:
    @asynccontextmanager
    async def failing() -> AsyncIterator[str]:
        yield "it"
        opened.append("failed")
        raise psycopg.OperationalError

    async def page() -> None:
        for waits in (False, True):
            opened.clear()
            joined: Joined[str] = Joined()
            async with joined.use(failing):
                pass
            async with asyncio.timeout(30):
                while waits and not opened:  # it is closed behind the page's back
                    await asyncio.sleep(0)
            with pytest.raises(psycopg.OperationalError):
                await joined.close()
            await joined.close()

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
