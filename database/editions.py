"""What only TimescaleDB's community edition has: compression, which the Apache edition refuses (SQLSTATE 0A000).

This is a step after the numbered migrations and not one of them, since a server may change its edition at any time
while a numbered migration runs once. It is run at every ``migrate``, and does nothing where nothing is to be done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import psycopg

COMMUNITY: Final = "timescale"

_SETTINGS: Final[dict[str, tuple[bytes, bytes]]] = {
    "event": (
        b"ALTER TABLE event SET (timescaledb.compress, timescaledb.compress_segmentby = 'stream', "
        b"timescaledb.compress_orderby = 'seq')",
        b"SELECT add_compression_policy('event', interval '7 days', if_not_exists => true)",
    ),
    "occupancy_change": (
        b"ALTER TABLE occupancy_change SET (timescaledb.compress, timescaledb.compress_segmentby = 'space', "
        b"timescaledb.compress_orderby = 'at')",
        b"SELECT add_compression_policy('occupancy_change', interval '30 days', if_not_exists => true)",
    ),
}
"""By hypertable: the statements that turn compression on. Late events go into compressed chunks all the same."""

_EDITION = (
    "SELECT current_setting('timescaledb.license', true) WHERE EXISTS (SELECT FROM pg_extension"
    " WHERE extname = 'timescaledb') AND to_regclass('event') IS NOT NULL"
)
_COMPRESSED = (
    "SELECT hypertable_name FROM timescaledb_information.hypertables"
    " WHERE hypertable_schema = current_schema() AND compression_enabled"
)


def statements(licence: str | None, compressed: frozenset[str]) -> tuple[tuple[str, tuple[bytes, ...]], ...]:
    """Return what is still to run, by hypertable, on a server of that ``licence`` (``apache``, ``timescale``).

    ``compressed``: the hypertables that have compression already; an operator's own settings are left alone.
    """
    if licence != COMMUNITY:
        return ()
    return tuple((table, run) for table, run in _SETTINGS.items() if table not in compressed)


def compress(connection: psycopg.Connection[Any], log: Callable[[str], None]) -> None:
    """Turn compression on where the server's edition has it; ``connection`` is in autocommit mode.

    A server that calls itself the community edition and refuses all the same is reported and left as it is: the
    schema is complete without compression.
    """
    row = connection.execute(_EDITION).fetchone()
    if row is None:
        return
    (licence,) = row
    if licence != COMMUNITY:
        log(f"compression: not in this edition of TimescaleDB ({licence}); nothing to do")
        return
    done = frozenset(name for (name,) in connection.execute(_COMPRESSED).fetchall())
    for table, run in statements(licence, done):
        try:
            with connection.transaction():
                for statement in run:
                    connection.execute(statement)
            log(f"compression: on for {table}")
        except psycopg.Error as error:
            log(f"compression: could not be turned on for {table}: {error.diag.message_primary or error}")
