"""Reads the network's topology from the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

from access import ListError, Schedule
from access.schedules import closed_on, schedule_from_json, with_department
from occupancy.topology import Device, Gateway, Space, Topology

_BASE = """
-- which tables these are: a restore makes them anew, under other numbers
SELECT coalesce(to_regclass('stream')::oid::bigint, 0)
"""

_SPACES = """
-- every space with its place
SELECT s.id, s.place, s.parent, s.capacity, s.retired_at IS NOT NULL,
  (SELECT nullif(count(*), 0)::integer FROM desk d WHERE d.space = s.id AND d.retired_at IS NULL)
FROM space s
"""

_PLACES = """
-- every place's time zone and hours
SELECT id, time_zone, department, opening_hours FROM place
"""

_CLOSURES = """
-- days on which a place, or each (NULL), was or is closed
SELECT place, first, last FROM closure ORDER BY first, last, id
"""

_GATEWAYS = """
-- every gateway in service, not shut out, with its place's code and shard
SELECT g.id, g.code, g.place, p.code, p.shard FROM gateway g JOIN place p ON p.id = g.place
WHERE g.retired_at IS NULL AND g.revoked_at IS NULL
"""

_DEVICES = """
-- every device with where it senses and where its door leads; of those with one code the one in service last
SELECT d.id, d.gateway, d.code, d.kind, d.space, d.desk IS NOT NULL, d.side, d.door, o.code,
       o.from_space, o.to_space, (extract(epoch FROM d.expect_every) * 1000000)::bigint,
       d.retired_at IS NOT NULL
FROM device d LEFT JOIN door o ON o.id = d.door
ORDER BY d.retired_at NULLS LAST, d.id
"""


def load(connection: psycopg.Connection[Any]) -> Topology:
    """Return the whole network's topology as it is now."""
    row = connection.execute(_BASE).fetchone()
    base: int = row[0] if row is not None else 0
    spaces = [
        Space(id=i, place=place, parent=parent, capacity=capacity, retired=retired, seats=seats)
        for i, place, parent, capacity, retired, seats in connection.execute(_SPACES)
    ]
    gateways = [
        Gateway(id=i, code=code, place=place, place_code=place_code, shard=shard)
        for i, code, place, place_code, shard in connection.execute(_GATEWAYS)
    ]
    devices = [
        (
            gateway,
            code,
            Device(
                id=i, kind=kind, space=space, at_desk=desk, side=side, door=door, door_code=door_code,
                door_from=door_from, door_to=door_to, expect_every=expect_every, retired=retired,
            ),
        )
        for i, gateway, code, kind, space, desk, side, door, door_code, door_from, door_to, expect_every, retired
        in connection.execute(_DEVICES)
    ]  # fmt: skip
    places = connection.execute(_PLACES).fetchall()
    closed: dict[int | None, list[tuple[Any, Any]]] = {}
    for place, first, last in connection.execute(_CLOSURES):
        closed.setdefault(place, []).append((first, last))
    hours = {
        place: _hours(given, department, (*closed.get(None, ()), *closed.get(place, ())))
        for place, _, department, given in places
    }
    return Topology.build(
        gateways,
        spaces,
        devices,
        {place: zone for place, zone, _, _ in places},
        hours={place: schedule for place, schedule in hours.items() if schedule is not None},
        base=base,
    )


def _hours(given: Any, department: str | None, closures: Sequence[tuple[Any, Any]]) -> Schedule | None:
    """A place's opening hours; None: not known, or they can't be read, which the rights process tells."""
    if given is None:
        return None
    try:
        usual = schedule_from_json(with_department(given, department))
    except ListError:
        return None
    return closed_on(usual, closures)
