"""Stores the equipment of sample places: gateways, spaces, desks, doors, devices; 1,500 places in seconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import psycopg

from maillage.sample.copying import store
from simulator.sample.equipment import Equipment

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


def store_equipment(connection: psycopg.Connection[Any], made: Mapping[str, Equipment]) -> None:
    """Store the equipment of places, by their codes, in the caller's transaction."""
    store(connection, _TABLES, _rows(made), _INSERTS)


def _rows(made: Mapping[str, Equipment]) -> dict[str, Iterable[tuple[Any, ...]]]:
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
