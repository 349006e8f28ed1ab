"""Spaces: their SQL and their shape in requests and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from psycopg.rows import DictRow
from pydantic import Field

from api.http.fitting import FittingChanged
from api.http.models import Answer, Body, Code, Name, time_of
from api.http.revisions import Resource
from api.present.models import Kind

# The spaces of a place, the root first, or one of them.
FIND: Final = """
SELECT s.id, s.place AS place_id, s.code::text AS code, s.name, s.kind, u.code::text AS parent, s.parent AS parent_id,
       s.capacity, s.for_work, s.person_limit, s.retired_at, s.revision,
       (SELECT count(*) FROM desk d WHERE d.space = s.id AND d.retired_at IS NULL)::integer AS desks
FROM space s JOIN place p ON p.id = s.place LEFT JOIN space u ON u.id = s.parent
WHERE p.code = %(place)s AND (%(code)s::text IS NULL OR s.code::text = %(code)s)
  AND (%(retired)s OR s.retired_at IS NULL)
ORDER BY s.parent NULLS FIRST, s.code
"""
INSERT: Final = """
INSERT INTO space (place, code, name, kind, parent, capacity, for_work, person_limit)
VALUES (%(place)s, %(code)s, %(name)s, %(kind)s, %(parent_id)s, %(capacity)s, %(for_work)s, %(person_limit)s)
RETURNING id
"""
UPDATE: Final = """
UPDATE space SET name = %(name)s, kind = %(kind)s, parent = %(parent_id)s, capacity = %(capacity)s,
  for_work = %(for_work)s, person_limit = %(person_limit)s,
  retired_at = CASE WHEN %(retired)s THEN coalesce(retired_at, now()) END
WHERE id = %(id)s AND (%(revisions)s::integer[] IS NULL OR revision = ANY(%(revisions)s)) RETURNING revision
"""
Count = Field(default=None, ge=0, le=100_000)


class SpaceMade(Body):
    """A new space."""

    code: Code
    name: Name
    kind: Kind
    parent: Code | None = Field(default=None, description="The space that it lies in; null: the place itself.")
    capacity: int | None = Count
    for_work: bool | None = Field(default=None, description="Its seats are seats to work at; null: as its kind says.")
    person_limit: int | None = Field(default=None, ge=0, le=100_000, description="By law or lease; null: no limit.")


class SpaceChanged(FittingChanged):
    """A change of a space; fields that aren't sent keep their value."""

    name: Name | None = None
    kind: Kind | None = None
    parent: Code | None = None
    capacity: int | None = Count
    for_work: bool | None = None
    person_limit: int | None = Count


class Space(Answer):
    """A part of a place; the root space (`parent` null) stands for the place itself."""

    code: str
    name: str
    kind: Kind
    parent: str | None
    capacity: int | None
    for_work: bool | None
    person_limit: int | None
    desks: int = Field(description="Desks in service that stand in it.")
    retired_at: datetime | None


class Spaces(Answer):
    """A place's spaces."""

    spaces: list[Space]


def space_resource(place: str, code: str) -> Resource:
    """Name a space by the codes of place and space."""
    key = {"place": place, "code": code, "retired": True}
    return Resource(find=FIND, key=key, name=f"space {code!r} of {place!r}", subject="space {id}")


def space_json(row: DictRow) -> dict[str, Any]:
    """Format a row of ``FIND`` for an answer."""
    names = (name for name in Space.model_fields if name != "retired_at")
    return {**{name: row[name] for name in names}, "retired_at": time_of(row["retired_at"])}
