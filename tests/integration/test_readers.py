"""What a reader's login for Grafana may try, whatever it sets or sends, and that it stops nothing."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import errors

from dashboards.roles import create_reader, drop_reader
from database.leases import Keeper
from database.migrate import migrate
from jobs import readers, traces
from jobs.maintain import maintain
from jobs.traces import RetentionBlocked
from tests.conftest import Database
from tests.waiting import until

OLD_LOCKS = """
SELECT pg_advisory_lock(1296124769, n) FROM generate_series(0, 63) AS n
UNION ALL SELECT pg_advisory_lock(1296124770)
UNION ALL SELECT pg_advisory_lock(('x' || encode(k::bytea, 'hex'))::bit(64)::bigint)
  FROM unnest('{auditlog,maintain,maillage}'::text[]) AS k
UNION ALL SELECT pg_advisory_lock(hashtext('maillage network import'))
UNION ALL SELECT pg_advisory_lock(hashtext('maillage schedule links'))
"""
"""All that earlier versions locked: shards, lists, the audit, upkeep, migration, import and schedules."""


_VIEWS = (
    *("hours_cover(", "is_public_holiday(", "report.aligned("),
    *("report.told_after(", "report.change_before(", "report.desks_before("),
)
"""What the readers' views and panels call, in the name of who asks: pure functions, and some that read the views."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    url: str
    name: str

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.url)


@pytest.fixture
def reader(database: Database) -> Iterator[Reader]:
    name = f"reader_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(database.url, autocommit=True) as owner:
        create_reader(owner, name, "secret", None)
        parts = urlsplit(database.url)
        url = urlunsplit(parts._replace(netloc=f"{name}:secret@{parts.hostname}:{parts.port}"))
        yield Reader(url=url, name=name)
        owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", (name,))
        until(lambda: not _sessions(owner, name), what="the reader's sessions to end")
        drop_reader(owner, name)


def _sessions(connection: psycopg.Connection[Any], name: str) -> int:
    row = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = %s", (name,)).fetchone()
    assert row is not None
    return int(row[0])


def test_no_advisory_lock_of_a_reader_stops_anything(database: Database, reader: Reader) -> None:
    lines: list[str] = []
    with reader.connect() as connection, psycopg.connect(database.url, autocommit=True) as owner:
        connection.execute(OLD_LOCKS)
        owner.execute("SET statement_timeout = '20s'")
        for login, lease in (("ingest_1", "shard 00"), ("rights_1", "rights")):
            with Keeper(database.as_login(login), [lease], application_name="test") as keeper:
                until(lambda keeper=keeper, lease=lease: lease in keeper.held, what=f"{lease} to be held")  # type: ignore[misc]
        assert maintain(database.as_login("maintain_1"), log=lines.append)
        assert migrate(database.url, log=lines.append) == []
        owner.execute("INSERT INTO member (ref, name) VALUES ('m-aaaa', 'Anne')")
        owner.execute("UPDATE member SET status = 'suspended'")
        assert owner.execute("SELECT count(*) FROM audit WHERE action LIKE 'member %'").fetchone() == (2,)


def test_a_reader_calls_no_function_of_ours_and_locks_no_table(database: Database, reader: Reader) -> None:
    with psycopg.connect(database.url) as owner:
        ours = owner.execute(FUNCTIONS).fetchall()
        tables = owner.execute(
            "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = 'public' AND c.relkind = 'r' AND c.relname !~ '^_' ORDER BY 1"
        ).fetchall()
    assert len(ours) > 50 and len(tables) > 40
    with psycopg.connect(reader.url, autocommit=True) as connection:
        for function, _, definer, _ in ours:
            row = connection.execute("SELECT has_function_privilege(%s, 'EXECUTE')", (function,)).fetchone()
            assert row == (function.startswith(_VIEWS),), function
            assert not (definer and function.startswith(_VIEWS)), f"{function} must see what its caller sees"
        for (table,) in tables:
            with pytest.raises(errors.InsufficientPrivilege), connection.transaction():
                connection.execute(f"LOCK TABLE {table} IN ACCESS SHARE MODE".encode())
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("SELECT access_soiled(ARRAY[]::text[], ARRAY[NULL]::integer[], true)")
        connection.execute("SET default_transaction_read_only = off")
        for statement in ("CREATE TABLE x ()", "CREATE TEMPORARY TABLE x ()", "CREATE SCHEMA x"):
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute(statement.encode())


FUNCTIONS = """
SELECT p.oid::regprocedure::text, coalesce(p.proacl, acldefault('f', p.proowner))::text, p.prosecdef,
       coalesce(array_to_string(p.proconfig, ','), '')
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname IN ('public', 'report')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
ORDER BY 1
"""
"""Ours: all that no extension brought."""


