"""Reads a place from the database, with what is out of service and the revision of every row."""

from __future__ import annotations

from typing import Any, Final

import psycopg
from psycopg.rows import dict_row

from maillage.place.faults import Refused
from maillage.place.hours import normal_hours
from maillage.place.model import Desk, Device, Door, Fitting, Gateway, Place, Row, Space, Stored, ordered

_PLACE: Final = b"""
-- a place, as its file has it
SELECT id, revision, code::text, name, status, address, postcode, commune, commune_code, department, region, latitude,
  longitude, time_zone, opening_hours, siret, rna, contact_name, phone, email, website, logo, typology, accessibility,
  equipment, fibre, prices, public_threshold, public_numbers
FROM place WHERE code = %s
"""
_LOCKS: Final = (
    b"""
-- one application of a place's file at a time, also of a place that doesn't exist yet; rows may refer to places
LOCK TABLE place IN SHARE ROW EXCLUSIVE MODE
""",
    b"""
-- nobody else changes the place, or what is in it, before this transaction ends; rows that refer to it may still come
SELECT FROM place WHERE code = %(code)s FOR NO KEY UPDATE
""",
)
_SPACES: Final = b"""
-- its spaces
SELECT s.id, s.revision, s.retired_at IS NOT NULL AS retired, s.code::text, s.name, s.kind, u.code::text AS parent,
  s.capacity, s.person_limit, s.for_work
FROM space s LEFT JOIN space u ON u.id = s.parent WHERE s.place = %s
"""
_DESKS: Final = b"""
-- its desks
SELECT d.id, d.revision, d.retired_at IS NOT NULL AS retired, d.code::text, d.name, s.code::text AS space
FROM desk d JOIN space s ON s.id = d.space WHERE d.place = %s
"""
_DOORS: Final = b"""
-- its doors with their rules
SELECT d.id, d.revision::bigint * 1000000 + coalesce(r.revision, 0) AS revision, d.retired_at IS NOT NULL AS retired,
  d.code::text, d.name, f.code::text AS from_space, t.code::text AS to_space, d.unlock_s, d.held_after_s,
  coalesce(r.pin, false) AS pin,
  nullif(concat_ws('/', wp.code, w.code), '') AS pin_while, coalesce(r.passback, 'off') AS passback,
  coalesce(r.passback_s, 0) AS passback_s, nullif(concat_ws('/', sp.code, s.code), '') AS supervised,
  nullif(concat_ws('/', fp.code, c.code), '') AS first_card
FROM door d JOIN space t ON t.id = d.to_space LEFT JOIN space f ON f.id = d.from_space
LEFT JOIN door_rule r ON r.door = d.id
LEFT JOIN schedule w ON w.id = r.pin_while LEFT JOIN place wp ON wp.id = w.place
LEFT JOIN schedule s ON s.id = r.supervised LEFT JOIN place sp ON sp.id = s.place
LEFT JOIN schedule c ON c.id = r.first_card LEFT JOIN place fp ON fp.id = c.place
WHERE d.place = %s
"""
_GATEWAYS: Final = b"""
-- its gateways
SELECT id, revision, retired_at IS NOT NULL AS retired, code::text FROM gateway WHERE place = %s
"""
_DEVICES: Final = b"""
-- its devices in service; what is out of service is history, and a device of its code is another one
SELECT d.id, d.revision, false AS retired, d.code, g.code::text AS gateway, d.kind, d.driver, d.model, d.address,
  o.code::text AS door, d.side, k.code::text AS desk, s.code::text AS space, d.inverted, d.uid_reversed, d.bits,
  extract(epoch FROM d.expect_every)::integer AS expect_every
FROM device d JOIN gateway g ON g.id = d.gateway LEFT JOIN door o ON o.id = d.door LEFT JOIN desk k ON k.id = d.desk
LEFT JOIN space s ON s.id = d.space
WHERE d.place = %s AND d.retired_at IS NULL AND g.retired_at IS NULL
"""
_PARTS: Final[tuple[tuple[str, bytes, type[Any]], ...]] = (
    ("space", _SPACES, Space),
    ("desk", _DESKS, Desk),
    ("door", _DOORS, Door),
    ("gateway", _GATEWAYS, Gateway),
    ("device", _DEVICES, Device),
)


def read_stored(connection: psycopg.Connection[Any], code: str, *, lock: bool = False) -> Stored | None:
    """Return a place, or None where there is none. ``lock``: nobody else changes it before the transaction ends."""
    if lock:
        for statement in _LOCKS:
            connection.execute(statement, {"code": code})
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(_PLACE, (code,)).fetchone()
        if row is None:
            return None
        place, revision = row.pop("id"), row.pop("revision")
        rows: dict[str, dict[str, Row]] = {}
        for name, query, makes in _PARTS:
            rows[name] = {}
            for one in cursor.execute(query, (place,)).fetchall():
                number, seen, retired = one.pop("id"), one.pop("revision"), one.pop("retired")
                key = f"{one['gateway']}/{one['code']}" if name == "device" else one["code"]
                rows[name][key] = Row(id=number, revision=seen, retired=retired, part=makes(**one))

    def in_service(name: str) -> tuple[Any, ...]:
        return tuple(one.part for one in rows[name].values() if not one.retired)

    fitting = Fitting(
        place=_place(row),
        spaces=in_service("space"),
        desks=in_service("desk"),
        doors=in_service("door"),
        gateways=in_service("gateway"),
        devices=in_service("device"),
    )
    return Stored(id=place, revision=revision, fitting=ordered(fitting), rows=rows)


def _place(row: dict[str, Any]) -> Place:
    hours, prices = row["opening_hours"], row["prices"]
    try:
        row["opening_hours"] = None if hours is None else normal_hours(hours)
    except Refused:
        pass  # from before they were checked: shown as they are
    row["prices"] = None if prices is None else tuple((one["category"], one["unit"], one["amount"]) for one in prices)
    for name in ("accessibility", "equipment"):
        row[name] = None if row[name] is None else tuple(row[name])
    return Place(**row)
