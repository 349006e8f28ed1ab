"""Database users for the processes: each has the rights of one group role (migration 0001), no more."""

from __future__ import annotations

from typing import Final

import psycopg
from psycopg import sql

GROUPS: Final = {
    "ingest": "maillage_ingest",
    "rights": "maillage_rights",
    "api": "maillage_api",
    "maintain": "maillage_maintain",
    "broker": "maillage_broker",
}
"""The processes that connect, and the group role whose rights each needs."""


def make_login(url: str, name: str, *, password: str, group: str) -> None:
    """Make the user ``name`` with the rights of the role ``group``, or set its password, as the owner at ``url``.

    The password reaches the server as a SCRAM verifier, so that no log of statements can hold it.

    Raises:
        psycopg.Error: no such group (migrate first), or the owner may not make users.
    """
    with psycopg.connect(url) as connection:
        known = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (name,)).fetchone()
        verifier = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
        connection.execute(
            sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(
                sql.SQL("CREATE" if known is None else "ALTER"), sql.Identifier(name), sql.Literal(verifier)
            )
        )
        connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(group), sql.Identifier(name)))
