"""Database readers: a login role for each Grafana scope, which sees its places and nothing else.

A Grafana organisation per scope with its own data source and its own reader: folder permissions protect no data, since
a user of a data source may send it any query.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg import sql

from dashboards.errors import ReaderError
from database.pool import connect

Connection = psycopg.Connection[tuple[Any, ...]]

GROUP: Final = "maillage_report"
STATEMENT_TIMEOUT_S: Final = 30
CONNECTION_LIMIT: Final = 20

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{2,62}")

UPKEEP: Final = "maillage_maintain"
"""The role that ends readers' slow transactions (`jobs.readers`): so it is made a member of each reader's."""

# What is known of a role: whether it may more than read, and whether it is of the readers' group and nothing more.
_ROLE: Final = """
SELECT r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls
    OR EXISTS (SELECT FROM pg_class c WHERE c.relowner = r.oid)
    OR EXISTS (SELECT FROM pg_database d WHERE d.datdba = r.oid) AS mighty,
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
_ADD_SCOPE: Final = "INSERT INTO scope (role, place, security) SELECT %s, unnest(%s::integer[]), %s"


# What the reader who asks sees.
_OWN_REACH: Final = "SELECT to_jsonb(r) FROM report.reach r"
# What a reader sees, asked by the owner.
_REACH: Final = """
SELECT jsonb_build_object('network', coalesce(bool_or(place IS NULL), false),
  'security', coalesce(bool_or(security), false))
FROM scope WHERE role = %s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What a reader may see."""

    network: bool
    """Every place, and how the centre is; False: some places."""
    security: bool = False
    """Also what *Doors and security* shows."""


def create_reader(
    connection: Connection, name: str, password: str, places: Iterable[str] | None, *, security: bool = False
) -> None:
    """Make the login role ``name`` see the places with these codes; None: the whole network. One transaction.

    ``security``: it also sees each decision at their doors, by pseudonym.

    An existing reader gets the password and the scope anew. It has no right to write, and at most 20 connections. That
    its transactions are read-only and its statements end after 30 s are defaults, which it may set away: the upkeep
    ends what lasts longer.
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
        connection.execute(sql.SQL("GRANT {} TO {}").format(role, sql.Identifier(UPKEEP)))
        _no_temporary_tables(connection)
        connection.execute(sql.SQL("ALTER ROLE {} SET default_transaction_read_only = on").format(role))
        connection.execute(
            sql.SQL("ALTER ROLE {} SET statement_timeout = {}").format(role, sql.Literal(f"{STATEMENT_TIMEOUT_S}s"))
        )
        connection.execute(_CLEAR_SCOPE, (name,))
        connection.execute(_ADD_SCOPE, (name, [None] if ids is None else ids, security))


def check_reader(url: str, *, owner_url: str | None = None) -> Reach:
    """Check that the user in ``url`` is a reader and nothing more, by connecting as that user; return what it sees.

    Where ``url`` can't be reached from here, since Grafana reaches it otherwise, the owner at ``owner_url`` is asked.

    Raises:
        ReaderError: it isn't, or that can't be checked; the text says what to do.
    """
    user = unquote(urlsplit(url).username or "")
    try:
        with connect(url, application_name="maillage dashboards push", autocommit=True) as connection:
            reach = _reach(connection, user, _OWN_REACH)
    except psycopg.Error as error:
        if owner_url is None:
            raise ReaderError(
                f"whether {user!r} is a reader can't be checked from here ({_told(error)}). Put the reader's URL "
                "right, or set MAILLAGE_DATABASE_URL (as the owner) too, and push again."
            ) from error
        try:
            with connect(owner_url, application_name="maillage dashboards push", autocommit=True) as connection:
                reach = _reach(connection, user, _REACH)
        except psycopg.Error as unreachable:
            raise ReaderError(f"whether {user!r} is a reader can't be checked: {_told(unreachable)}") from unreachable
    if reach is None:
        raise ReaderError(
            f"the database user {user!r} is no reader: in Grafana, every viewer could read and change with its rights. "
            "Make one with `maillage dashboards reader NAME` and put its URL into MAILLAGE_GRAFANA_DATABASE_URL."
        )
    return reach


def _reach(connection: Connection, name: str, query: str) -> Reach | None:
    """What the reader ``name`` sees; None: it is no reader."""
    role = connection.execute(_ROLE, (name,)).fetchone()
    if role is None or role[0] or role[1] != [GROUP]:
        return None
    row = connection.execute(query.encode(), (name,) if "%s" in query else None).fetchone()
    return Reach(network=False) if row is None else Reach(network=row[0]["network"], security=row[0]["security"])


def _told(error: psycopg.Error) -> str:
    return " ".join(str(error).split())[:200]


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


def _no_temporary_tables(connection: Connection) -> None:
    """Take the right to make temporary tables from everybody but the owner: a reader could fill the disk with them."""
    row = connection.execute("SELECT current_database()").fetchone()
    assert row is not None
    connection.execute(sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(sql.Identifier(row[0])))


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
