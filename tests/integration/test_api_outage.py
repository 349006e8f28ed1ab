"""Management after an outage of the database, however long it was."""

from __future__ import annotations

import asyncio
import contextlib
import time
from urllib.parse import urlsplit, urlunsplit

from psycopg_pool import AsyncConnectionPool, PoolTimeout

from api.http.pool import make_pool
from simulator.line import Line
from tests.conftest import Database


async def _answers(pool: AsyncConnectionPool) -> bool:
    try:
        async with pool.connection(timeout=0.2) as connection:
            await connection.execute("SELECT 1")
    except PoolTimeout:
        return False
    return True


async def _outage(line: Line, url: str) -> float:
    """Use a pool through an outage of fourteen tries; return the seconds from its end to the first answer."""
    async with make_pool(url) as pool:
        assert await _answers(pool)
        line.cut()
        before = line.tried
        while line.tried < before + 14:  # a pause that doubles is half a minute long by then
            assert not await _answers(pool)
        line.mend()
        mended = time.monotonic()
        while not await _answers(pool):
            pass
        return time.monotonic() - mended


def test_management_is_back_soon_after_a_long_outage(database: Database) -> None:
    parts = urlsplit(database.as_login("api_1"))
    assert parts.hostname is not None and parts.port is not None
    login, _, _ = parts.netloc.rpartition("@")
    with contextlib.closing(Line(parts.hostname, parts.port)) as line:
        url = urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:{line.start()}"))
        took_s = asyncio.run(asyncio.wait_for(_outage(line, url), 120))
    assert took_s < 8  # two seconds at most on a quiet machine
