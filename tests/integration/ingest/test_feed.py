"""The feed of stored events: after a restore into a younger cluster, and while transactions overlap."""

from __future__ import annotations

import asyncio
import random
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection
from pydantic import SecretStr

from api.events.feed import Mark, read_page
from api.events.feed_before import Before
from api.http.cursors import make_cursor
from api.keys import owner as keys
from ingest import store
from maillage.embedded import EmbeddedPostgres
from maillage.embedded.bundle import Bundle
from maillage.embedded.process import free_port
from tests.api_server import api_process
from tests.conftest import _PASSWORD, Database
from tests.integration.ingest.conftest import Bench, HandGateway
from tests.waiting import until

S = 1_000_000
Event = tuple[int, int]
"""Its stream and sequence number."""


def now() -> int:
    return time.time_ns() // 1000


def send(gateway: HandGateway, first: int, count: int) -> None:
    begin = now() - count
    events = [
        {"kind": "desk", "at": begin + n, "device": f"desk-{n % 4}", "occupied": n % 2 == 0} for n in range(count)
    ]
    gateway.batch(first, events, sent_at=now())


def deliver(gateway: HandGateway, first: int, count: int) -> None:
    """Send until the mark comes, as gateways do: the ingest waits for the leases that the dump holds to end."""

    def stored() -> bool:
        send(gateway, first, count)
        time.sleep(0.2)
        return gateway.mark() == first + count - 1

    until(stored, what=f"{gateway.code} has its mark")


def read(url: str, cursor: str | None, key: str, **question: Any) -> tuple[list[Event], str]:
    """Read the feed to its end, by a real API on ``url``."""
    found: list[Event] = []
    with api_process(url) as api:
        while True:
            params = {**question, **({"cursor": cursor} if cursor else {})}
            answer = api.get("/v1/events", params=params, headers={"Authorization": f"Bearer {key}"})
            assert answer.status_code == 200, answer.text
            page = answer.json()
            found += [(event["stream"], event["seq"]) for event in page["events"]]
            cursor = page["next"]
            if not page["more"]:
                assert cursor
                return found, cursor


def stored(url: str) -> list[Event]:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT stream, seq FROM event ORDER BY stream, seq").fetchall()


@pytest.fixture
def younger(bundle: Bundle, tmp_path: Path, database_url: str) -> Iterator[EmbeddedPostgres]:
    """A cluster whose transaction numbers begin anew; it is the embedded one, which restores only what is like it."""
    with psycopg.connect(database_url) as connection:
        given = connection.execute(
            "SELECT extversion, current_setting('timescaledb.license'), current_setting('server_version_num')::integer"
            " FROM pg_extension WHERE extname = 'timescaledb'"
        ).fetchone()
    assert given is not None
    versions = bundle.versions()
    if given != (versions["timescaledb"], "apache", given[2]) or given[2] // 10000 != int(versions["postgresql"][:2]):
        pytest.skip(f"the embedded server ({versions}) can't restore what the given one ({given}) dumps")
    server = EmbeddedPostgres(
        tmp_path / "younger",
        bundle=bundle,
        password=_PASSWORD,
        settings={"timescaledb.max_background_workers": "0", "fsync": "off", "shared_buffers": "64MB"},
    )
    server.start()
    yield server
    server.stop()


