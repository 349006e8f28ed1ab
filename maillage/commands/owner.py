"""The database as its owner sees it, for the commands that change what processes may not."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from maillage.complaint import Complaint

if TYPE_CHECKING:
    from database.pool import Connection


def database_url() -> str:
    """Return MAILLAGE_DATABASE_URL.

    Raises:
        Complaint: it is not set.
    """
    url = os.environ.get("MAILLAGE_DATABASE_URL")
    if not url:
        raise Complaint(
            "MAILLAGE_DATABASE_URL is not set. Set it to postgresql://user:password@host:port/name, "
            "or type this where `maillage up` runs."
        )
    return url


def connect(command: str) -> Connection:
    """Open the database; ``command`` is how the server lists this connection."""
    url = database_url()
    from database.pool import connect as open_connection

    return open_connection(url, application_name=f"maillage {command}")
