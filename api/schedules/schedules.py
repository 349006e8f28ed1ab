"""Schedules: named hours, of the network or of one place, that passes and doors follow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from psycopg.rows import DictRow
from pydantic import Field

from access.errors import ListError
from access.holidays import DEPARTMENTS
from access.schedules import schedule_from_json, schedule_to_json
from api.http.errors import BadField
from api.http.models import Answer, Body, Code, Name, ScheduleName
from api.http.references import schedule_named
from api.http.revisions import Resource
from api.http.session import Session

_DEEPEST: Final = 7
"""Longest chain of links; a list refuses longer ones (access.schedules)."""

# Schedules with the names of linked ones: one by code and place, or all of a place and of the network.
FIND: Final = """
SELECT s.id, s.code::text AS code, p.code::text AS place, s.name, s.hours, s.revision,
       ARRAY(SELECT concat_ws('/', q.code::text, l.code::text) FROM schedule l LEFT JOIN place q ON q.id = l.place
             WHERE l.id = ANY(s.linked) ORDER BY 1) AS linked
FROM schedule s LEFT JOIN place p ON p.id = s.place
WHERE (%(code)s::text IS NULL OR s.code::text = %(code)s)
  AND (p.code::text IS NOT DISTINCT FROM %(place)s OR (%(also_network)s AND p.code IS NULL) OR %(everywhere)s)
ORDER BY p.code NULLS FIRST, s.code
"""
INSERT: Final = """
INSERT INTO schedule (place, code, name, hours, linked)
VALUES (%(place)s, %(code)s, %(name)s, %(hours)s, %(linked)s)
RETURNING id
"""
UPDATE: Final = """
UPDATE schedule SET name = %(name)s, hours = %(hours)s, linked = %(linked)s
WHERE id = %(id)s AND (%(revisions)s::integer[] IS NULL OR revision = ANY(%(revisions)s))
RETURNING revision
"""
DELETE: Final = """
DELETE FROM schedule
WHERE id = %(id)s AND (%(revisions)s::integer[] IS NULL OR revision = ANY(%(revisions)s)) RETURNING id
"""
# Which schedules link to this one.
LINKING: Final = "SELECT code::text AS code FROM schedule WHERE linked @> ARRAY[%(id)s::integer] ORDER BY code LIMIT 1"
# One change of links at a time, so that two concurrent ones can't close a circle.
LOCK: Final = "LOCK TABLE schedule IN SHARE UPDATE EXCLUSIVE MODE"
# The length of the chains of links from some schedules down and up to this one, and whether there is a circle.
# Chains longer than the limit aren't followed.
REACHED: Final = """
WITH RECURSIVE below (id, depth) AS (
  SELECT l, 1 FROM unnest(%(linked)s::integer[]) AS l
  UNION
  SELECT l, r.depth + 1 FROM below r JOIN schedule s ON s.id = r.id, unnest(s.linked) AS l WHERE r.depth < 10
), above (id, depth) AS (
  SELECT %(id)s::integer, 0
  UNION
  SELECT s.id, r.depth + 1 FROM above r JOIN schedule s ON s.linked @> ARRAY[r.id] WHERE r.depth < 10
)
SELECT coalesce((SELECT max(depth) FROM below), 0) + (SELECT max(depth) FROM above) AS depth,
       EXISTS (SELECT FROM below WHERE id = %(id)s::integer) AS circle
"""


class ScheduleFields(Body):
    """The hours of a week with exceptions, and the schedules whose hours are added."""

    name: Name
    hours: dict[str, Any] = Field(
        description="By day `mon` … `sun`: periods of local time; until midnight is `24:00`; what crosses it is two "
        "periods (`22:00` to `24:00`, and `00:00` to `02:00` on the next day); `holidays`: "
        "{department, hours}; `except`: [[first, last, periods], …]; `closed`: [[first, last], …].",
        examples=[{"mon": [["08:00", "12:00"], ["14:00", "18:00"]], "closed": [["2026-12-24", "2027-01-01"]]}],
    )
    linked: list[ScheduleName] = Field(
        default=[], max_length=50, description="It is also open whenever one of these is."
    )


class ScheduleMade(ScheduleFields):
    """A schedule to create; without `place`, of the network."""

    code: Code
    place: Code | None = None


class Schedule(Answer):
    """Named hours."""

    code: str
    place: str | None = Field(description="null: the network's.")
    name: str
    hours: dict[str, Any]
    linked: list[str]


class Schedules(Answer):
    """The network's schedules first, then those of places."""

    schedules: list[Schedule]


def schedule_resource(code: str, place: str | None) -> Resource:
    """Name a schedule by its code: the network's, or a place's."""
    key = {"code": code, "place": place, "also_network": False, "everywhere": False}
    return Resource(find=FIND, key=key, name=f"schedule {code!r}", subject=f"schedule {code}")


def schedule_json(row: DictRow) -> dict[str, Any]:
    """Format a row of ``FIND`` for an answer."""
    return {name: row[name] for name in ("code", "place", "name", "hours", "linked")}


def checked_hours(hours: Mapping[str, Any], field: str = "hours") -> dict[str, Any]:
    """Check hours and normalise them as ``access.schedules`` does.

    Raises:
        BadField: they are invalid.
    """
    if "linked" in hours:
        raise BadField(f"{field}.linked", "linked schedules are sent beside the hours, by name: `linked`")
    try:
        schedule = schedule_from_json(hours)
    except ListError as error:
        raise BadField(field, str(error)) from None
    department = schedule.holidays.department if schedule.holidays is not None else None
    if department is not None and department not in DEPARTMENTS:
        raise BadField(
            f"{field}.holidays.department",
            f"there is no department {department[:10]!r}: expected a number like 01, 2A, 67, 974 or 987; without one "
            "the place's department is used",
        )
    return schedule_to_json(schedule)


async def links(s: Session, names: list[str], *, own: int | None, place: int | None) -> list[int]:
    """Return the ids of the schedules that ``own`` (None: a new one) of ``place`` (None: the network) may link to.

    Raises:
        BadField: one is unknown or another place's, or there is a circle or too long a chain.
    """
    await s.run(LOCK)
    found = []
    for name in names:
        if place is None and "/" in name:
            raise BadField("linked", f"{name!r} belongs to a place: the network's schedules link only to the network's")
        found.append(await schedule_named(s, name, "linked", place=place))
    linked = sorted({one for one in found if one is not None})
    reached = await s.row(REACHED, {"linked": linked, "id": own})
    assert reached is not None
    if reached["circle"]:
        raise BadField("linked", "these schedules would link to each other in a circle")
    if reached["depth"] > _DEEPEST:
        raise BadField("linked", f"links of links go {_DEEPEST} deep at most")
    return linked
