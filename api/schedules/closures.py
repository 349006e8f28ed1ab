"""Closures: local days on which a place, or the whole network, is closed whatever its hours say."""

from __future__ import annotations

from datetime import date
from typing import Any, Final, Self

from psycopg.rows import DictRow
from pydantic import Field, model_validator

from api.http.models import Answer, Body, Code, Day, Question
from api.http.revisions import Thing

# One closure, or those of a place and the network (or all that the caller sees) that end on a day or after it.
FIND: Final = """
SELECT c.id, p.code::text AS place, c.first, c.last, c.reason, c.revision
FROM closure c LEFT JOIN place p ON p.id = c.place
WHERE (%(id)s::integer IS NULL OR c.id = %(id)s)
  AND (%(place)s::text IS NULL OR p.code IS NULL OR p.code::text = %(place)s)
  AND (%(since)s::date IS NULL OR c.last >= %(since)s)
ORDER BY c.first, c.id
LIMIT 5000
"""
INSERT: Final = """
INSERT INTO closure (place, first, last, reason) VALUES (%(place)s, %(first)s, %(last)s, %(reason)s) RETURNING id
"""
UPDATE: Final = """
UPDATE closure SET first = %(first)s, last = %(last)s, reason = %(reason)s
WHERE id = %(id)s AND (%(revisions)s::integer[] IS NULL OR revision = ANY(%(revisions)s)) RETURNING revision
"""
DELETE: Final = """
DELETE FROM closure
WHERE id = %(id)s AND (%(revisions)s::integer[] IS NULL OR revision = ANY(%(revisions)s)) RETURNING id
"""


class ClosureFields(Body):
    """Local days, both included."""

    first: Day
    last: Day
    reason: str = Field(default="", max_length=200, examples=["Fermeture de fin d'année"])

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last < self.first:
            raise ValueError("last must not be before first")
        return self


class ClosureMade(ClosureFields):
    """A new closure; without `place` of the whole network."""

    place: Code | None = None


class ClosuresQuestion(Question):
    """Which closures to list."""

    place: str | None = Field(
        default=None, max_length=64, description="Those of this place and of the network; without it, all."
    )
    since: Day | None = Field(default=None, description="Only those that end on this day or later.")


class Closure(Answer):
    """Local days on which a place (null: every place) is closed, both included."""

    id: int
    place: str | None
    first: date
    last: date
    reason: str


class Closures(Answer):
    """Closures by their first day, at most 5,000."""

    closures: list[Closure]


def closure_thing(number: int) -> Thing:
    """A closure by its number."""
    key = {"id": number, "place": None, "since": None}
    return Thing(find=FIND, key=key, name=f"closure {number}", subject=f"closure {number}")


def closure_json(row: DictRow) -> dict[str, Any]:
    """A row of ``FIND`` as it is told."""
    days = {name: row[name].isoformat() for name in ("first", "last")}
    return {"id": row["id"], "place": row["place"], **days, "reason": row["reason"]}
