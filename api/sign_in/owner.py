"""Links to sign in with and invitations, made by the owner of the database (``maillage operator invite``, the demo)."""

from __future__ import annotations

import secrets
from hashlib import sha256
from typing import Final

from database.pool import Connection

_OPERATOR: Final = "SELECT ref FROM operator WHERE lower(email) = lower(%s) AND ended_at IS NULL"
_ADMINISTERED: Final = """
-- whether somebody administers the network
SELECT EXISTS (SELECT FROM operator o JOIN operator_role r ON r.operator = o.ref
  WHERE r.role = 'network_administrator' AND o.ended_at IS NULL)
"""
_INVITE: Final = "INSERT INTO admin_invitation (digest, email) VALUES (%s, %s)"
_LINK: Final = """
INSERT INTO sign_in_link (digest, member, operator, expires_at) VALUES (%s, %s, %s, now() + interval '24 hours')
"""


def path_to_sign_in(conn: Connection, *, member: str | None = None, operator: str | None = None) -> str:
    """Make a link for a member or an operator, good once, for a day; return its path. The caller commits."""
    token = secrets.token_urlsafe(32)
    conn.execute(_LINK, (_digest(token), member, operator))
    return f"/sign-in/{token}"


def path_to_administer(conn: Connection, address: str | None) -> str:
    """Invite an administrator of the network; return the path of a link that is good once, for a day.

    Opening it makes the operator, or signs in the one who has this address. The caller commits.
    """
    found = conn.execute(_OPERATOR, (address,)).fetchone()
    if found is not None:
        return path_to_sign_in(conn, operator=found[0])
    token = secrets.token_urlsafe(32)
    conn.execute(_INVITE, (_digest(token), address))
    return f"/sign-in/invitation/{token}"


def is_administered(conn: Connection) -> bool:
    """Whether an operator administers the network already."""
    row = conn.execute(_ADMINISTERED).fetchone()
    return row is not None and bool(row[0])


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()
