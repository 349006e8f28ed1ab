"""Errors of a database that holds no network, or the schema of an older version. Needs no driver."""

from __future__ import annotations

from typing import Final

_MISSING: Final = frozenset({"42P01", "42883", "42703", "42704", "3F000"})
"""SQLSTATEs: there is no such table, function, column, role or type, schema."""
REMEDY: Final = "`maillage init` founds a new network in it, `maillage migrate` updates one that is there"


def is_unfounded(error: BaseException) -> bool:
    """Return whether the database refused because it lacks what a migration makes."""
    return getattr(error, "sqlstate", None) in _MISSING
