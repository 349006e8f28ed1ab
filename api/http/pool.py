"""The connections that the routes use; of those that are free, the one used last is given first.

PostgreSQL keeps a statement's parse and plan for the connection that has prepared it. A pool that gives its connections
in turn has each statement prepared on all of them, and a page that is opened now and then finds it on none.
"""

from __future__ import annotations

from typing import Any, Final

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from api.http.turns import check
from database.pool import conninfo

_STATEMENT_TIMEOUT_S: Final = 10
_RECONNECT_S: Final = 2.0
"""How long a pool without a connection retries each second; after that it retries at each request. Its default of
five minutes doubles the pause each time, so that management would be down for a minute after the database is back."""
_PREPARED_AFTER: Final = 1
"""A statement is prepared when a connection runs it once more after so many times."""
_PREPARED: Final = 500
"""Statements that a connection keeps; with psycopg's 100, those of one page would drive out those of another."""


class WarmPool(AsyncConnectionPool[AsyncConnection[Any]]):
    """Gives the free connection that was used last, so that others fall idle and are closed in time."""

    async def _get_ready_connection(self, timeout: float | None) -> AsyncConnection[Any] | None:
        self._pool.rotate(1)  # the last one becomes the first, which is given
        return await super()._get_ready_connection(timeout)


async def _configure(conn: AsyncConnection[Any]) -> None:
    conn.prepare_threshold = _PREPARED_AFTER
    conn.prepared_max = _PREPARED


def make_pool(url: str) -> WarmPool:
    """Return the pool that the routes use; it connects once it is opened."""
    return WarmPool(
        conninfo(url, application_name="maillage-api", statement_timeout_s=_STATEMENT_TIMEOUT_S, connect_timeout_s=3),
        min_size=1,
        max_size=8,
        timeout=3,
        max_waiting=256,
        reconnect_timeout=_RECONNECT_S,
        open=False,
        configure=_configure,
        check=check,
    )
