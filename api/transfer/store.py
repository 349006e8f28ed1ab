"""Reads the members, cards and passes that a file may mean, and writes the rows of a plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from api.http.session import Session
from api.present.network import unaccented
from api.transfer.known import CardRow, Known, MemberRow, PassRow, PlaceLimits, PlaceParts, organisation_key
from api.transfer.lines import CLEAR, Line
from api.transfer.plan import Plan

T = TypeVar("T")

# The members that a file may mean: by reference, address, card or card's reference.
_MEANT: Final = """
SELECT ref, name, email, organisation, home, home_commune, work_commune, status, revision FROM member
WHERE ref = ANY(%(refs)s::text[]) OR lower(email) = ANY(%(emails)s::text[])
   OR ref IN (SELECT member FROM card WHERE lookup = ANY(%(lookups)s::bytea[]) OR ref = ANY(%(cards)s::text[]))
"""
# Every member that this key sees, except visitors.
_ALL: Final = """
SELECT m.ref, m.name, m.email, m.organisation, m.home, m.home_commune, m.work_commune, m.status, m.revision
FROM member m
WHERE NOT EXISTS (SELECT FROM pass p WHERE p.member = m.ref AND p.visitor IS NOT NULL)
   OR EXISTS (SELECT FROM pass p WHERE p.member = m.ref AND p.visitor IS NULL)
ORDER BY lower(m.name), m.ref
"""
# Their cards.
_CARDS: Final = """
SELECT ref, lookup, member, kind, format, last4, status, valid_from, valid_until, revision FROM card
WHERE member = ANY(%(members)s::text[]) ORDER BY issued_at, ref
"""
# Their passes, without visits and revoked ones.
_PASSES: Final = """
SELECT ref, member, label, everywhere, schedule, valid_from, valid_until, unit, allowance, each_month, booked,
       outside_hours, supervises, revision
FROM pass WHERE member = ANY(%(members)s::text[]) AND revoked_at IS NULL AND visitor IS NULL ORDER BY created_at, ref
"""
_LIMITS: Final = """
SELECT l.pass, l.place, l.spaces, l.doors, l.door_groups AS groups
FROM pass_place l JOIN pass p ON p.ref = l.pass
WHERE p.member = ANY(%(members)s::text[]) AND p.revoked_at IS NULL ORDER BY l.pass, l.place
"""
_ORGANISATIONS: Final = "SELECT id, code::text AS code, name FROM organisation ORDER BY id DESC"
# Every place with the parts that a pass may name.
_PLACES: Final = """
SELECT p.id, p.code::text AS code, p.time_zone,
  coalesce((SELECT jsonb_object_agg(s.code, s.id) FROM space s WHERE s.place = p.id AND s.retired_at IS NULL), '{}')
    AS spaces,
  coalesce((SELECT jsonb_object_agg(d.code, d.id) FROM door d WHERE d.place = p.id AND d.retired_at IS NULL), '{}')
    AS doors,
  coalesce((SELECT jsonb_object_agg(g.code, g.id) FROM door_group g WHERE g.place = p.id), '{}') AS groups
FROM place p
"""
_COMMUNES: Final = "SELECT code FROM commune WHERE code = ANY(%(codes)s::text[])"
_SCHEDULES: Final = "SELECT id, place, code::text AS code, name FROM schedule"

_NEW_ORGANISATION: Final = "INSERT INTO organisation (code, name) VALUES (%(code)s, %(name)s) RETURNING id"
# New members, without those whose address is taken.
_NEW_MEMBERS: Final = """
INSERT INTO member (ref, name, email, organisation, home, home_commune, work_commune, status)
SELECT * FROM unnest(%(ref)s::text[], %(name)s::text[], %(email)s::text[], %(organisation)s::integer[],
                     %(home)s::integer[], %(home_commune)s::text[], %(work_commune)s::text[], %(status)s::text[])
