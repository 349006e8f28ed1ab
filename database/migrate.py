"""Bring a database's schema up to date: numbered SQL files, each once, in one transaction, one runner at a time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any, Final

import psycopg
from psycopg import errors

from database import editions, pool
from database.files import MIGRATIONS, Migration, MigrationError, read_migrations

__all__ = ["MigrationError", "migrate"]

LOCK_WAIT_S: Final = 300
OLDEST_SERVER: Final = 150000
"""PostgreSQL 15, as ``server_version_num``; 17 is what the tests run on."""
OLDEST_TIMESCALEDB: Final = (2, 13)
"""The first with ``by_range``."""

_TABLE = """
CREATE TABLE IF NOT EXISTS migration (
  number integer PRIMARY KEY CHECK (number > 0),
  name text NOT NULL,
  checksum text NOT NULL CHECK (checksum ~ '^[0-9a-f]{64}$'),
  applied_at timestamptz NOT NULL DEFAULT now()
)"""
# The migrators' lock: it blocks no reads and writes, and only a role that may change the table can take it.
_LOCK = "LOCK TABLE migration IN SHARE UPDATE EXCLUSIVE MODE"
# A function is for whom it is granted to; PostgreSQL grants each new one to PUBLIC. Not those of extensions: a default
# privilege would also close what a later version of TimescaleDB brings.
_CLOSE = """
DO $$
DECLARE one text;
BEGIN
  FOR one IN
    SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname IN ('public', 'report')
      AND NOT EXISTS (SELECT FROM pg_depend d
                      WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
      AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee = 0)
      AND pg_has_role(current_user, p.proowner, 'USAGE')
  LOOP
    EXECUTE 'REVOKE ALL ON ROUTINE ' || one || ' FROM PUBLIC';
  END LOOP;
