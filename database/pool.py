"""Connections to the database: always UTC, always with time limits."""

from __future__ import annotations

from typing import Any, Final

import psycopg

Connection = psycopg.Connection[tuple[Any, ...]]

CONNECT_TIMEOUT_S: Final = 10
STATEMENT_TIMEOUT_S: Final = 60

DATABASE_ERROR: Final = psycopg.Error
"""What every call here may raise; named so that callers need not import psycopg to catch it."""


def conninfo(
    url: str,
    *,
    application_name: str,
    statement_timeout_s: int = STATEMENT_TIMEOUT_S,
    connect_timeout_s: int = CONNECT_TIMEOUT_S,
) -> str:
    """Return ``url`` with what each of our connections carries.

    UTC, a name that ``pg_stat_activity`` shows, a limit on connecting and on each statement (seconds; 0: none),
    a limit on forgotten transactions (5 min), and keepalives that notice a dead peer within about 30 s, so that a
    listener does not wait on a vanished server for hours.

    Raises:
        psycopg.ProgrammingError: ``url`` isn't a connection string.
    """
    options = (
        f"-c timezone=UTC -c statement_timeout={statement_timeout_s * 1000} "
        "-c idle_in_transaction_session_timeout=300000"
    )
    given = psycopg.conninfo.conninfo_to_dict(url)
    return psycopg.conninfo.make_conninfo(
        url,
        application_name=application_name,
        connect_timeout=given.get("connect_timeout", connect_timeout_s),
        options=f"{given.get('options', '')} {options}".strip(),
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=4,
    )


def connect(
    url: str,
    *,
    application_name: str,
    autocommit: bool = False,
    role: str | None = None,
    statement_timeout_s: int = STATEMENT_TIMEOUT_S,
) -> Connection:
    """Open one connection to ``url``; with ``role``, act with that role's rights (``SET ROLE``).

    Raises:
        psycopg.OperationalError: the server can't be reached, or refuses.
        psycopg.Error: the role isn't there, or isn't the user's to take.
    """
    connection = psycopg.connect(
        conninfo(url, application_name=application_name, statement_timeout_s=statement_timeout_s), autocommit=autocommit
    )
    if role is not None:
        try:
            connection.execute("SELECT set_config('role', %s, false)", (role,))
            if not autocommit:
                connection.commit()
        except psycopg.Error:
            connection.close()
            raise
    return connection
