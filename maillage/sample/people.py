"""Stores the people of sample places: members, cards, passes, and the rules of doors."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import psycopg

from maillage.sample.copying import store
from maillage.sample.rows import departments_of, rows_of
from simulator.sample.community import Community

_PLACES = """
-- where nomads may go: the places that have a gateway, by department
SELECT p.code, p.department FROM place p
WHERE p.department IS NOT NULL AND EXISTS (SELECT FROM gateway g WHERE g.place = p.id) ORDER BY p.id
"""
_TABLES: Final[dict[str, tuple[bytes, bytes]]] = {
    "schedule": (b"code text, name text, hours jsonb, linked text[]", b"COPY new_schedule FROM STDIN"),
    "organisation": (b"code text, name text", b"COPY new_organisation FROM STDIN"),
    "member": (
        b"place text, ref text, name text, email text, organisation text, pin text, status text",
        b"COPY new_member FROM STDIN",
    ),
    "card": (
        b"ref text, lookup bytea, boxed bytea, last4 text, member text, kind text, format text, status text,"
        b" replaces text",
        b"COPY new_card FROM STDIN",
    ),
    "pass": (
        b"place text, ref text, member text, label text, everywhere boolean, schedule text, valid_from timestamptz,"
        b" valid_until timestamptz, unit text, allowance integer, each_month boolean, outside_hours boolean,"
        b" supervises boolean, visitor text, host text",
        b"COPY new_pass FROM STDIN",
    ),
    "pass_place": (b"pass text, place text, whole boolean", b"COPY new_pass_place FROM STDIN"),
    "house_rules": (
        b"place text, hours jsonb, passback text, supervised boolean, limited boolean, closed_from date,"
        b" closed_until date",
        b"COPY new_house_rules FROM STDIN",
    ),
}
"""By kind of row: the columns of a temporary table ``new_…``, and how rows get there."""

_INSERTS: Final = (
    b"""-- the network's schedules, once
    INSERT INTO schedule (code, name, hours, generated)
    SELECT n.code, n.name, n.hours, true FROM new_schedule n ON CONFLICT (place, code) DO NOTHING""",
    b"""-- and what is linked to them
    UPDATE schedule s SET linked = (SELECT array_agg(o.id ORDER BY o.id) FROM schedule o
      WHERE o.place IS NULL AND o.code = ANY (n.linked))
    FROM new_schedule n
    WHERE s.place IS NULL AND s.generated AND s.code = n.code AND n.linked <> '{}' AND s.linked = '{}'""",
    b"""-- the organisations
    INSERT INTO organisation (code, name, generated)
    SELECT n.code, n.name, true FROM new_organisation n ON CONFLICT (code) DO NOTHING""",
    b"""-- the members, at home in their place
    INSERT INTO member (ref, home, name, email, organisation, pin, status, generated)
    SELECT n.ref, p.id, n.name, n.email, o.id, n.pin, n.status, true
    FROM new_member n JOIN place p ON p.code = n.place LEFT JOIN organisation o ON o.code = n.organisation
    ON CONFLICT (ref) DO NOTHING""",
    b"""-- their cards, those that others replace first; a number that another card has is not given twice
    INSERT INTO card (ref, lookup, last4, member, kind, format, status, replaces, generated)
    SELECT n.ref, n.lookup, n.last4, n.member, n.kind, n.format, n.status, n.replaces, true FROM new_card n
    ORDER BY n.status = 'active', n.ref
    ON CONFLICT DO NOTHING""",
    b"""-- the cards' numbers
    INSERT INTO card_number (lookup, boxed) SELECT n.lookup, n.boxed FROM new_card n ON CONFLICT DO NOTHING""",
    b"""-- their passes
    INSERT INTO pass (ref, member, label, everywhere, schedule, valid_from, valid_until, unit, allowance, each_month,
      outside_hours, supervises, visitor, host, generated)
    SELECT n.ref, n.member, n.label, n.everywhere, s.id, n.valid_from, n.valid_until, n.unit, n.allowance, n.each_month,
      n.outside_hours, n.supervises, n.visitor, n.host, true
    FROM new_pass n LEFT JOIN schedule s ON s.place IS NULL AND s.code = n.schedule
    ON CONFLICT (ref) DO NOTHING""",
    b"""-- where they open: all of the place, or all of it but its workshop
    INSERT INTO pass_place (pass, place, spaces)
    SELECT n.pass, p.id, CASE WHEN NOT n.whole AND w.workshop THEN w.others END
    FROM new_pass_place n JOIN place p ON p.code = n.place
    JOIN (SELECT s.place, bool_or(s.kind = 'fab_lab') AS workshop,
        array_agg(s.id ORDER BY s.id) FILTER (WHERE s.kind <> 'fab_lab' AND s.parent IS NOT NULL) AS others
      FROM space s GROUP BY s.place) w ON w.place = p.id
    ON CONFLICT (pass, place) DO NOTHING""",
    b"""-- the hours of places that have none
    UPDATE place p SET opening_hours = n.hours, hours_generated = true FROM new_house_rules n
    WHERE p.code = n.place AND p.opening_hours IS NULL AND n.hours IS NOT NULL""",
    b"""-- their people are made up: nobody is found out by their numbers
    UPDATE place p SET public_numbers = true FROM new_house_rules n WHERE p.code = n.place AND NOT p.public_numbers""",
    b"""-- no more people than there is room for
    UPDATE space s SET person_limit = s.capacity FROM new_house_rules n JOIN place p ON p.code = n.place
    WHERE s.place = p.id AND n.limited AND (s.parent IS NULL OR s.kind = 'fab_lab')""",
    b"""-- what the entries ask for
    INSERT INTO door_rule (door, place, passback, supervised)
    SELECT d.id, p.id, n.passback, CASE WHEN n.supervised THEN s.id END
    FROM new_house_rules n JOIN place p ON p.code = n.place JOIN door d ON d.place = p.id AND d.from_space IS NULL
    LEFT JOIN schedule s ON s.place IS NULL AND s.code = 'soir-et-week-end'
    WHERE n.passback <> 'off' OR n.supervised
    ON CONFLICT (door) DO NOTHING""",
    b"""-- the workshops' doors ask for the PIN as well
    INSERT INTO door_rule (door, place, pin)
    SELECT d.id, p.id, true
    FROM new_house_rules n JOIN place p ON p.code = n.place JOIN door d ON d.place = p.id
    JOIN space t ON t.id = d.to_space AND t.kind = 'fab_lab'
    ON CONFLICT (door) DO NOTHING""",
    b"""-- and each workshop's way is a group of doors
    INSERT INTO door_group (place, code, name, doors)
    SELECT p.id, 'acces-atelier', 'Acc\xc3\xa8s \xc3\xa0 l''atelier', array_agg(d.id ORDER BY d.id)
    FROM new_house_rules n JOIN place p ON p.code = n.place JOIN door d ON d.place = p.id
    WHERE EXISTS (SELECT FROM space s WHERE s.place = p.id AND s.kind = 'fab_lab')
    GROUP BY p.id
    ON CONFLICT (place, code) DO NOTHING""",
    b"""-- a few closures
    INSERT INTO closure (place, first, last, reason)
    SELECT p.id, n.closed_from, n.closed_until, 'Travaux (exemple)'
    FROM new_house_rules n JOIN place p ON p.code = n.place WHERE n.closed_from IS NOT NULL""",
    b"ANALYZE organisation, schedule, member, card, pass, pass_place, door_rule, door_group, closure",
)

_NUMBERS: Final = (
    b"""-- the numbers of cards that were made before numbers were kept
    UPDATE card c SET lookup = n.lookup, must_be_presented = false FROM new_card n
    WHERE c.ref = n.ref AND c.generated AND c.must_be_presented""",
    b"""-- as the rights process keeps them
    INSERT INTO card_number (lookup, boxed)
    SELECT n.lookup, n.boxed FROM new_card n JOIN card c ON c.lookup = n.lookup ON CONFLICT DO NOTHING""",
    b"""-- and these members' PINs
    UPDATE member m SET pin = n.pin FROM new_member n
    WHERE m.ref = n.ref AND m.generated AND m.pin IS NULL AND n.pin IS NOT NULL""",
)


def give_numbers(
    connection: psycopg.Connection[Any], communities: Sequence[Community], *, seed: int, secret: bytes, today: date
) -> None:
    """Give the cards of a sample that was made before migration 0046 their numbers, in the caller's transaction."""
    rows = rows_of(communities, {one.department: () for one in communities}, seed=seed, secret=secret, today=today)
    tables = {name: _TABLES[name] for name in ("member", "card")}
    store(connection, tables, rows, _NUMBERS)


def populate(
    connection: psycopg.Connection[Any], communities: Sequence[Community], *, seed: int, secret: bytes, today: date
) -> None:
    """Store the people of places that are equipped already, in the caller's transaction."""
    neighbours = departments_of(connection.execute(_PLACES).fetchall())
    store(connection, _TABLES, rows_of(communities, neighbours, seed=seed, secret=secret, today=today), _INSERTS)
