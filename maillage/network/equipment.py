"""Generated equipment in the database, and the people that it is for: 1,500 places in seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import psycopg

from maillage.network.errors import KeyChangedError
from maillage.network.generation import Equipment, equip
from maillage.network.membership import card_of, settle
from maillage.network.population import populate
from maillage.network.rows import Place
from maillage.network.storing import store
from simulator.people import members

_BARE = """
-- the places of a source that have no space yet, so that nothing is generated twice
SELECT p.source_id, p.code FROM place p
WHERE p.source = %s AND p.source_id = ANY(%s) AND NOT EXISTS (SELECT FROM space s WHERE s.place = p.id)
ORDER BY p.id
"""
_CARD = """
-- a generated member's card, and what it was generated from, to see whether the key is still the same
SELECT p.code, (SELECT count(*) FROM desk d WHERE d.place = p.id), m.ref, c.token
FROM member m JOIN card c ON c.member = m.ref JOIN place p ON p.id = m.home
WHERE m.generated AND c.generated AND c.ref = 'c' || substr(m.ref, 2) AND c.kind = 'card'
  AND NOT EXISTS (SELECT FROM pass s WHERE s.member = m.ref AND s.visitor IS NOT NULL)
LIMIT 1
"""
_TABLES: Final[dict[str, tuple[bytes, bytes]]] = {
    "gateway": (b"place text, code text", b"COPY new_gateway FROM STDIN"),
    "space": (
        b"place text, code text, name text, kind text, parent text, capacity integer",
        b"COPY new_space FROM STDIN",
    ),
    "desk": (b"place text, code text, name text, space text", b"COPY new_desk FROM STDIN"),
    "door": (b"place text, code text, name text, from_space text, to_space text", b"COPY new_door FROM STDIN"),
    "device": (
        b"place text, code text, kind text, driver text, model text, address text, space text, desk text, door text,"
        b" side text, expect_every_s integer",
        b"COPY new_device FROM STDIN",
    ),
}
"""By kind of row: the columns of a temporary table ``new_…``, and how rows get there."""

_INSERTS: Final = (
    b"""-- the gateways
    INSERT INTO gateway (place, code, generated)
    SELECT p.id, n.code, true FROM new_gateway n JOIN place p ON p.code = n.place""",
    b"""-- the root spaces first: the others hang from them
    INSERT INTO space (place, code, name, kind, capacity, generated)
    SELECT p.id, n.code, n.name, n.kind, n.capacity, true FROM new_space n JOIN place p ON p.code = n.place
    WHERE n.parent IS NULL""",
    b"""-- the spaces under them
    INSERT INTO space (place, code, name, kind, parent, capacity, generated)
    SELECT p.id, n.code, n.name, n.kind, u.id, n.capacity, true
    FROM new_space n JOIN place p ON p.code = n.place JOIN space u ON u.place = p.id AND u.code = n.parent""",
    b"""-- the desks
    INSERT INTO desk (place, space, code, name, generated)
    SELECT p.id, s.id, n.code, n.name, true
    FROM new_desk n JOIN place p ON p.code = n.place JOIN space s ON s.place = p.id AND s.code = n.space""",
    b"""-- the doors
    INSERT INTO door (place, code, name, from_space, to_space, generated)
    SELECT p.id, n.code, n.name, f.id, t.id, true
    FROM new_door n JOIN place p ON p.code = n.place JOIN space t ON t.place = p.id AND t.code = n.to_space
    LEFT JOIN space f ON f.place = p.id AND f.code = n.from_space""",
    b"""-- the devices
    INSERT INTO device (gateway, place, code, kind, driver, model, address, space, desk, door, side,
      expect_every, generated)
    SELECT g.id, p.id, n.code, n.kind, n.driver, n.model, n.address, s.id, k.id, d.id, n.side,
      make_interval(secs => n.expect_every_s), true
    FROM new_device n JOIN place p ON p.code = n.place JOIN new_gateway o ON o.place = n.place
    JOIN gateway g ON g.code = o.code
    LEFT JOIN space s ON s.place = p.id AND s.code = n.space
    LEFT JOIN desk k ON k.place = p.id AND k.code = n.desk
    LEFT JOIN door d ON d.place = p.id AND d.code = n.door""",
    b"ANALYZE place, gateway, space, desk, door, device",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """How much was made up."""

    places: int = 0
    spaces: int = 0
    desks: int = 0
    devices: int = 0
    members: int = 0
    """Visitors among them."""
    cards: int = 0


def generate(
    connection: psycopg.Connection[Any],
    source: str,
    places: Sequence[Place],
    *,
    seed: int,
    card_key: bytes,
    today: date,
    log: Callable[[str], None],
) -> Generated:
    """Equip and people, in the caller's transaction, those of ``places`` that have no space yet.

    Args:
        connection: the database's.
        source: of ``places``.
        places: as the inventory has them.
        seed: of all that is generated.
        card_key: the network's key for card tokens and PINs.
        today: what validities and closures are counted from.
        log: is told what is done.

    Raises:
        KeyChangedError: the database's generated cards were made with another key than ``card_key``.
    """
    _check_key(connection, seed, card_key)
    by_id = {one.source_id: one for one in places}
    bare = connection.execute(_BARE, (source, list(by_id))).fetchall()
    if not bare:
        return Generated()
    made = {
        code: equip(code, seed=seed, population=by_id[source_id].population, typology=by_id[source_id].typology)
        for source_id, code in bare
    }
    households = [
        settle(code, equipment, department=by_id[source_id].department, seed=seed)
        for (source_id, code), equipment in zip(bare, made.values(), strict=True)
    ]
    log(f"generated: spaces, desks, doors, devices and members for {len(made)} places, seed {seed}; storing them")
    store(connection, _TABLES, _rows(made), _INSERTS)
    populate(connection, households, seed=seed, key=card_key, today=today)
    return Generated(
        places=len(made),
        spaces=sum(len(one.spaces) for one in made.values()),
        desks=sum(len(one.desks) for one in made.values()),
        devices=sum(len(one.devices) for one in made.values()),
        members=sum(len(one.people) + len(one.visitors) for one in households),
        cards=sum(one.cards for one in households),
    )


def _rows(made: dict[str, Equipment]) -> dict[str, Iterable[tuple[Any, ...]]]:
    """Write the equipment of each place (by its code) as rows of the temporary tables."""
    every = made.items()
    return {
        "gateway": ((place, e.gateway) for place, e in every),
        "space": ((place, s.code, s.name, s.kind, s.parent, s.capacity) for place, e in every for s in e.spaces),
        "desk": ((place, d.code, d.name, d.space) for place, e in every for d in e.desks),
        "door": ((place, d.code, d.name, d.from_space, d.to_space) for place, e in every for d in e.doors),
        "device": (
            (place, d.code, d.kind, d.driver, d.model, d.address, d.space, d.desk, d.door, d.side, d.expect_every_s)
            for place, e in every
            for d in e.devices
        ),
    }


def _check_key(connection: psycopg.Connection[Any], seed: int, key: bytes) -> None:
    """Make sure that cards made before would be known at the doors still."""
    row = connection.execute(_CARD).fetchone()
    if row is None:
        return
    code, desks, ref, token = row
    if any(one.ref == ref and card_of(one, key) != token for one in members(seed, code, desks)):
        raise KeyChangedError(
            "the cards in this database were made with another MAILLAGE_CARD_KEY: no reader would know them any more. "
            "Set the key that they were made with, or begin with an empty database."
        )
