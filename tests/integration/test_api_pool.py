"""The pool of the routes keeps few connections warm."""

from __future__ import annotations

import asyncio

import pytest

from api.http.errors import Unavailable
from api.http.pool import make_pool
from api.http.public_rows import public_rows
from tests.conftest import Database

_RUNS = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active')"


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


async def _after_trouble(url: str) -> list[bool]:
    """Have statements of no caller fail and be given up; return which connections commit by themselves then."""
    found = []
    async with make_pool(url) as pool:
        with pytest.raises(Unavailable):
            await public_rows(pool, "SELECT FROM nothing_of_this_name")
        async with pool.connection() as conn:
            found.append(conn.autocommit)
        sleeping = asyncio.ensure_future(public_rows(pool, "SELECT pg_sleep(300)"))
        async with pool.connection() as other:
            while not (await (await other.execute(_RUNS)).fetchone() or (False,))[0]:
                assert not sleeping.done()
                await other.rollback()  # a transaction looks at the activity of its beginning
        sleeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sleeping
        first, second = await pool.getconn(), await pool.getconn()
        for conn in (first, second):
            found.append(conn.autocommit)
            await conn.execute("SELECT 1")
            await conn.rollback()
            await pool.putconn(conn)
    return found


def test_who_comes_after_a_statement_of_no_caller_has_a_transaction(database: Database) -> None:
    assert asyncio.run(asyncio.wait_for(_after_trouble(database.as_login("api_1")), 60)) == [False, False, False]


def test_the_connection_that_was_used_last_is_given_first(database: Database) -> None:
    assert asyncio.run(asyncio.wait_for(_given_after(database.as_login("api_1")), 60)) == [True, True, True]


def test_the_statements_of_many_pages_stay_prepared_from_the_second_time_on(database: Database) -> None:
    assert asyncio.run(asyncio.wait_for(_prepared(database.as_login("api_1")), 60)) == (0, 200)
