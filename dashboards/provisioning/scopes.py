"""Scopes: the sets of places that people manage, each with a database reader of its own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import sql

from dashboards.roles import GROUP, create_reader

Connection = psycopg.Connection[tuple[Any, ...]]

PREFIX: Final = "Maillage · "
"""Organisations of ours begin with it, and end with their scope's key in brackets."""
NETWORK: Final = "network"

# Who manages what: operators who haven't ended, with the places that they manage; no places: the whole network.
_MANAGERS: Final = """
SELECT o.ref, lower(o.email), bool_or(r.place IS NULL),
  coalesce(array_agg(p.code::text ORDER BY p.code) FILTER (WHERE p.code IS NOT NULL), '{}')
FROM operator o
JOIN operator_role r ON r.operator = o.ref AND r.role IN ('network_administrator', 'place_manager')
LEFT JOIN place p ON p.id = r.place
WHERE o.ended_at IS NULL
GROUP BY o.ref
ORDER BY o.ref
"""
# The addresses of all operators, also of those who have ended.
_ADDRESSES: Final = "SELECT lower(email) FROM operator WHERE email IS NOT NULL"
# The names of places by their codes.
_NAMES: Final = "SELECT code::text, name FROM place WHERE code = ANY(%s)"
# The readers that were made for scopes of this database, by the comment on each, and what they see.
_READERS: Final = """
SELECT r.rolname::text, array_agg(p.code::text ORDER BY p.code) FILTER (WHERE p.code IS NOT NULL),
  coalesce(bool_or(s.role IS NOT NULL AND s.place IS NULL), false), coalesce(bool_or(s.security), false)
FROM pg_roles r
JOIN pg_auth_members m ON m.member = r.oid AND m.roleid = %s::regrole
LEFT JOIN scope s ON s.role = r.rolname
LEFT JOIN place p ON p.id = s.place
WHERE shobj_description(r.oid, 'pg_authid') = %s
GROUP BY r.rolname
"""


class Manager(NamedTuple):
    """An operator who manages places."""

    ref: str
    mail: str | None
    network: bool
    places: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """One set of places, and who manages exactly these."""

    places: tuple[str, ...] | None
    """Codes; None: the whole network."""
    title: str
    """In the organisation's name."""
    managers: tuple[Manager, ...]

    @property
    def key(self) -> str:
        """What the scope is found again by: ``network``, the code of its one place, or a print of its codes."""
        if self.places is None:
            return NETWORK
        code = self.places[0]
        plain = len(self.places) == 1 and code != NETWORK and re.fullmatch("[0-9a-f]{8}", code) is None
        return code if plain else _print(" ".join(self.places))

    @property
    def organisation(self) -> str:
        """The name of its organisation in Grafana."""
        return f"{PREFIX}{self.title} ({self.key})"

    def reader(self, prefix: str) -> str:
        """Return the name of its database reader."""
        return f"{prefix}{re.sub('[^a-z0-9]+', '_', self.key)[:30]}_{_print(self.key)}"


class Held(NamedTuple):
    """A reader that was made for a scope."""

    places: list[str] | None
    network: bool
    security: bool

    def serves(self, scope: Scope, *, security: bool) -> bool:
        """Whether it sees just what ``scope`` is."""
        places = None if self.network else tuple(self.places or ())
        return places == scope.places and self.security == security


def key_of(organisation: str) -> str | None:
    """Return the key of the scope that an organisation's name says; None: the name isn't ours."""
    found = re.fullmatch(rf"{re.escape(PREFIX)}.* \(([a-z0-9._-]+)\)", organisation)
    return None if found is None else found[1]


def scopes_of(managers: Iterable[Manager], names: dict[str, str]) -> list[Scope]:
    """Return one scope for each set of places that somebody manages; the network first."""
    sets: dict[tuple[str, ...] | None, list[Manager]] = {}
    for one in managers:
        places = None if one.network else tuple(sorted(set(one.places)))
        if places is None or places:
            sets.setdefault(places, []).append(one)
    ordered = sorted(sets.items(), key=lambda pair: (pair[0] is not None, pair[0] or ()))
    return [Scope(places=places, title=_title(places, names), managers=tuple(who)) for places, who in ordered]


def read_scopes(connection: Connection) -> list[Scope]:
    """Return the scopes that operators with roles make."""
    managers = [Manager(*row) for row in connection.execute(_MANAGERS)]
    codes = sorted({code for one in managers for code in one.places})
    names: dict[str, str] = dict(connection.execute(_NAMES, (codes,)).fetchall())
    return scopes_of(managers, names)


def read_addresses(connection: Connection) -> set[str]:
    """Return the addresses of everybody who is or was an operator."""
    return {mail for (mail,) in connection.execute(_ADDRESSES)}


def read_readers(connection: Connection) -> dict[str, Held]:
    """Return the readers that were made for scopes, by name."""
    rows = connection.execute(_READERS, (GROUP, _comment(connection))).fetchall()
    return {name: Held(places, network, security) for name, places, network, security in rows}


def make_reader(connection: Connection, name: str, password: str, scope: Scope, *, security: bool) -> None:
    """Make or set right the reader of a scope, with the comment that it is found again by.

    Raises:
        ReaderError: see `create_reader`.
    """
    with connection.transaction():
        create_reader(connection, name, password, scope.places, security=security)
        comment = sql.Literal(_comment(connection))
        connection.execute(sql.SQL("COMMENT ON ROLE {} IS {}").format(sql.Identifier(name), comment))


def _comment(connection: Connection) -> str:
    return f"maillage dashboards scopes: {connection.info.dbname}"


def _title(places: tuple[str, ...] | None, names: dict[str, str]) -> str:
    if places is None:
        return "réseau"
    first = names.get(places[0], places[0])
    return first[:80] if len(places) == 1 else f"{first[:60]} + {len(places) - 1}"


def _print(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
