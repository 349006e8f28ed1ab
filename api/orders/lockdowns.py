"""Lockdowns in force: rows that every list carries, so that they also reach who was offline when they were ordered."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

from psycopg.rows import DictRow

from api.http.models import Answer, time_of
from api.http.session import Session

_LOCK: Final = """
INSERT INTO lockdown (place, door, ordered_by) VALUES (%(place)s, %(door)s, %(by)s) ON CONFLICT DO NOTHING
"""
_RELEASE: Final = """
UPDATE lockdown SET released_at = now(), released_by = %(by)s
WHERE released_at IS NULL AND place IS NOT DISTINCT FROM %(place)s::integer
  AND door IS NOT DISTINCT FROM %(door)s::integer
"""
# What is in force: of a place also the network's; without one, everything that this key sees.
_IN_FORCE: Final = """
SELECT l.id, p.code::text AS place, d.code::text AS door, l.ordered_at, l.ordered_by
FROM lockdown l LEFT JOIN place p ON p.id = l.place LEFT JOIN door d ON d.id = l.door
WHERE l.released_at IS NULL AND (%(place)s::integer IS NULL OR l.place IS NULL OR l.place = %(place)s)
ORDER BY p.code NULLS FIRST, d.code NULLS FIRST
"""


class Lockdown(Answer):
    """A lockdown in force."""

    of: Literal["network", "place", "door"]
    place: str | None
    door: str | None
    ordered_at: datetime
    by: str


def lockdown_json(row: DictRow) -> dict[str, Any]:
    """A lockdown as it is told."""
    return {
        "of": "network" if row["place"] is None else "place" if row["door"] is None else "door",
        "place": row["place"],
        "door": row["door"],
        "ordered_at": time_of(row["ordered_at"]),
        "by": row["ordered_by"],
    }


async def lock(s: Session, *, place: int | None, door: int | None) -> None:
    """Put a door, a place or (neither) the network into lockdown; where it is already, that one stays."""
    await s.run(_LOCK, {"place": place, "door": door, "by": s.caller.actor})


async def release(s: Session, *, place: int | None, door: int | None) -> None:
    """End the lockdown of exactly this: a place stays locked while the network is."""
    await s.run(_RELEASE, {"place": place, "door": door, "by": s.caller.actor})


async def in_force(s: Session, *, place: int | None) -> list[DictRow]:
    """The lockdowns in force, at one place or everywhere."""
    return await s.rows(_IN_FORCE, {"place": place})
