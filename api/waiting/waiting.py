"""Entries of waiting lists: their SQL and their shape in requests and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

from psycopg.rows import DictRow
from pydantic import Field

from api.bookings.bookings import BookingMade
from api.http.models import Answer, Body, Question, Ref, time_of
from api.http.revisions import Resource

Status = Literal["waiting", "offered", "accepted", "declined", "lapsed", "left", "ended"]

# One entry, or those of a member, at a place, for a resource.
FIND: Final = """
SELECT w.ref, w.member, m.name AS member_name, w.place AS place_id, p.code::text AS place, s.code::text AS space,
       r.code::text AS resource, u.code::text AS unit, w.kind, coalesce(r.name, s.name) AS name,
       w.starts_at, w.ends_at, w.status, w.joined_at, w.booking,
       w.offered_until, w.closed_at,
       waiting_position(w.ref) AS position, w.revision
FROM waiting w JOIN place p ON p.id = w.place LEFT JOIN member m ON m.ref = w.member LEFT JOIN space s ON s.id = w.space
LEFT JOIN resource r ON r.id = w.resource LEFT JOIN resource_unit u ON u.id = w.unit
WHERE (%(ref)s::text IS NULL OR w.ref = %(ref)s) AND (%(member)s::text IS NULL OR w.member = %(member)s)
  AND (%(place)s::text IS NULL OR p.code::text = %(place)s)
  AND (%(resource)s::text IS NULL OR r.code::text = %(resource)s)
  AND (%(closed)s OR w.closed_at IS NULL)
ORDER BY w.starts_at, w.id LIMIT 1000
"""
# An entry; no row: the member waits for the same already.
INSERT: Final = """
INSERT INTO waiting (member, place, space, resource, unit, kind, starts_at, ends_at)
VALUES (%(member)s, %(place_id)s, %(space_id)s, %(resource_id)s, %(unit_id)s, %(kind)s, %(starts)s, %(ends)s)
ON CONFLICT DO NOTHING RETURNING ref
"""
# How many entries of a member wait or have an offer.
OPEN: Final = "SELECT count(*) AS open FROM waiting WHERE member = %(member)s AND closed_at IS NULL"
FREE: Final = """
SELECT EXISTS (SELECT FROM free_units(%(resource_id)s, %(starts)s, %(ends)s) f
               WHERE %(unit_id)s::integer IS NULL OR f.unit = %(unit_id)s) AS free
"""
ROOM_FREE: Final = """
SELECT NOT EXISTS (SELECT FROM public_bookings() b WHERE b.space = %(space_id)s
                   AND tstzrange(b.starts_at, b.ends_at) && tstzrange(%(starts)s, %(ends)s)) AS free
"""
# The offer becomes a booking; no row: it has just lapsed.
ACCEPT: Final = """
UPDATE booking SET status = 'booked', pass = %(pass)s, price_cents = %(price_cents)s
WHERE ref = %(booking)s AND status = 'offered' RETURNING ref
"""
DECLINE: Final = """
UPDATE booking SET status = 'cancelled', cancelled_at = now()
WHERE ref = %(booking)s AND status = 'offered' RETURNING ref
"""
LEAVE: Final = """
UPDATE waiting SET status = 'left', closed_at = now()
WHERE ref = %(ref)s AND status = 'waiting' AND (%(revisions)s::integer[] IS NULL OR revision = ANY(%(revisions)s))
RETURNING revision
"""


class Accepted(Body):
    """An offer that is accepted."""

    override: bool = Field(default=False, description="As of a booking: beyond the rules, where these let staff do so.")


class WaitingQuestion(Question):
    """Which entries to list."""

    member: str | None = Field(default=None, max_length=64)
    place: str | None = Field(default=None, max_length=64)
    resource: str | None = Field(default=None, max_length=64)
    closed: bool = Field(default=False, description="Also those that are no longer in line.")


class WaitingJoined(BookingMade):
    """What to wait for: what a booking would be of."""


class Waiting(Answer):
    """An entry of a waiting list."""

    ref: Ref
    member: Ref
    member_name: str | None = Field(description="The member's name; null where this key doesn't reach the member.")
    place: str
    space: str | None
    resource: str | None
    unit: str | None
    kind: Literal["seat", "room", "desk", "machine", "equipment", "event"]
    name: str | None = Field(description="Of the resource or the space; null: a seat of the place.")
    starts: datetime = Field(alias="from")
    ends: datetime = Field(alias="until")
    status: Status
    position: int | None = Field(description="1: the next to get an offer. null: it no longer waits.")
    joined_at: datetime
    booking: Ref | None = Field(description="The offer; once it is accepted, the booking.")
    offered_until: datetime | None = Field(description="Until when the offer can be accepted.")
    closed_at: datetime | None = Field(description="Since when it is no longer in line; the status says why.")


class WaitingList(Answer):
    """At most 1,000 entries, by the beginning of their time."""

    waiting: list[Waiting]


def waiting_resource(ref: str) -> Resource:
    """Name an entry by reference."""
    key = {"ref": ref, "member": None, "place": None, "resource": None, "closed": True}
    return Resource(find=FIND, key=key, name=f"entry {ref!r} of a waiting list", subject=f"waiting {ref}")


def waiting_json(row: DictRow) -> dict[str, Any]:
    """Format a row of ``FIND`` for an answer."""
    what = ("ref", "member", "member_name", "place", "space", "resource", "unit", "kind", "name")
    names = (*what, "status", "position", "booking")
    return {
        **{name: row[name] for name in names},
        "from": time_of(row["starts_at"]),
        "until": time_of(row["ends_at"]),
        **{name: time_of(row[name]) for name in ("joined_at", "offered_until", "closed_at")},
    }
