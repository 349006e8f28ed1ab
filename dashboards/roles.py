"""Database readers: a login role for each Grafana scope, which sees its places and nothing else.

A Grafana organisation per scope with its own data source and its own reader: folder permissions protect no data, since
whoever may use a data source may send it any query.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

import psycopg
from psycopg import sql

from dashboards.errors import ReaderError

Connection = psycopg.Connection[tuple[Any, ...]]

GROUP: Final = "maillage_report"
STATEMENT_TIMEOUT_S: Final = 30
CONNECTION_LIMIT: Final = 20

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{2,62}")

# What is known of a role: whether it can log in, and whether it is of the readers' group and nothing more.
_ROLE: Final = """
SELECT r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls AS mighty,
  coalesce(array_agg(g.rolname::text) FILTER (WHERE g.rolname IS NOT NULL), '{}') AS groups
FROM pg_roles r
LEFT JOIN pg_auth_members m ON m.member = r.oid
LEFT JOIN pg_roles g ON g.oid = m.roleid
WHERE r.rolname = %s
GROUP BY r.oid, r.rolsuper, r.rolcreaterole, r.rolcreatedb, r.rolreplication, r.rolbypassrls
"""
# The ids of places by their codes.
_PLACES: Final = "SELECT code::text, id FROM place WHERE code = ANY(%s)"
# A reader's scope is what it is given last.
_CLEAR_SCOPE: Final = "DELETE FROM scope WHERE role = %s"
_ADD_SCOPE: Final = "INSERT INTO scope (role, place) SELECT %s, unnest(%s::integer[])"


def create_reader(connection: Connection, name: str, password: str, places: Iterable[str] | None) -> None:
    """Make the login role ``name`` see the places with these codes; None: the whole network. One transaction.

    An existing reader gets the password and the scope anew. It reads only, at most 30 s a statement, 20 connections.
    The password reaches the server as a SCRAM verifier, so that no log of statements can hold it.

    Raises:
        ReaderError: the name is no role name, is taken by a role that isn't a reader, or a place isn't known.
        psycopg.Error: the connection's user may not create roles.
    """
    if not _NAME.fullmatch(name) or name.startswith(("pg_", "maillage_")):
        raise ReaderError(
            f"{name!r} cannot name a reader: 3 to 63 lower-case letters, digits or _, a letter first, "
            "and neither pg_ nor maillage_ in front"
        )
    if not password:
        raise ReaderError("a reader needs a password")
    with connection.transaction():
        exists = _check(connection, name)
        ids = None if places is None else _ids(connection, places)
        verifier = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
        connection.execute(
            sql.SQL("{} ROLE {} LOGIN NOSUPERUSER INHERIT CONNECTION LIMIT {} PASSWORD {}").format(
                sql.SQL("ALTER" if exists else "CREATE"),
                sql.Identifier(name),
                sql.Literal(CONNECTION_LIMIT),
                sql.Literal(verifier),
            )
        )
        role = sql.Identifier(name)
        connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(GROUP), role))
        connection.execute(sql.SQL("ALTER ROLE {} SET default_transaction_read_only = on").format(role))
        connection.execute(
            sql.SQL("ALTER ROLE {} SET statement_timeout = {}").format(role, sql.Literal(f"{STATEMENT_TIMEOUT_S}s"))
        )
        connection.execute(_CLEAR_SCOPE, (name,))
        connection.execute(_ADD_SCOPE, (name, [None] if ids is None else ids))


def drop_reader(connection: Connection, name: str) -> None:
    """Remove the login role ``name`` and its scope.

    Raises:
        ReaderError: there is no such reader.
    """
    with connection.transaction():
        if not _check(connection, name):
            raise ReaderError(f"there is no reader {name!r}")
        connection.execute(_CLEAR_SCOPE, (name,))
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def _check(connection: Connection, name: str) -> bool:
    """Whether the role exists; one that exists must be a reader and nothing more."""
    row = connection.execute(_ROLE, (name,)).fetchone()
    if row is None:
        return False
    mighty, groups = row
    if mighty or groups != [GROUP]:
        raise ReaderError(f"the role {name!r} exists and isn't a reader; choose another name")
    return True


def _ids(connection: Connection, places: Iterable[str]) -> list[int]:
    codes = sorted(set(places))
    if not codes:
        raise ReaderError("a reader without places would see nothing; name some, or none for the whole network")
    known: dict[str, int] = dict(connection.execute(_PLACES, (codes,)).fetchall())
    missing = [code for code in codes if code not in known]
    if missing:
        raise ReaderError(f"no such place: {', '.join(missing)}")
    return list(known.values())
