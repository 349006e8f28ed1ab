"""Stores what can be booked at sample places, and their members' bookings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import psycopg

from maillage.sample.copying import store
from simulator.sample.bookable import Bookable, Booked

_TABLES: Final[dict[str, tuple[bytes, bytes]]] = {
    "resource": (
        b"place text, code text, name text, kind text, space text, units integer, hour_cents integer, day date,"
        b" hour integer, hours integer",
        b"COPY new_resource FROM STDIN",
    ),
    "booking": (
        b"place text, member text, resource text, unit text, day date, hour integer, hours integer",
        b"COPY new_booking FROM STDIN",
    ),
}
"""By kind of row: the columns of a temporary table ``new_…``, and how rows get there."""
_INSERTS: Final = (
    b"""-- what can be booked
    INSERT INTO resource (place, space, code, name, kind, hour_cents, starts_at, ends_at)
    SELECT p.id, s.id, n.code, n.name, n.kind, n.hour_cents, t.starts_at, t.starts_at + make_interval(hours => n.hours)
    FROM new_resource n JOIN place p ON p.code = n.place JOIN space s ON s.place = p.id AND s.code = n.space
    CROSS JOIN LATERAL (SELECT (n.day + make_interval(hours => n.hour)) AT TIME ZONE p.time_zone AS starts_at) t
    ON CONFLICT DO NOTHING""",
    b"""-- its units
    INSERT INTO resource_unit (resource, place, code)
    SELECT r.id, r.place, u.number::text
    FROM new_resource n JOIN place p ON p.code = n.place JOIN resource r ON r.place = p.id AND r.code = n.code
    CROSS JOIN LATERAL generate_series(1, n.units) AS u (number) ON CONFLICT DO NOTHING""",
    b"""-- members' bookings, each under a pass that holds then and there, if its member has one
    INSERT INTO booking (member, place, unit, starts_at, ends_at, price_cents, pass)
    SELECT n.member, p.id, u.id, t.starts_at, t.starts_at + make_interval(hours => n.hours), r.hour_cents * n.hours,
      (SELECT min(h.ref) FROM pass h WHERE h.member = n.member AND h.visitor IS NULL AND h.revoked_at IS NULL
         AND coalesce(h.valid_from, '-infinity') <= t.starts_at
         AND coalesce(h.valid_until, 'infinity') >= t.starts_at + make_interval(hours => n.hours)
         AND (h.everywhere OR EXISTS (SELECT FROM pass_place l WHERE l.pass = h.ref AND l.place = p.id)))
    FROM new_booking n JOIN place p ON p.code = n.place JOIN resource r ON r.place = p.id AND r.code = n.resource
    JOIN resource_unit u ON u.resource = r.id AND u.code = n.unit
    CROSS JOIN LATERAL (SELECT (n.day + make_interval(hours => n.hour)) AT TIME ZONE p.time_zone AS starts_at) t
    ON CONFLICT DO NOTHING""",
    b"ANALYZE resource, resource_unit, booking",
)


def store_bookable(
    connection: psycopg.Connection[Any], made: Mapping[str, tuple[Sequence[Bookable], Sequence[Booked]]]
) -> None:
    """Store what can be booked at places, by their codes, and what is booked, in the caller's transaction."""
    rows = {
        "resource": (
            (place, r.code, r.name, r.kind, r.space, r.units, r.hour_cents, r.day, r.hour, r.hours)
            for place, (bookable, _) in made.items()
            for r in bookable
        ),
        "booking": (
            (place, b.member, b.resource, str(b.unit), b.day, b.hour, b.hours)
            for place, (_, booked) in made.items()
            for b in booked
        ),
    }
    store(connection, _TABLES, rows, _INSERTS)
