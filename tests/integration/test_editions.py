"""A history in either edition of TimescaleDB: the community edition compresses its days, and nothing else changes."""

from __future__ import annotations

import asyncio
import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection, errors
from psycopg.rows import dict_row

from api.events import feed, feed_before
from api.events.feed import Mark, read_page
from api.events.feed_before import Before
from database.editions import COMMUNITY
from database.files import MIGRATIONS
from database.migrate import migrate
from database.pool import Connection
from jobs.maintain import maintain

NETWORK = """
INSERT INTO place (code, name, shard, latitude, longitude, source, source_id)
  VALUES ('a', 'A', 0, 45, 1, 't', '1'), ('b', 'B', 1, 45, 1, 't', '2');
INSERT INTO gateway (place, code) VALUES (1, 'a-g1'), (2, 'b-g1');
INSERT INTO stream (gateway, epoch) VALUES (1, '0123456789abcdef'), (2, '0123456789abcdef');
"""
DESK, DOOR = 5, 4
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
Event = tuple[int, int]
"""Its stream and sequence number."""


def quiet(_line: str) -> None:
    """Take a line and say nothing."""


def compress(connection: Connection) -> None:
    """Compress all days, where the edition does; the other one refuses."""
    row = connection.execute("SELECT current_setting('timescaledb.license')").fetchone()
    query = "SELECT count(compress_chunk(c)) FROM show_chunks('event') c"
    if row != (COMMUNITY,):
        with pytest.raises(errors.FeatureNotSupported):
            connection.execute(query)
        return
    compressed = connection.execute(query).fetchone()
    assert compressed is not None
    assert compressed[0] > 0


def store(connection: Connection, stream: int, at: datetime, numbers: range, *, tx: int | None = None) -> None:
    """Copy the events ``numbers`` in, one a minute from ``at`` on, and a line; with ``tx`` as before migration 0034."""
    if tx is None:
        row = connection.execute("SELECT nextval('event_batch')").fetchone()
        assert row is not None
    else:
        row = (tx,)
    times = [at + timedelta(minutes=n) for n in range(len(numbers))]
    with connection.transaction(), connection.cursor() as cursor:
        with cursor.copy("COPY event (at, received_at, tx, stream, seq, place, kind) FROM STDIN") as copy:
            for when, seq in zip(times, numbers, strict=True):
                copy.write_row((when, NOON, row[0], stream, seq, stream, DOOR if seq % 5 == 0 else DESK))
        if tx is None:
            connection.execute(
                "SELECT append_feed(%s, %s, %s, %s, %s, %s, %s)",
                (row[0], [stream], [stream], [numbers[0]], [numbers[-1]], [times[0]], [times[-1]]),
            )


def read(url: str, mark: Mark, *, limit: int, **question: Any) -> list[Event]:
    """Read the feed from ``mark`` to its end, in pages."""

    async def pages() -> list[Event]:
        found: list[Event] = []
        async with await AsyncConnection.connect(url, autocommit=True, options="-c timezone=UTC") as connection:
            at = mark
            while True:
                asked = {"places": None, "kind": None, **question}
                page = await read_page(connection, at, limit=limit, **asked)
                found += [(row["stream"], row["seq"]) for row in page.rows]
                assert len(page.rows) <= limit
                if not page.more:
                    return found
                at = page.mark

    return asyncio.run(pages())


def test_a_compressed_history_is_read_added_to_and_ended_like_any_other(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "_FIRST_LINES", 2)  # so that a page of these few lines takes several queries
    expected: list[Event] = []
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(NETWORK.encode())
        for day, (stream, numbers) in enumerate(
            [(1, range(1, 8)), (2, range(1, 13)), (1, range(8, 10)), (2, range(13, 14)), (1, range(10, 40))]
        ):
            store(connection, stream, NOON - timedelta(days=100 - 20 * day), numbers)
            expected += [(stream, seq) for seq in numbers]
        assert read(database_url, Mark(), limit=1000) == expected
        compress(connection)
        for limit in (1, 7, 1000):
            assert read(database_url, Mark(), limit=limit) == expected
        assert read(database_url, Mark(), limit=3, places=[2]) == [one for one in expected if one[0] == 2]
        assert read(database_url, Mark(), limit=2, kind="door") == [one for one in expected if one[1] % 5 == 0]

        store(connection, 2, NOON - timedelta(days=60), range(14, 20))  # late, into a day that is compressed
        expected += [(2, seq) for seq in range(14, 20)]
        assert read(database_url, Mark(), limit=4) == expected
        connection.execute("DELETE FROM event WHERE stream = 2 AND seq = 17")
        expected.remove((2, 17))
        assert read(database_url, Mark(), limit=4) == expected

    lines: list[str] = []
    assert maintain(database_url, log=lines.append)
    assert any(line.startswith("retention: 1 days of events") for line in lines), lines
    assert read(database_url, Mark(), limit=4) == expected[7:], "the first day is over its time"


def test_a_page_from_before_the_ledger_looks_only_at_the_days_of_its_transactions(empty: str, tmp_path: Path) -> None:
    """Compressed days have no index on the transaction's number."""
    for path in MIGRATIONS.glob("*.sql"):
        if int(path.name[:4]) < 34:
            shutil.copy(path, tmp_path)
    migrate(empty, log=quiet, directory=tmp_path)
    expected: list[Event] = []
    with psycopg.connect(empty, autocommit=True) as connection:
        connection.execute(NETWORK.encode())
        for day in range(8):
            numbers = range(1 + 6 * day, 7 + 6 * day)
            store(connection, 1, NOON - timedelta(days=20 - day), numbers, tx=1000 * (day + 1))
            expected += [(1, seq) for seq in numbers]
        store(
            connection, 2, NOON - timedelta(days=20), range(1, 4), tx=7500
        )  # late: the first day, the last transactions
        expected[42:42] = [(2, seq) for seq in range(1, 4)]
        compress(connection)
    migrate(empty, log=quiet)
    with psycopg.connect(empty, autocommit=True) as connection:
        store(connection, 1, NOON, range(49, 52))
    expected += [(1, seq) for seq in range(49, 52)]
    start = Mark(before=Before())
    for limit in (1, 4, 1000):
        assert read(empty, start, limit=limit) == expected
    assert read(empty, start, limit=2, places=[2]) == [one for one in expected if one[0] == 2]
    assert read(empty, Mark(before=Before(tx=7500, stream=2, seq=2)), limit=5) == expected[44:]

    with psycopg.connect(empty, autocommit=True, row_factory=dict_row) as connection:
        days = connection.execute(feed_before._DAYS, (0,)).fetchall()
        window = feed_before._window(days, 2900, 3100)
        asked = {**window, "tx": 0, "stream": 0, "seq": 0, "places": None, "kind": None, "limit": 9}
        explain = f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {feed_before._PAGE}"
        plan = [row["QUERY PLAN"] for row in connection.execute(explain.encode(), asked, prepare=False)]
    assert len(days) == 8
    scanned = [line for line in plan if re.search(r"\bon _hyper_\w+_chunk", line) and "never executed" not in line]
    assert len(scanned) == 2, "that day, and the first one, for what came late"
