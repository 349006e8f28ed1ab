"""Reads a place's list from its temporal rows: the newest version, and the delta from an older one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from access import AccessList
from access.compare import Delta, delta_of
from access.entries_json import Sharing, canonical, entry_from_json
from rights import queries
from rights.assembly import stored_list
from rights.store import Connection

_KNOWN = """
-- whether the history still holds a version
SELECT EXISTS (SELECT FROM list_version WHERE place = %b AND version = %b)
"""
_SINCE = """
-- entries that came or went after a version
SELECT encode(token, 'hex'), member, since, until, card, holder FROM list_entry
WHERE place = %(place)s AND (since > %(base)s OR until > %(base)s)
"""
_OF_HOLDERS = """
-- all entries in force of some members at a place
SELECT encode(token, 'hex'), card, holder FROM list_entry
WHERE until IS NULL AND place = %b AND member = ANY(%b::text[])
"""
_SETTINGS_SINCE = """
-- whether the settings changed after a version
SELECT EXISTS (SELECT FROM list_settings WHERE place = %b AND until IS NULL AND since > %b)
"""


def whole(connection: Connection, place: int, version: int) -> AccessList | None:
    """Return the list of ``place`` at ``version``; None: the history doesn't hold it.

    Raises:
        ListError: it holds what this version of ours doesn't read.
    """
    values = {"place": place, "version": version, "token": None}
    settings = connection.execute(queries.STORED_SETTINGS, values).fetchone()
    if settings is None:
        return None
    return stored_list(settings, connection.execute(queries.STORED_ENTRIES, values))


def since(connection: Connection, place: int, base: int, version: int, fingerprint: str) -> Delta | None:
    """Return what leads from ``base`` to ``version``, the newest; None: the history doesn't reach back so far.

    Args:
        fingerprint: of the newest.

    Raises:
        ListError: a row that this version of ours doesn't read.
    """
    row = connection.execute(_KNOWN, (place, base)).fetchone()
    settings = connection.execute(
        queries.STORED_SETTINGS, {"place": place, "version": version, "token": None}
    ).fetchone()
    if settings is None or row is None or not row[0]:
        return None
    then: dict[str, Any] = {}
    now: dict[str, tuple[str, Any, Any]] = {}
    for token, member, begun, until, card, holder in connection.execute(_SINCE, {"place": place, "base": base}):
        if begun <= base:
            then[token] = holder
        elif until is None:
            now[token] = (member, card, holder)
    moved = {member for token, (member, _, holder) in now.items() if token not in then or _other(then[token], holder)}
    sharing = Sharing()
    changed = [
        (entry_from_json(token, card, holder, sharing), True)
        for token, card, holder in _of_holders(connection, place, moved)
    ]
    changed += [
        (entry_from_json(token, card, holder, sharing), False)
        for token, (member, card, holder) in now.items()
        if member not in moved
    ]
    row = connection.execute(_SETTINGS_SINCE, (place, base)).fetchone()
    return delta_of(
        base,
        stored_list(settings, ()),
        changed=changed,
        removed=then.keys() - now.keys(),
        settings_changed=row is not None and bool(row[0]),
        fingerprint=fingerprint,
    )


def _of_holders(connection: Connection, place: int, members: Iterable[str]) -> Iterable[tuple[str, Any, Any]]:
    wanted = list(members)
    return connection.execute(_OF_HOLDERS, (place, wanted)) if wanted else ()


def _other(one: Any, other: Any) -> bool:
    return canonical(one) != canonical(other)