def restore(bundle: Bundle, old: str, server: EmbeddedPostgres, folder: Path) -> Database:
    """Dump the database ``old`` and restore it on ``server``, as an operator does."""
    programs = bundle.postgres_bin
    dump, roles = folder / "maillage.dump", folder / "roles.sql"
    subprocess.run([programs / "pg_dump", "-Fc", "-f", dump, "-d", old], check=True, capture_output=True)
    subprocess.run([programs / "pg_dumpall", "--roles-only", "-f", roles, "-d", old], check=True, capture_output=True)
    url = server.url(database="restored")
    with psycopg.connect(server.url(database="postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE restored")
    subprocess.run([programs / "psql", "-q", "-f", roles, "-d", url], check=False, capture_output=True)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
        connection.execute("SELECT timescaledb_pre_restore()")
    subprocess.run([programs / "pg_restore", "-d", url, dump], check=True, capture_output=True)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT timescaledb_post_restore()")
    return Database(url=url)


def test_a_kept_cursor_goes_on_after_a_restore_into_a_younger_cluster(  # noqa: PLR0917
    bench: Bench,
    database: Database,
    start_ingest: Callable[..., threading.Event],
    bundle: Bundle,
    younger: EmbeddedPostgres,
    tmp_path: Path,
) -> None:
    with psycopg.connect(bench.url, autocommit=True) as connection:
        connection.execute("DO $$ BEGIN FOR i IN 1..30000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$")
        key = keys.create_key(connection, "reader", ["events:read"])
    stop = start_ingest()
    for gateway in bench.gateways:
        send(gateway, 1, 150)
        gateway.until_mark(150)
    first, cursor = read(database.as_login("api_1"), None, key, limit=100)
    assert sorted(first) == stored(bench.url)
    stop.set()

    new = restore(bundle, bench.url, younger, tmp_path)
    with psycopg.connect(new.url) as connection:
        row = connection.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()
        assert row is not None
        assert row[0] < 30_000, "the cluster is no younger: the test shows nothing"
    start_ingest(database_url=SecretStr(new.as_login("ingest_1")), metrics_port=free_port())
    for gateway in bench.gateways:
        deliver(gateway, 151, 20)
    after, _ = read(new.as_login("api_1"), cursor, key, limit=7)
    everything, _ = read(new.as_login("api_1"), None, key, limit=1000)
    assert sorted(everything) == stored(new.url)
    assert sorted([*first, *after]) == stored(new.url)


def test_a_reader_of_an_older_backup_gets_what_is_stored_after_it(
    bench: Bench, database: Database, start_ingest: Callable[..., threading.Event]
) -> None:
    """What the backup lacks was read before; what comes then lies after it all the same."""
    with psycopg.connect(bench.url, autocommit=True) as connection:
        key = keys.create_key(connection, "reader", ["events:read"])
        start_ingest()
        gateway = bench.gateways[0]
        send(gateway, 1, 30)
        gateway.until_mark(30)
        row = connection.execute("SELECT max(n) FROM feed").fetchone()
        assert row is not None
        send(gateway, 31, 30)
        gateway.until_mark(60)
        _, cursor = read(database.as_login("api_1"), None, key)
        connection.execute("DELETE FROM feed WHERE n > %s", row)  # as if none of it had been in the backup
        send(gateway, 61, 5)
        gateway.until_mark(65)
        after, _ = read(database.as_login("api_1"), cursor, key)
        assert [seq for _, seq in after] == [61, 62, 63, 64, 65]


INSERT = """
INSERT INTO event (at, received_at, tx, stream, seq, place, kind)
SELECT clock_timestamp(), clock_timestamp(), %s, %s, n, %s, 5 FROM generate_series(%s::bigint, %s::bigint) n
RETURNING at
"""


class Writer:
    """Stores events as the ingest does, in transactions that end when the test says."""

    def __init__(self, url: str, stream: int, place: int) -> None:
        self.connection = psycopg.connect(url, autocommit=True)
        self._stream, self._place, self.last = stream, place, 0

    def write(self, count: int, *, pause: Callable[[], None] = lambda: None, commit: bool = True) -> None:
        with store.transaction(self.connection, 0) as (tx, _):
            first, last = self.last + 1, self.last + count
            rows = self.connection.execute(INSERT, (tx, self._stream, self._place, first, last)).fetchall()
            times = [store.micros(at) for (at,) in rows]
            pause()
            store.append_feed(
                self.connection,
                tx,
                [
                    store.Stored(
                        stream=self._stream, place=self._place, first=first, last=last, low=min(times), high=max(times)
                    )
                ],
            )
            pause()
            if not commit:
                self.connection.execute("ROLLBACK")
        self.last += count if commit else 0


def streams(url: str) -> list[tuple[int, int]]:
    """A stream for each gateway, with its place."""
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(
            "INSERT INTO stream (gateway, epoch) SELECT id, '0123456789abcdef' FROM gateway"
            " RETURNING id, (SELECT place FROM gateway g WHERE g.id = stream.gateway)"
        ).fetchall()


def test_a_reader_misses_nothing_while_transactions_overlap(bench: Bench) -> None:
    places = streams(bench.url)
    end = threading.Event()
    failures: list[BaseException] = []

    def work(stream: int, place: int) -> None:
        chance = random.Random(stream)
        try:
            writer = Writer(bench.url, stream, place)
            for _ in range(60):
                writer.write(
                    chance.randint(1, 5),
                    pause=lambda: time.sleep(chance.random() / 100),
                    commit=chance.random() < 0.9,
                )
            writer.connection.close()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=one) for one in places]

    async def follow() -> list[Event]:
        seen: list[Event] = []
        mark = Mark(before=Before())
        async with await AsyncConnection.connect(bench.url, autocommit=True) as connection:
            while True:
                over = end.is_set()
                page = await read_page(connection, mark, limit=3, places=None, kind=None)
                seen += [(row["stream"], row["seq"]) for row in page.rows]
                mark = page.mark
                if over and not page.more:
                    return seen

    found: list[Event] = []
    reader = threading.Thread(target=lambda: found.extend(asyncio.run(follow())))
    for thread in (*threads, reader):
        thread.start()
    for thread in threads:
        thread.join()
    end.set()
    reader.join()
    assert not failures
    assert sorted(found) == stored(bench.url)
    for stream, _ in places:
        assert [one[1] for one in found if one[0] == stream] == sorted(one[1] for one in found if one[0] == stream)


