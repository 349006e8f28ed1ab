"""The statements that change a place: one block a kind of part."""

from __future__ import annotations

from typing import Final

_COLUMNS: Final = (
    b"name, status, address, postcode, commune, commune_code, department, region, latitude, longitude, time_zone, "
    b"opening_hours, siret, rna, contact_name, phone, email, website, logo, typology, accessibility, equipment, "
    b"fibre, prices, public_threshold, public_numbers"
)
_VALUES: Final = b", ".join(b"%(" + name.strip() + b")s" for name in _COLUMNS.split(b","))
# Make a place; its shard follows from its code, and stays.
MAKE_PLACE: Final = (
    b"INSERT INTO place (code, shard, source, source_id, "
    + _COLUMNS
    + b") VALUES (%(code)s::text, %(shard)s, %(source)s, %(code)s::text, "
    + _VALUES
    + b") RETURNING id"
)
# Change a place; hours that a file gives are not made up.
CHANGE_PLACE: Final = (
    b"UPDATE place SET hours_generated = hours_generated AND opening_hours IS NOT DISTINCT FROM "
    b"%(opening_hours)s::jsonb, (" + _COLUMNS + b") = ROW (" + _VALUES + b") WHERE id = %(id)s"
)
MAKE: Final = {
    "gateway": b"INSERT INTO gateway (place, code) VALUES (%(place)s, %(code)s) RETURNING id",
    "space": b"""
INSERT INTO space (place, code, name, kind, parent, capacity, person_limit, for_work)
VALUES (%(place)s, %(code)s, %(name)s, %(kind)s, %(parent)s, %(capacity)s, %(person_limit)s, %(for_work)s) RETURNING id
""",
    "desk": b"""
INSERT INTO desk (place, code, name, space) VALUES (%(place)s, %(code)s, %(name)s, %(space)s) RETURNING id
""",
    "door": b"""
INSERT INTO door (place, code, name, from_space, to_space, unlock_s, held_after_s)
VALUES (%(place)s, %(code)s, %(name)s, %(from_space)s, %(to_space)s, %(unlock_s)s, %(held_after_s)s) RETURNING id
""",
    "device": b"""
INSERT INTO device (place, gateway, code, kind, driver, model, address, door, side, desk, space, inverted, uid_reversed,
  bits, expect_every)
VALUES (%(place)s, %(gateway)s, %(code)s, %(kind)s, %(driver)s, %(model)s, %(address)s, %(door)s, %(side)s, %(desk)s,
  %(space)s, %(inverted)s, %(uid_reversed)s, %(bits)s, make_interval(secs => %(expect_every)s)) RETURNING id
""",
}
# Changed, moved or returned to service.
CHANGE: Final = {
    "gateway": b"UPDATE gateway SET retired_at = NULL WHERE id = %(id)s",
    "space": b"""
UPDATE space SET retired_at = NULL, name = %(name)s, kind = %(kind)s, parent = %(parent)s, capacity = %(capacity)s,
  person_limit = %(person_limit)s, for_work = %(for_work)s WHERE id = %(id)s
""",
    "desk": b"UPDATE desk SET retired_at = NULL, name = %(name)s, space = %(space)s WHERE id = %(id)s",
    "door": b"""
UPDATE door SET retired_at = NULL, name = %(name)s, from_space = %(from_space)s, to_space = %(to_space)s,
  unlock_s = %(unlock_s)s, held_after_s = %(held_after_s)s WHERE id = %(id)s
""",
    "device": b"""
UPDATE device SET retired_at = NULL, model = %(model)s, address = %(address)s, side = %(side)s,
  inverted = %(inverted)s, uid_reversed = %(uid_reversed)s, bits = %(bits)s,
  expect_every = make_interval(secs => %(expect_every)s) WHERE id = %(id)s
""",
}
RETIRE: Final = {
    "gateway": b"UPDATE gateway SET retired_at = now() WHERE id = ANY(%s)",
    "space": b"UPDATE space SET retired_at = now() WHERE id = ANY(%s)",
    "desk": b"UPDATE desk SET retired_at = now() WHERE id = ANY(%s)",
    "door": b"UPDATE door SET retired_at = now() WHERE id = ANY(%s)",
    "device": b"UPDATE device SET retired_at = now() WHERE id = ANY(%s)",
}
# What a door asks for; a door without a row asks for nothing.
RULES: Final = b"""
INSERT INTO door_rule (door, place, pin, pin_while, passback, passback_s, supervised, first_card)
VALUES (%(id)s, %(place)s, %(pin)s, %(pin_while)s, %(passback)s, %(passback_s)s, %(supervised)s, %(first_card)s)
ON CONFLICT (door) DO UPDATE SET pin = excluded.pin, pin_while = excluded.pin_while, passback = excluded.passback,
  passback_s = excluded.passback_s, supervised = excluded.supervised, first_card = excluded.first_card
"""
# A line of the audit for the whole, beside those of the rows.
AUDIT: Final = b"SELECT audit_write('place applied', %s, %s, %s)"
