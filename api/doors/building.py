"""Doors as parts of the building, where each leads: their SQL and their shape in requests and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from psycopg.rows import DictRow
from pydantic import Field

from api.http.fitting import FittingChanged
from api.http.models import Answer, Body, Code, Name, time_of
from api.http.revisions import Resource

# One door of a place.
FIND: Final = """
SELECT d.id, d.place AS place_id, d.code::text AS code, d.name, f.code::text AS from_space, t.code::text AS to_space,
       d.from_space AS from_id, d.to_space AS to_id, d.unlock_s, d.held_after_s, d.retired_at, d.revision
FROM door d JOIN place p ON p.id = d.place JOIN space t ON t.id = d.to_space LEFT JOIN space f ON f.id = d.from_space
WHERE p.code = %(place)s AND d.code::text = %(code)s
"""
INSERT: Final = """
INSERT INTO door (place, code, name, from_space, to_space, unlock_s, held_after_s)
VALUES (%(place)s, %(code)s, %(name)s, %(from_id)s, %(to_id)s, %(unlock_s)s, %(held_after_s)s) RETURNING id
"""
UPDATE: Final = """
UPDATE door SET name = %(name)s, from_space = %(from_id)s, to_space = %(to_id)s, unlock_s = %(unlock_s)s,
  held_after_s = %(held_after_s)s, retired_at = CASE WHEN %(retired)s THEN coalesce(retired_at, now()) END
WHERE id = %(id)s AND (%(revisions)s::integer[] IS NULL OR revision = ANY(%(revisions)s)) RETURNING revision
"""
_OUTSIDE: Final = "The space that it leads from; null: from outside."
_UNLOCK: Final = "Seconds for which its lock opens."
_HELD: Final = "Open for longer than so many seconds, it counts as held open."


class DoorMade(Body):
    """A new door."""

    code: Code
    name: Name
    from_space: Code | None = Field(default=None, description=_OUTSIDE)
    to_space: Code
    unlock_s: float = Field(default=5, gt=0, le=60, description=_UNLOCK)
    held_after_s: float = Field(default=30, gt=0, le=3600, description=_HELD)


class DoorChanged(FittingChanged):
    """A change of a door; fields that aren't sent keep their value."""

    name: Name | None = None
    from_space: Code | None = Field(default=None, description=_OUTSIDE)
    to_space: Code | None = None
    unlock_s: float | None = Field(default=None, gt=0, le=60, description=_UNLOCK)
    held_after_s: float | None = Field(default=None, gt=0, le=3600, description=_HELD)


class BuiltDoor(Answer):
    """A door, without its rules."""

    code: str
    name: str
    from_space: str | None = Field(description=_OUTSIDE)
    to_space: str
    unlock_s: float = Field(description=_UNLOCK)
    held_after_s: float = Field(description=_HELD)
    retired_at: datetime | None


def door_resource(place: str, code: str) -> Resource:
    """Name a door by the codes of place and door."""
    key = {"place": place, "code": code}
    return Resource(find=FIND, key=key, name=f"door {code!r} of {place!r}", subject="door {id}")


def door_json(row: DictRow) -> dict[str, Any]:
    """Format a row of ``FIND`` for an answer."""
    names = (name for name in BuiltDoor.model_fields if name != "retired_at")
    return {**{name: row[name] for name in names}, "retired_at": time_of(row["retired_at"])}
