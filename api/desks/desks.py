"""Desks: their SQL and their shape in requests and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from psycopg.rows import DictRow
from pydantic import Field

from api.http.fitting import FittingChanged
from api.http.models import Answer, Body, Code, Name, time_of
from api.http.revisions import Resource

# The desks of a place, or one of them.
FIND: Final = """
SELECT d.id, d.place AS place_id, d.code::text AS code, d.name, s.code::text AS space, d.space AS space_id,
       d.retired_at, d.revision
FROM desk d JOIN place p ON p.id = d.place JOIN space s ON s.id = d.space
WHERE p.code = %(place)s AND (%(code)s::text IS NULL OR d.code::text = %(code)s)
  AND (%(retired)s OR d.retired_at IS NULL)
ORDER BY s.code, d.code
"""
INSERT: Final = """
INSERT INTO desk (place, space, code, name) VALUES (%(place)s, %(space_id)s, %(code)s, %(name)s) RETURNING id
"""
UPDATE: Final = """
UPDATE desk SET name = %(name)s, space = %(space_id)s,
  retired_at = CASE WHEN %(retired)s THEN coalesce(retired_at, now()) END
WHERE id = %(id)s AND (%(revisions)s::integer[] IS NULL OR revision = ANY(%(revisions)s)) RETURNING revision
"""


class DeskMade(Body):
    """A new desk."""

    code: Code
    name: Name
    space: Code


class DeskChanged(FittingChanged):
    """A change of a desk; fields that aren't sent keep their value."""

    name: Name | None = None
    space: Code | None = Field(default=None, description="Where it moves to, with the devices at it.")


class Desk(Answer):
    """A seat at a table."""

    code: str
    name: str
    space: str
    retired_at: datetime | None


class Desks(Answer):
    """A place's desks."""

    desks: list[Desk]


def desk_resource(place: str, code: str) -> Resource:
    """Name a desk by the codes of place and desk."""
    key = {"place": place, "code": code, "retired": True}
    return Resource(find=FIND, key=key, name=f"desk {code!r} of {place!r}", subject="desk {id}")


def desk_json(row: DictRow) -> dict[str, Any]:
    """Format a row of ``FIND`` for an answer."""
    return {**{name: row[name] for name in ("code", "name", "space")}, "retired_at": time_of(row["retired_at"])}
