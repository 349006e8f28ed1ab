"""Bookings of a place or a space: their SQL and their shape in requests and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Self

from psycopg.rows import DictRow
from pydantic import Field, model_validator

from api.http.models import Answer, Body, Code, Moment, Question, Ref, time_of
from api.http.revisions import Resource

# One booking, or those of a member, at a place, within a period.
FIND: Final = """
SELECT b.ref, b.member, b.place AS place_id, p.code::text AS place, b.space AS space_id, s.code::text AS space,
       b.starts_at, b.ends_at, b.cancelled_at, b.revision
FROM booking b JOIN place p ON p.id = b.place LEFT JOIN space s ON s.id = b.space
WHERE (%(ref)s::text IS NULL OR b.ref = %(ref)s) AND (%(member)s::text IS NULL OR b.member = %(member)s)
  AND (%(place)s::text IS NULL OR p.code::text = %(place)s)
  AND (%(starts)s::timestamptz IS NULL OR b.ends_at > %(starts)s)
  AND (%(ends)s::timestamptz IS NULL OR b.starts_at < %(ends)s)
ORDER BY b.starts_at DESC, b.ref LIMIT 5000
"""
INSERT: Final = """
INSERT INTO booking (member, place, space, starts_at, ends_at)
VALUES (%(member)s, %(place_id)s, %(space_id)s, %(starts)s, %(ends)s) RETURNING ref
"""
UPDATE: Final = """
UPDATE booking SET space = %(space_id)s, starts_at = %(starts)s, ends_at = %(ends)s
WHERE ref = %(ref)s AND (%(revisions)s::integer[] IS NULL OR revision = ANY(%(revisions)s)) AND cancelled_at IS NULL
RETURNING revision
"""
CANCEL: Final = """
UPDATE booking SET cancelled_at = coalesce(cancelled_at, now())
WHERE ref = %(ref)s AND (%(revisions)s::integer[] IS NULL OR revision = ANY(%(revisions)s)) RETURNING revision
"""


# A place's hours, and its closures around a time.
HOURS: Final = """
SELECT p.code::text AS code, p.status, p.opening_hours, p.department, p.time_zone, ARRAY(
    SELECT jsonb_build_array(c.first, c.last) FROM public_closures() c
    WHERE (c.place = p.id OR c.place IS NULL)) AS closures
FROM place p WHERE p.id = %(place_id)s
"""
# The bookings of a space for one party that overlap a time, earliest first.
TAKEN: Final = """
SELECT b.ref, b.starts_at, b.ends_at FROM booking b
WHERE b.space = %(space_id)s AND b.one_party AND b.cancelled_at IS NULL AND b.ref IS DISTINCT FROM %(ref)s
  AND tstzrange(b.starts_at, b.ends_at) && tstzrange(%(starts)s, %(ends)s)
ORDER BY b.starts_at LIMIT 1
"""


class BookingMade(Body):
    """A new booking."""

    member: Ref
    place: Code
    space: Code | None = Field(default=None, description="null: the whole place.")
    starts: Moment = Field(alias="from")
    ends: Moment = Field(alias="until")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.ends <= self.starts:
            raise ValueError("until must be after from")
        return self


class BookingChanged(Body):
    """A change of a booking; fields that aren't sent keep their value."""

    space: Code | None = None
    starts: Moment | None = Field(default=None, alias="from")
    ends: Moment | None = Field(default=None, alias="until")


class BookingsQuestion(Question):
    """Which bookings to list."""

    member: str | None = Field(default=None, max_length=64)
    place: str | None = Field(default=None, max_length=64)
    starts: Moment | None = Field(default=None, alias="from", description="Bookings that end after this time.")
    ends: Moment | None = Field(default=None, alias="until", description="Bookings that begin before this time.")


class Booking(Answer):
    """A member's booking of a place or a space."""

    ref: Ref
    member: Ref
    place: str
    space: str | None
    starts: datetime = Field(alias="from")
    ends: datetime = Field(alias="until")
    cancelled_at: datetime | None


class Bookings(Answer):
    """At most 5,000 bookings, latest first."""

    bookings: list[Booking]


def booking_resource(ref: str) -> Resource:
    """Name a booking by reference."""
    key = {"ref": ref, "member": None, "place": None, "starts": None, "ends": None}
    return Resource(find=FIND, key=key, name=f"booking {ref!r}", subject=f"booking {ref}")


def booking_json(row: DictRow) -> dict[str, Any]:
    """Format a row of ``FIND`` for an answer."""
    return {
        **{name: row[name] for name in ("ref", "member", "place", "space")},
        "from": time_of(row["starts_at"]),
        "until": time_of(row["ends_at"]),
        "cancelled_at": time_of(row["cancelled_at"]),
    }
