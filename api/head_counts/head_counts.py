"""Head counts: their SQL, their bounds, and their shape in requests and answers."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, Literal

from psycopg.rows import DictRow
from pydantic import Field

from api.http.cursors import Cursor
from api.http.errors import BadField, Conflict
from api.http.models import Answer, Body, Code, Moment, Question, time_of

OLDEST: Final = timedelta(days=7)
_CLOCKS: Final = timedelta(minutes=1)
"""A caller's clock may be this much ahead; the head count then holds for now."""
_UNBOUNDED: Final = 100
"""People that need no confirmation where no capacity is known."""

# A place's space, or (no code) its root, with the capacity of the nearest space around it that has one.
SPACE: Final = """
WITH RECURSIVE around AS (
  SELECT s.id, s.code, s.parent, s.capacity, s.retired_at, 0 AS step FROM space s
  WHERE s.place = %(place)s AND (s.code::text = %(space)s OR (%(space)s::text IS NULL AND s.parent IS NULL))
  UNION ALL
  SELECT a.id, a.code, s.parent, s.capacity, a.retired_at, a.step + 1
  FROM around a JOIN space s ON s.id = a.parent WHERE a.capacity IS NULL
)
SELECT id, code::text AS code, capacity, retired_at, now() AS now FROM around ORDER BY step DESC LIMIT 1
"""
# Who, when and what was published the database adds itself.
INSERT: Final = """
INSERT INTO head_count (place, space, at, present)
VALUES (%(place)s, %(space)s, coalesce(%(at)s, now()), %(present)s) RETURNING id
"""
# Head counts of a place, the latest made first, or one of them.
FIND: Final = """
SELECT h.id, p.code::text AS place, s.code::text AS space, h.present, h.at, h.made_at, h.made_by, h.stored_at,
       h.refused, h.withdrawn_at, h.published, h.low, h.high, h.capacity, h.quality
FROM head_count h JOIN place p ON p.id = h.place JOIN space s ON s.id = h.space
WHERE h.place = %(place)s AND (%(space)s::integer IS NULL OR h.space = %(space)s)
  AND (%(id)s::bigint IS NULL OR h.id = %(id)s) AND (%(before)s::bigint IS NULL OR h.id < %(before)s)
ORDER BY h.id DESC LIMIT %(limit)s
"""
WITHDRAW: Final = """
UPDATE head_count SET withdrawn_at = coalesce(withdrawn_at, now()), withdrawn_by = coalesce(withdrawn_by, %(by)s)
WHERE place = %(place)s AND id = %(id)s RETURNING id
"""


class HeadCountMade(Body):
    """How many people are there now, or were at `at`."""

    present: int = Field(ge=0, le=100_000, description="People.", examples=[7])
    space: Code | None = Field(default=None, description="null: the whole place.")
    at: Moment | None = Field(default=None, description="When they were counted, at most a week ago; null: now.")
    confirm_over_capacity: bool = Field(default=False, description="There are more people than the space holds.")


class HeadCountsQuestion(Question):
    """Which head counts to list."""

    space: str | None = Field(default=None, max_length=64, description="Only those of this space.")
    limit: int = Field(default=100, ge=1, le=1000)
    cursor: Cursor | None = None


class Published(Answer):
    """What the API answered for the space at the time of a head count."""

    present: int | None = Field(description="null: no number was published, or it was stale.")
    low: int | None
    high: int | None
    capacity: int | None
    quality: Literal["live", "degraded", "stale", "unknown"]


class HeadCount(Answer):
    """How many people a manager counted, beside what was published."""

    id: int
    place: str
    space: str
    present: int
    at: datetime
    by: str
    made_at: datetime
    stored_at: datetime | None = Field(description="Since when it is an event (`/v1/events`); null: not yet.")
    refused: str | None = Field(description="Why it could not be stored.")
    withdrawn_at: datetime | None = Field(description="Since when it is taken for a mistake.")
    published: Published


class HeadCounts(Answer):
    """A page of head counts, the latest made first."""

    head_counts: list[HeadCount]
    next: str | None = Field(description="`cursor` of the next page; null: this is the last.")


def check_time(at: datetime | None, now: datetime) -> None:
    """Refuse a time that lies in the future or too far back.

    Raises:
        BadField: it does.
    """
    if at is not None and at > now + _CLOCKS:
        raise BadField("at", f"it lies in the future: it is {time_of(now)}. Leave `at` out to count for now")
    if at is not None and at < now - OLDEST:
        raise BadField("at", f"it is more than {OLDEST.days} days ago: count again, and leave `at` out")


def check_number(present: int, capacity: int | None, *, confirmed: bool) -> None:
    """Refuse more people than the space holds, unless that is ``confirmed``.

    Raises:
        Conflict: they are more.
    """
    if confirmed or present <= (_UNBOUNDED if capacity is None else capacity):
        return
    holds = "no capacity is known" if capacity is None else f"the space holds {capacity} people"
    raise Conflict(
        f"{present} people were counted, but {holds}. Correct the number, or send confirm_over_capacity: true.",
        field="confirm_over_capacity",
    )


def head_count_json(row: DictRow) -> dict[str, Any]:
    """Format a row of ``FIND`` for an answer."""
    return {
        **{name: row[name] for name in ("id", "place", "space", "present", "refused")},
        "at": time_of(row["at"]),
        "by": row["made_by"],
        "made_at": time_of(row["made_at"]),
        "stored_at": time_of(row["stored_at"]),
        "withdrawn_at": time_of(row["withdrawn_at"]),
        "published": {
            "present": row["published"],
            **{name: row[name] for name in ("low", "high", "capacity", "quality")},
        },
    }