def test_no_function_of_ours_is_everybodys(database: Database) -> None:
    with psycopg.connect(database.url) as owner:
        found = owner.execute(FUNCTIONS).fetchall()
    for function, rights, definer, settings in found:
        assert not rights.startswith("{=") and ",=" not in rights, f"{function} is PUBLIC's: {rights}"
        if definer:
            assert "search_path=" in settings, f"{function} runs as the owner, by names that its caller chooses"


def test_a_function_of_a_later_migration_is_nobodys_either(database: Database, tmp_path: Any) -> None:
    from database.files import MIGRATIONS

    for file in MIGRATIONS.glob("*.sql"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "9999_later.sql").write_text(
        "CREATE FUNCTION later() RETURNS void LANGUAGE sql SECURITY DEFINER AS 'SELECT';\n"
    )
    migrate(database.url, log=lambda _line: None, directory=tmp_path)
    with psycopg.connect(database.as_login("api_1")) as connection, pytest.raises(errors.InsufficientPrivilege):
        connection.execute("SELECT later()")


def test_what_a_reader_leaves_open_is_ended(database: Database, reader: Reader) -> None:
    """It sets its own limits away; a transaction with many short queries lasts as well, and an error is caught."""
    stop = threading.Event()
    stubborn = (
        "DO $$ BEGIN LOOP BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$"
    )
    with reader.connect() as busy, reader.connect() as idle, psycopg.connect(database.as_login("maintain_1")) as upkeep:
        upkeep.autocommit = True
        busy.execute("SET statement_timeout = 0")
        busy.commit()
        idle.execute("SET idle_in_transaction_session_timeout = 0")
        idle.execute("SELECT * FROM report.place")

        def run() -> None:
            with pytest.raises(psycopg.OperationalError):
                busy.execute(stubborn)
            stop.set()

        thread = threading.Thread(target=run)
        thread.start()
        until(lambda: readers.end_slow(upkeep, longest_s=1) and stop.wait(0.1), what="both to be ended")
        thread.join(10)
        with pytest.raises(psycopg.OperationalError):
            idle.execute("SELECT 1")
        assert readers.end_slow(upkeep, longest_s=0) == 0, "nobody else is"


def test_only_readers_are_ended(database: Database) -> None:
    with (
        psycopg.connect(database.url) as owner,
        psycopg.connect(database.as_login("api_1")) as api,
        psycopg.connect(database.as_login("maintain_1"), autocommit=True) as upkeep,
    ):
        for connection in (owner, api):
            connection.execute("SELECT 1")
        time.sleep(0.01)
        assert readers.end_slow(upkeep, longest_s=0) == 0
        for connection in (owner, api):
            connection.execute("SELECT 1")


def _old_event(url: str) -> None:
    with psycopg.connect(url) as owner:
        owner.execute(
            "INSERT INTO event (at, received_at, tx, stream, seq, place, kind)"
            " VALUES (now() - interval '120 days', now(), 1, 1, 1, 1, 9)"
        )


def test_a_readers_open_transaction_does_not_stop_the_end_of_traces(
    database: Database, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    _old_event(database.url)
    monkeypatch.setattr(traces, "_TRY_EVERY_S", 0.2)
    monkeypatch.setattr(readers, "LONGEST_S", 1)
    end = readers.end_slow
    monkeypatch.setattr(readers, "end_slow", lambda connection: end(connection, longest_s=1))
    connection = reader.connect()
    connection.execute("SELECT * FROM report.desk_history")
    assert maintain(database.as_login("maintain_1"), log=lambda _line: None)
    connection.close()
    with psycopg.connect(database.url) as owner:
        assert owner.execute("SELECT count(*) FROM event").fetchone() == (0,)


def test_what_keeps_traces_beyond_their_time_is_said_aloud(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _old_event(database.url)
    monkeypatch.setattr(traces, "_TRIES", 2)
    monkeypatch.setattr(traces, "_TRY_EVERY_S", 0.0)
    url = database.as_login("maintain_1")
    lines: list[str] = []
    with psycopg.connect(database.url) as owner, psycopg.connect(database.url, autocommit=True) as other:
        owner.execute("SELECT * FROM event")  # not a reader's: a backup, say
        for _ in range(2):
            with pytest.raises(RetentionBlocked, match=r"docs/operate\.md"):
                maintain(url, log=lines.append)
        other.execute("SELECT count(*) FROM event")  # nobody waits behind it
        assert other.execute("SELECT kind FROM alarm").fetchall() == [("retention_blocked",)], "once"
        assert "retention_blocked" in caplog.text
    assert maintain(url, log=lines.append, now=datetime.now(UTC) + timedelta(seconds=1))
