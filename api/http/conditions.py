"""Puts together the conditions of a query, so that the database plans for those that are asked for and no others. Pure.

``$1 IS NULL OR column = $1`` in a prepared query makes the planner read the whole table, whatever index there is.
"""

from __future__ import annotations

from collections.abc import Mapping


def where(conditions: Mapping[str, str], given: Mapping[str, object]) -> str:
    """Return ``WHERE`` with the conditions whose value is given, by the names of their values; empty: none is."""
    found = [text for name, text in conditions.items() if given.get(name) is not None]
    return f"WHERE {' AND '.join(found)}\n" if found else ""