ON CONFLICT DO NOTHING RETURNING ref
"""
_CHANGED_MEMBERS: Final = """
UPDATE member m SET name = n.name, email = n.email, organisation = n.organisation, home = n.home,
  home_commune = n.home_commune, work_commune = n.work_commune, status = n.status
FROM unnest(%(ref)s::text[], %(name)s::text[], %(email)s::text[], %(organisation)s::integer[], %(home)s::integer[],
            %(home_commune)s::text[], %(work_commune)s::text[], %(status)s::text[], %(revision)s::integer[])
  AS n (ref, name, email, organisation, home, home_commune, work_commune, status, revision)
WHERE m.ref = n.ref AND m.revision = n.revision RETURNING m.ref
"""
# New cards, without those that another member has.
_NEW_CARDS: Final = """
INSERT INTO card (lookup, member, kind, format, last4, status, valid_from, valid_until)
SELECT * FROM unnest(%(lookup)s::bytea[], %(member)s::text[], %(kind)s::text[], %(format)s::text[], %(last4)s::text[],
                     %(status)s::text[], %(valid_from)s::timestamptz[], %(valid_until)s::timestamptz[])
ON CONFLICT DO NOTHING RETURNING lookup
"""
# Their numbers, for the rights process.
_SEALED: Final = """
INSERT INTO card_number (lookup, sealed) SELECT * FROM unnest(%(lookup)s::bytea[], %(sealed)s::bytea[])
ON CONFLICT DO NOTHING
"""
_CHANGED_CARDS: Final = """
UPDATE card c SET status = n.status, valid_from = n.valid_from, valid_until = n.valid_until
FROM unnest(%(lookup)s::bytea[], %(status)s::text[], %(valid_from)s::timestamptz[], %(valid_until)s::timestamptz[],
            %(revision)s::integer[]) AS n (lookup, status, valid_from, valid_until, revision)
WHERE c.lookup = n.lookup AND c.revision = n.revision RETURNING c.lookup
"""
_NEW_PASSES: Final = """
INSERT INTO pass (ref, member, label, everywhere, schedule, valid_from, valid_until, unit, allowance, each_month,
                  booked, outside_hours, supervises)
SELECT * FROM unnest(%(ref)s::text[], %(member)s::text[], %(label)s::text[], %(everywhere)s::boolean[],
  %(schedule)s::integer[], %(valid_from)s::timestamptz[], %(valid_until)s::timestamptz[], %(unit)s::text[],
  %(allowance)s::integer[], %(each_month)s::boolean[], %(booked)s::boolean[], %(outside_hours)s::boolean[],
  %(supervises)s::boolean[])
RETURNING ref
"""
_CHANGED_PASSES: Final = """
UPDATE pass p SET label = n.label, everywhere = n.everywhere, schedule = n.schedule, valid_from = n.valid_from,
  valid_until = n.valid_until, unit = n.unit, allowance = n.allowance, each_month = n.each_month, booked = n.booked,
  outside_hours = n.outside_hours, supervises = n.supervises
FROM unnest(%(ref)s::text[], %(label)s::text[], %(everywhere)s::boolean[], %(schedule)s::integer[],
  %(valid_from)s::timestamptz[], %(valid_until)s::timestamptz[], %(unit)s::text[], %(allowance)s::integer[],
  %(each_month)s::boolean[], %(booked)s::boolean[], %(outside_hours)s::boolean[], %(supervises)s::boolean[],
  %(revision)s::integer[])
  AS n (ref, label, everywhere, schedule, valid_from, valid_until, unit, allowance, each_month, booked, outside_hours,
        supervises, revision)
WHERE p.ref = n.ref AND p.revision = n.revision RETURNING p.ref
"""
_NO_PLACES: Final = "DELETE FROM pass_place WHERE pass = ANY(%(refs)s::text[])"
# The places of passes; arrays of ids are sent as text, since unnest would flatten them.
_NEW_LIMITS: Final = """
INSERT INTO pass_place (pass, place, spaces, doors, door_groups)
SELECT n.pass, n.place, n.spaces::integer[], n.doors::integer[], n.door_groups::integer[]
FROM unnest(%(pass)s::text[], %(place)s::integer[], %(spaces)s::text[], %(doors)s::text[], %(groups)s::text[])
  AS n (pass, place, spaces, doors, door_groups)