def test_who_stores_later_waits_for_the_end_of_who_was_first(bench: Bench) -> None:
    """Else the later line would be read, and the earlier one come below the reader's cursor."""
    first, second = (Writer(bench.url, *one) for one in streams(bench.url)[:2])
    first.write(1)
    second.write(1)  # the day's chunk is there
    other = threading.Thread(target=lambda: second.write(2))
    found: list[Event] = []

    async def read_on(mark: Mark) -> Mark:
        async with await AsyncConnection.connect(bench.url, autocommit=True) as connection:
            page = await read_page(connection, mark, limit=100, places=None, kind=None)
        found.extend((row["stream"], row["seq"]) for row in page.rows)
        return page.mark

    marks = [Mark()]

    def waiting() -> bool:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        return not other.is_alive() or bench.one(query) > 0

    def meanwhile() -> None:
        other.start()
        until(waiting, what="the second writer waits or has ended")
        marks.append(asyncio.run(read_on(marks[-1])))

    pauses: list[Callable[[], object]] = [meanwhile, lambda: None]  # after the line is appended; before

    def pause() -> None:
        pauses.pop()()

    first.write(2, pause=pause)
    other.join()
    asyncio.run(read_on(marks[-1]))
    for writer in (first, second):
        writer.connection.close()
    assert sorted(found) == stored(bench.url)


def test_events_and_cursors_from_before_the_ledger_go_on(bench: Bench, database: Database) -> None:
    stream, place = streams(bench.url)[0]
    with psycopg.connect(bench.url, autocommit=True) as connection:
        key = keys.create_key(connection, "reader", ["events:read"])
        for seq, tx in enumerate((7, 7, 40_000, 40_001), 1):  # as an older version stored them
            connection.execute(INSERT, (tx, stream, place, seq, seq))
        connection.execute("UPDATE feed_end SET before = now() + interval '1 minute'")
        connection.execute("INSERT INTO feed_before SELECT time_bucket('1 day', at), 7, 40001 FROM event GROUP BY 1")
    writer = Writer(bench.url, stream, place)
    writer.last = 4
    writer.write(3)
    writer.connection.close()
    url = database.as_login("api_1")
    assert [seq for _, seq in read(url, None, key, limit=2)[0]] == [1, 2, 3, 4, 5, 6, 7]
    assert [seq for _, seq in read(url, make_cursor(40_000, stream, 3), key)[0]] == [4, 5, 6, 7]
    assert [seq for _, seq in read(url, make_cursor(90_000, 0, 0), key)[0]] == [5, 6, 7]


def test_a_letter_that_is_read_later_comes_once_though_its_number_lies_within_a_line(
    bench: Bench, database: Database
) -> None:
    stream, place = streams(bench.url)[0]
    with psycopg.connect(bench.url, autocommit=True) as connection:
        key = keys.create_key(connection, "reader", ["events:read"])
    writer = Writer(bench.url, stream, place)
    writer.write(5)
    writer.connection.execute("DELETE FROM event WHERE stream = %s AND seq = 3", (stream,))
    writer.last = 2
    writer.write(1)
    writer.connection.close()
    assert [seq for _, seq in read(database.as_login("api_1"), None, key)[0]] == [1, 2, 4, 5, 3]