END $$"""
_APPLIED = "SELECT number, name, checksum FROM migration ORDER BY number"
_RECORD = "INSERT INTO migration (number, name, checksum) VALUES (%s, %s, %s)"
# The loader, which must be preloaded, defines max_background_workers; without it CREATE EXTENSION kills the connection.
_SERVER = """
SELECT current_setting('server_version_num')::integer,
       current_setting('timescaledb.max_background_workers', true) IS NOT NULL,
       (SELECT installed_version FROM pg_available_extensions WHERE name = 'timescaledb'),
       (SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'),
       has_schema_privilege(current_user, 'public', 'CREATE'),
       current_user"""


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def migrate(url: str, *, log: Callable[[str], None] = _say, directory: Path = MIGRATIONS) -> list[str]:
    """Apply to the database at ``url`` what it lacks, and return the names of the migrations applied, in order.

    Runs again without harm; two at once wait for each other (up to 5 min). A migration that fails is undone whole, and
    those before it stay. ``log`` takes one line of progress at a time.

    Raises:
        MigrationError: the server can't be reached or used, the user lacks rights, the database is newer than this
            code, an applied file has changed since, or a migration fails.
    """
    migrations = read_migrations(directory)
    with _errors_told(), _connect(url) as connection:
        _check_server(connection)
        _make_table(connection)
        with _connect(url) as locking, locking.transaction():
            _lock(locking, log)
            pending = _pending(migrations, connection.execute(_APPLIED).fetchall())
            for one in pending:
                _apply(connection, one, log)
            editions.compress(connection, log)
        log(f"schema: {len(pending)} migration(s) applied, now at {migrations[-1]}")
    return [str(one) for one in pending]


def _connect(url: str) -> pool.Connection:
    try:
        return pool.connect(url, application_name="maillage migrate", autocommit=True, statement_timeout_s=0)
    except psycopg.ProgrammingError as error:
        raise MigrationError(f"MAILLAGE_DATABASE_URL: {_message(error)}") from error
    except psycopg.OperationalError as error:
        if 'parameter "TimeZone"' not in str(error):
            raise
        raise MigrationError(
            "the server knows no time zones, not even UTC: install the package tzdata on its machine"
        ) from error


def _pending(migrations: tuple[Migration, ...], applied: list[tuple[Any, ...]]) -> list[Migration]:
    """Compare what the database has with what the code has; the rest is to be applied."""
    known = {one.number: one for one in migrations}
    for number, name, checksum in applied:
        mine = known.get(number)
        if mine is None:
            raise MigrationError(
                f"the database has migration {number:04d}_{name}, which this version of Maillage doesn't know: it is "
                "newer than the code. Install at least the version that wrote it; a schema never goes backwards."
            )
        if mine.checksum != checksum:
            raise MigrationError(
                f"{mine}.sql has changed since it was applied to this database. An applied migration never changes: "
                "restore the file and put the change into a new one."
            )
    done = {number for number, _, _ in applied}
    newest = max(done, default=0)
    pending = [one for one in migrations if one.number not in done]
    if pending and pending[0].number < newest:
        raise MigrationError(
            f"{pending[0]} comes before {newest:04d}, which is already applied: give it a higher number"
        )
    return pending


def _apply(connection: psycopg.Connection[Any], migration: Migration, log: Callable[[str], None]) -> None:
    """Run one migration and record it."""
    started = monotonic()
    *first, last = migration.statements
    try:
        for statement in first:
            connection.execute(statement.encode())
        if migration.needs_no_transaction:
            connection.execute(last.encode())
            connection.execute(_CLOSE)
            connection.execute(_RECORD, (migration.number, migration.name, migration.checksum))
        else:
            with connection.transaction():
                connection.execute(last.encode())
                connection.execute(_CLOSE)
                connection.execute(_RECORD, (migration.number, migration.name, migration.checksum))
    except errors.InsufficientPrivilege as error:
        raise MigrationError(
            f"{migration}: {_message(error)}. Migrate as the database's owner with the right to create roles "
            "(CREATEROLE) and trusted extensions."
        ) from error
    except psycopg.Error as error:
        raise MigrationError(f"{migration}: {_message(error)}{_line(migration, error)}") from error
    log(f"schema: {migration} applied in {monotonic() - started:.2f} s")


def _check_server(connection: psycopg.Connection[Any]) -> None:
    row = connection.execute(_SERVER).fetchone()
    assert row is not None
    version, preloaded, installed, available, may_create, user = row
    if version < OLDEST_SERVER:
        raise MigrationError(
            f"PostgreSQL {version // 10000} is too old: Maillage needs {OLDEST_SERVER // 10000} or newer (17 is best)"
        )
    if available is None:
        raise MigrationError(
            "the server has no TimescaleDB: install it (either edition) for the server's version of PostgreSQL"
        )
    if not preloaded:
        raise MigrationError(
            "TimescaleDB is not loaded: add timescaledb to shared_preload_libraries and restart the server"
        )
    found = installed or available
    if tuple(int(part) for part in found.split(".")[:2]) < OLDEST_TIMESCALEDB:
        raise MigrationError(f"TimescaleDB {found} is too old: Maillage needs 2.13 or newer")
    if not may_create:
        raise MigrationError(f"user {user} may not create tables here: migrate as the database's owner")


def _make_table(connection: psycopg.Connection[Any]) -> None:
    """Make the table of migrations, unless it is there; two at once may both try."""
    for _ in range(2):
        try:
            connection.execute(_TABLE)
        except (errors.UniqueViolation, errors.DuplicateTable, errors.DuplicateObject):
            continue
        return


def _lock(connection: psycopg.Connection[Any], log: Callable[[str], None]) -> None:
    """Take the migrators' lock until this transaction ends, however it ends.

    The transaction holds nothing but the lock: no snapshot that would hold back vacuum, and no time limit.
    """
    connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
    try:
        with connection.transaction():
            connection.execute(f"{_LOCK} NOWAIT".encode())
    except errors.LockNotAvailable:
        log("schema: another migration is running; waiting for it")
    else:
        return
    connection.execute("SELECT set_config('lock_timeout', %s, true)", (f"{LOCK_WAIT_S}s",))
    try:
        connection.execute(_LOCK.encode())
    except errors.LockNotAvailable as error:
        raise MigrationError(f"another migration has been running for more than {LOCK_WAIT_S} s") from error


@contextmanager
def _errors_told() -> Iterator[None]:
    """Turn what the driver raises outside a migration into a sentence; the address's password is never shown."""
    try:
        yield
    except psycopg.OperationalError as error:
        raise MigrationError(f"cannot use the database: {_message(error)}. Check MAILLAGE_DATABASE_URL.") from error
    except psycopg.Error as error:
        raise MigrationError(_message(error)) from error


def _message(error: psycopg.Error) -> str:
    return (error.diag.message_primary or str(error).strip().splitlines()[0]).rstrip(".")


def _line(migration: Migration, error: psycopg.Error) -> str:
    """Say in which line of the file, where the server told."""
    position = error.diag.statement_position
    if position is None or len(migration.statements) > 1:
        return ""
    return f" (line {migration.sql[: int(position)].count(chr(10)) + 1})"