"""

_PIECE: Final = 2000
"""Rows of one statement: statements have a time limit, and the audit lists up to 5,000 rows of one."""
_MEMBER: Final = (
    "ref", "name", "email", "organisation", "home", "home_commune", "work_commune", "status", "revision",
)  # fmt: skip
_CARD: Final = ("lookup", "member", "kind", "format", "last4", "status", "valid_from", "valid_until", "revision")
_PASS: Final = (
    "ref", "member", "label", "everywhere", "schedule", "valid_from", "valid_until", "unit", "allowance", "each_month",
    "booked", "outside_hours", "supervises", "revision",
)  # fmt: skip


async def load_known(s: Session, lines: Sequence[Line] | None) -> Known:
    """Read the members that ``lines`` may mean (None: all), their cards and passes, as far as this key sees them."""
    if lines is None:
        members = await s.rows(_ALL)
    else:
        members = await s.rows(
            _MEANT,
            {
                "refs": _some(line.member for line in lines),
                "emails": _some(line.email.lower() for line in lines if line.email and line.email != CLEAR),
                "lookups": list({line.lookup for line in lines if line.lookup is not None}),
                "cards": _some(line.card_ref for line in lines),
            },
        )
    whose = {"members": [row["ref"] for row in members]}
    places: dict[str, list[PlaceLimits]] = {}
    for row in await s.rows(_LIMITS, whose):
        limits = {name: tuple(sorted(row[name])) if row[name] else None for name in ("spaces", "doors", "groups")}
        places.setdefault(row["pass"], []).append(PlaceLimits(place=row["place"], **limits))
    codes = _some(code for line in lines or () for code in (line.home_commune, line.work_commune))
    communes = await s.rows(_COMMUNES, {"codes": codes}) if codes else []
    organisations = await s.rows(_ORGANISATIONS)
    schedules = await s.rows(_SCHEDULES)
    names = Counter((row["place"], organisation_key(row["name"])) for row in schedules)
    return Known(
        members={row["ref"]: MemberRow(**row) for row in members},
        cards={bytes(row["lookup"]): CardRow(**row) for row in await s.rows(_CARDS, whose)},
        passes={
            row["ref"]: PassRow(**row, places=tuple(places.get(row["ref"], ()))) for row in await s.rows(_PASSES, whose)
        },
        organisations={organisation_key(row["name"]): row["id"] for row in organisations}
        | {row["code"]: row["id"] for row in organisations},
        communes=frozenset(row["code"] for row in communes),
        organisation_of={row["id"]: row["name"] for row in organisations},
        places={row["code"]: PlaceParts(**row) for row in await s.rows(_PLACES)},
        schedules={(row["place"], row["code"]): row["id"] for row in schedules},
        schedule_names={
            key: row["id"] for row in schedules if names[key := (row["place"], organisation_key(row["name"]))] == 1
        },
        reach=None if s.caller.places is None else frozenset(s.caller.places),
        gives_passes="passes:write" in s.caller.permissions,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """The rows of a plan that conflict with data that this key doesn't see."""

    members: frozenset[str]
    cards: frozenset[bytes]
    passes: frozenset[str]

    def __bool__(self) -> bool:
        return bool(self.members or self.cards or self.passes)

    def taken(self, plan: Plan) -> frozenset[str | bytes]:
        """Return the new members and cards that already exist."""
        return (self.members & plan.new_members.keys()) | (self.cards & plan.new_cards.keys())


