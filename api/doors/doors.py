"""Doors' rules and door groups: their SQL and their shape in requests and answers."""

from __future__ import annotations

from typing import Any, Final, Literal

from psycopg.rows import DictRow
from pydantic import Field

from api.http.models import Answer, Body, Code, Name, ScheduleName
from api.http.revisions import Resource

# A door with its rules, or all doors of a place; a door without a row has revision 0 and no rules.
RULES: Final = """
SELECT d.id, d.place AS place_id, d.code::text AS door, d.name, coalesce(r.pin, false) AS pin,
       concat_ws('/', wp.code::text, w.code::text) AS pin_while, coalesce(r.passback, 'off') AS passback,
       coalesce(r.passback_s, 0) AS passback_s, concat_ws('/', sp.code::text, s.code::text) AS supervised,
       concat_ws('/', fp.code::text, f.code::text) AS first_card, coalesce(r.revision, 0) AS revision,
       a.code::text AS from_space, b.code::text AS to_space, d.unlock_s, d.held_after_s
FROM door d
JOIN place p ON p.id = d.place
JOIN space b ON b.id = d.to_space LEFT JOIN space a ON a.id = d.from_space
LEFT JOIN door_rule r ON r.door = d.id
LEFT JOIN schedule w ON w.id = r.pin_while LEFT JOIN place wp ON wp.id = w.place
LEFT JOIN schedule s ON s.id = r.supervised LEFT JOIN place sp ON sp.id = s.place
LEFT JOIN schedule f ON f.id = r.first_card LEFT JOIN place fp ON fp.id = f.place
WHERE p.code = %(place)s AND d.retired_at IS NULL AND (%(door)s::text IS NULL OR d.code::text = %(door)s)
ORDER BY d.code
"""
PUT_RULES: Final = """
INSERT INTO door_rule AS r (door, place, pin, pin_while, passback, passback_s, supervised, first_card)
VALUES (%(id)s, %(place_id)s, %(pin)s, %(pin_while)s, %(passback)s, %(passback_s)s, %(supervised)s, %(first_card)s)
ON CONFLICT (door) DO UPDATE SET pin = excluded.pin, pin_while = excluded.pin_while, passback = excluded.passback,
  passback_s = excluded.passback_s, supervised = excluded.supervised, first_card = excluded.first_card
WHERE %(revisions)s::integer[] IS NULL OR r.revision = ANY(%(revisions)s)
RETURNING revision
"""
# The door groups of a place, or one of them.
GROUPS: Final = """
SELECT g.id, g.place AS place_id, g.code::text AS code, g.name, g.revision,
       ARRAY(SELECT d.code::text FROM door d WHERE d.id = ANY(g.doors) AND d.retired_at IS NULL
             ORDER BY d.code) AS doors
FROM door_group g JOIN place p ON p.id = g.place
WHERE p.code = %(place)s AND (%(code)s::text IS NULL OR g.code::text = %(code)s)
ORDER BY g.code
"""
INSERT_GROUP: Final = """
INSERT INTO door_group (place, code, name, doors) VALUES (%(place)s, %(code)s, %(name)s, %(doors)s) RETURNING id
"""
UPDATE_GROUP: Final = """
UPDATE door_group SET name = %(name)s, doors = %(doors)s
WHERE id = %(id)s AND (%(revisions)s::integer[] IS NULL OR revision = ANY(%(revisions)s)) RETURNING revision
"""
DELETE_GROUP: Final = """
DELETE FROM door_group
WHERE id = %(id)s AND (%(revisions)s::integer[] IS NULL OR revision = ANY(%(revisions)s)) RETURNING id
"""
# A valid pass that uses a group.
GROUP_IN_USE: Final = """
SELECT w.pass FROM pass_place w JOIN pass p ON p.ref = w.pass
WHERE w.door_groups @> ARRAY[%(id)s::integer] AND p.revoked_at IS NULL
  AND (p.valid_until IS NULL OR p.valid_until > now()) LIMIT 1
"""


class Rules(Body):
    """The rules of a door."""

    pin: bool = Field(default=False, description="The member's PIN is required with the card.")
    pin_while: ScheduleName | None = Field(default=None, description="Only in these hours; null: always.")
    passback: Literal["off", "soft", "hard", "timed"] = "off"
    passback_s: int = Field(default=0, ge=0, le=86_400, description="With `timed`: seconds.")
    supervised: ScheduleName | None = Field(
        default=None, description="In these hours the door opens only while a host is inside."
    )
    first_card: ScheduleName | None = Field(
        default=None, description="In each of these periods the door stays open once a host has come in."
    )


class DoorRules(Rules, Answer):
    """A door and its rules."""

    door: str
    name: str


class ListedDoor(DoorRules):
    """A door with where it leads and its rules."""

    from_space: str | None = Field(description="null: outside.")
    to_space: str
    unlock_s: float
    held_after_s: float


class Doors(Answer):
    """A place's doors in service, each with its rules."""

    doors: list[ListedDoor]


class GroupFields(Body):
    """A named group of doors of one place."""

    name: Name
    doors: list[Code] = Field(max_length=500)


class GroupMade(GroupFields):
    """A door group to create."""

    code: Code


class Group(GroupMade, Answer):
    """A named group of doors of one place."""


class Groups(Answer):
    """A place's door groups."""

    door_groups: list[Group]


def rules_resource(place: str, door: str) -> Resource:
    """Name the rules of a door by the codes of place and door."""
    name = f"door {door!r} of {place!r}"
    return Resource(find=RULES, key={"place": place, "door": door}, name=name, subject="")


def group_resource(place: str, code: str) -> Resource:
    """Name a door group by the codes of place and group."""
    name = f"group of doors {code!r} of {place!r}"
    return Resource(find=GROUPS, key={"place": place, "code": code}, name=name, subject=f"door group {code}")


def rules_json(row: DictRow) -> dict[str, Any]:
    """Format a row of ``RULES`` for an answer."""
    return {
        **{name: row[name] for name in ("door", "name", "pin", "passback", "passback_s")},
        **{name: row[name] or None for name in ("pin_while", "supervised", "first_card")},
    }


def listed_json(row: DictRow) -> dict[str, Any]:
    """Format a row of ``RULES`` for the list."""
    about = ("from_space", "to_space", "unlock_s", "held_after_s")
    return {**rules_json(row), **{name: row[name] for name in about}}


def group_json(row: DictRow) -> dict[str, Any]:
    """Format a row of ``GROUPS`` for an answer."""
    return {name: row[name] for name in ("code", "name", "doors")}
