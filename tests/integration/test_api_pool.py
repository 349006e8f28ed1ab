"""The pool of the routes keeps few connections warm."""

from __future__ import annotations

import asyncio

from api.http.pool import make_pool
from tests.conftest import Database


async def _given_after(url: str) -> list[bool]:
    """Give back two connections; return of each of the next three that are given whether it is the one used last."""
    async with make_pool(url) as pool:
        first, last = await pool.getconn(), await pool.getconn()
        await pool.putconn(first)
        await pool.putconn(last)
        found = []
        for _ in range(3):
            given = await pool.getconn()
            found.append(given is last)
            await pool.putconn(given)
        return found


async def _prepared(url: str) -> tuple[int, int]:
    """Return how many of two hundred statements a connection has prepared after they ran once, and twice."""
    counts = []
    async with make_pool(url) as pool, pool.connection() as conn:
        for _ in range(2):
            for number in range(200):
                await conn.execute(f"SELECT %s::integer + {number}".encode(), (1,))
            row = await (await conn.execute("SELECT count(*) FROM pg_prepared_statements", prepare=False)).fetchone()
            assert row is not None
            counts.append(row[0])
    return counts[0], counts[1]


def test_the_connection_that_was_used_last_is_given_first(database: Database) -> None:
    assert asyncio.run(asyncio.wait_for(_given_after(database.as_login("api_1")), 60)) == [True, True, True]


def test_the_statements_of_many_pages_stay_prepared_from_the_second_time_on(database: Database) -> None:
    assert asyncio.run(asyncio.wait_for(_prepared(database.as_login("api_1")), 60)) == (0, 200)