async def write(s: Session, plan: Plan) -> Hidden:
    """Write ``plan``; if the result isn't empty, it was not written completely."""
    ids: list[int] = []
    for one in _organisations(plan):
        ids += [row["id"] for row in await s.rows(_NEW_ORGANISATION, one)]

    def with_organisation(rows: Iterable[MemberRow]) -> list[MemberRow]:
        return [
            replace(row, organisation=ids[-1 - row.organisation])
            if row.organisation is not None and row.organisation < 0
            else row
            for row in rows
        ]

    members = await _written(s, _NEW_MEMBERS, with_organisation(plan.new_members.values()), _MEMBER, "ref")
    changed = await _written(s, _CHANGED_MEMBERS, with_organisation(plan.changed_members.values()), _MEMBER, "ref")
    hidden = {*plan.new_members, *plan.changed_members} - members - changed
    cards = [one for one in plan.new_cards.values() if one.member not in hidden]
    written = await _written(s, _NEW_CARDS, cards, _CARD, "lookup")
    for piece in _pieces([one for one in cards if one.sealed is not None and one.lookup in written]):
        await s.run(_SEALED, _columns(piece, ("lookup", "sealed")))
    again = await _written(s, _CHANGED_CARDS, list(plan.changed_cards.values()), _CARD, "lookup")
    taken = {one.lookup for one in cards} | plan.changed_cards.keys()
    passes = set() if hidden else await _passes(s, plan)
    return Hidden(members=frozenset(hidden), cards=frozenset(taken - written - again), passes=frozenset(passes))


async def _passes(s: Session, plan: Plan) -> set[str]:
    """Write the passes and their places; return those at places that this key has no access to."""
    await _written(s, _NEW_PASSES, list(plan.new_passes.values()), _PASS, "ref")
    if plan.changed_passes:
        written = await _written(s, _CHANGED_PASSES, list(plan.changed_passes.values()), _PASS, "ref")
        if written != plan.changed_passes.keys():
            return plan.changed_passes.keys() - written
        await s.run(_NO_PLACES, {"refs": list(plan.changed_passes)})
    rows = [
        (one.ref, where) for one in (*plan.new_passes.values(), *plan.changed_passes.values()) for where in one.places
    ]
    for piece in _pieces(rows):
        await s.run(
            _NEW_LIMITS,
            {
                "pass": [ref for ref, _ in piece],
                "place": [where.place for _, where in piece],
                "spaces": [_array(where.spaces) for _, where in piece],
                "doors": [_array(where.doors) for _, where in piece],
                "groups": [_array(where.groups) for _, where in piece],
            },
        )
    return set()


async def _written(s: Session, query: str, rows: Sequence[Any], names: Sequence[str], key: str) -> set[Any]:
    found: set[Any] = set()
    for piece in _pieces(rows):
        written = (row[key] for row in await s.rows(query, _columns(piece, names)))
        found |= {bytes(value) if key == "lookup" else value for value in written}
    return found


def _pieces(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    return (rows[start : start + _PIECE] for start in range(0, len(rows), _PIECE))


def _columns(rows: Iterable[Any], names: Sequence[str]) -> dict[str, list[Any]]:
    listed = list(rows)
    return {name: [getattr(row, name) for row in listed] for name in names}


def _array(ids: tuple[int, ...] | None) -> str | None:
    return None if ids is None else "{" + ",".join(map(str, ids)) + "}"


def _some(values: Iterable[str | None]) -> list[str]:
    return list({value for value in values if value is not None})


def _organisations(plan: Plan) -> list[dict[str, str]]:
    """Return codes for new organisations: their names in plain letters, with a suffix that makes them unique."""
    codes: dict[str, int] = {}
    made = []
    for key, name in plan.organisations.items():
        plain = "".join(char if char.isascii() and char.isalnum() else "-" for char in unaccented(key))
        code = "-".join(part for part in plain.split("-") if part)[:50] or "organisation"
        codes[code] = codes.get(code, 0) + 1
        made.append({"code": code if codes[code] == 1 else f"{code}-{codes[code]}", "name": name})
    return made
