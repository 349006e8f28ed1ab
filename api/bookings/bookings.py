"""Bookings of places, spaces and units: their SQL and their shape in requests and answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal, Self

from psycopg.rows import DictRow
from pydantic import Field, model_validator

from api.http.conditions import where
from api.http.models import Answer, Body, Code, Moment, Name, Question, Ref, time_of
from api.http.revisions import Resource

Status = Literal["offered", "booked", "checked_in", "ended", "no_show", "lapsed", "cancelled"]

# One booking, or those of a member, at a place, of a series, within a period. The name is that of a member whom the
# caller reaches.
_FIND: Final = """
SELECT m.name AS member_name,
       b.ref, b.member, b.place AS place_id, p.code::text AS place, b.space AS space_id, s.code::text AS space,
       r.id AS resource_id, r.code::text AS resource, r.kind, b.unit AS unit_id, u.code::text AS unit,
       coalesce(r.name, s.name) AS name,
       b.starts_at, b.ends_at, b.status, b.cancelled_at, b.checked_in_at, b.released_at, b.series, b.confirmed_at,
       b.pass, b.price_cents, b.label, b.event, b.one_party, b.opens, b.revision
FROM booking b JOIN place p ON p.id = b.place LEFT JOIN space s ON s.id = b.space LEFT JOIN member m ON m.ref = b.member
LEFT JOIN resource_unit u ON u.id = b.unit LEFT JOIN resource r ON r.id = u.resource
"""
_CONDITIONS: Final[Mapping[str, str]] = {
    "ref": "b.ref = %(ref)s",
    "own": "b.member = %(own)s",
    "member": "b.member = %(member)s",
    "place": "b.place = (SELECT q.id FROM place q WHERE q.code = %(place)s::text)",
    "resource": "r.code::text = %(resource)s",
    "series": "b.series = %(series)s",
    "starts": "b.ends_at > %(starts)s",
    "ends": "b.starts_at < %(ends)s",
}
UPDATE: Final = """
UPDATE booking SET space = %(space_id)s, unit = %(unit_id)s, starts_at = %(starts)s, ends_at = %(ends)s,
  price_cents = %(price_cents)s, opens = coalesce(%(opens)s, opens),
  confirmed_at = CASE WHEN series IS NULL THEN confirmed_at ELSE now() END
WHERE ref = %(ref)s AND (%(revisions)s::integer[] IS NULL OR revision = ANY(%(revisions)s)) AND cancelled_at IS NULL
RETURNING revision
"""
CANCEL: Final = """
UPDATE booking SET cancelled_at = coalesce(cancelled_at, now())
WHERE ref = %(ref)s AND (%(revisions)s::integer[] IS NULL OR revision = ANY(%(revisions)s)) RETURNING revision
"""
# A line of the audit, and so of the booking's history: why staff went beyond the rules.
OVERRIDDEN: Final = """
SELECT audit_write('booking overridden', 'booking ' || b.ref, b.place,
                   jsonb_build_object('reason', %(reason)s::text, 'member', b.member))
FROM booking b WHERE b.ref = %(ref)s
"""
# Who did what with a booking, when.
HISTORY: Final = "SELECT at, actor, action, detail FROM booking_history(%(ref)s)"


class Wish(Body):
    """What to book at a place, and for whom."""

    member: Ref | None = Field(default=None, description="null: the member whose own key it is.")
    place: Code
    space: Code | None = Field(default=None, description="A seat of it, or a room. null: the whole place.")
    resource: Code | None = Field(default=None, description="A unit of it, instead of a space.")
    unit: Code | None = Field(default=None, description="Which unit; null: any that is free.")
    override: bool = Field(
        default=False, description="Book beyond the place's rules and quotas, where these let staff do so."
    )
    reason: Name | None = Field(default=None, description="Why beyond the rules; kept in the booking's history.")

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        if self.resource is not None and self.space is not None:
            raise ValueError("space: a resource has its own; send one of the two")
        if self.unit is not None and self.resource is None:
            raise ValueError("unit: say which resource it belongs to")
        return self


class BookingMade(Wish):
    """A new booking."""

    starts: Moment | None = Field(default=None, alias="from", description="null: of an event, its own time.")
    ends: Moment | None = Field(default=None, alias="until")
    opens: bool = Field(
        default=False, description="Staff only: opens the doors to its space for its time, without a pass."
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if (self.starts is None) != (self.ends is None):
            raise ValueError("from and until go together")
        if self.starts is not None and self.ends is not None and self.ends <= self.starts:
            raise ValueError("until must be after from")
        return self


class BookingChanged(Body):
    """A change of a booking; fields that aren't sent keep their value."""

    space: Code | None = None
    unit: Code | None = Field(default=None, description="Another unit of the same resource.")
    starts: Moment | None = Field(default=None, alias="from")
    ends: Moment | None = Field(default=None, alias="until")
    opens: bool | None = Field(
        default=None,
        description="Staff only: whether it opens without a pass. A booking that its holder moves opens no longer so.",
    )
    override: bool = False
    reason: Name | None = Field(default=None, description="Why beyond the rules; kept in the booking's history.")


class BookingsQuestion(Question):
    """Which bookings to list."""

    member: str | None = Field(default=None, max_length=64)
    place: str | None = Field(default=None, max_length=64)
    resource: str | None = Field(default=None, max_length=64)
    series: str | None = Field(default=None, max_length=64)
    starts: Moment | None = Field(default=None, alias="from", description="Bookings that end after this time.")
    ends: Moment | None = Field(default=None, alias="until", description="Bookings that begin before this time.")


class CancelQuestion(Question):
    """How to cancel."""

    mail: bool = Field(default=False, description="Staff only: write to the member that the booking is cancelled.")


class Booking(Answer):
    """A member's booking of a place, a space or a unit; without a member it is a block."""

    ref: Ref
    member: Ref | None
    member_name: str | None = Field(description="The member's name; null also where this key doesn't reach the member.")
    place: str
    space: str | None
    resource: str | None
    unit: str | None
    kind: Literal["seat", "room", "desk", "machine", "equipment", "event"]
    name: str | None = Field(description="Of the resource or the space; null: a seat of the place.")
    starts: datetime = Field(alias="from")
    ends: datetime = Field(alias="until")
    status: Status
    cancelled_at: datetime | None = Field(description="Since when it holds nothing; the status says why.")
    checked_in_at: datetime | None
    released_at: datetime | None
    series: Ref | None
    confirmed_at: datetime | None
    passed: Ref | None = Field(alias="pass", description="The pass that it was made under.")
    price_cents: int | None
    opens: bool = Field(description="Opens the doors to its space for its time, without a pass.")
    label: str | None = Field(description="Of a block: why.")
    revision: int = Field(description="Its `ETag` is this number in quotation marks.")


class Bookings(Answer):
    """At most 5,000 bookings, latest first."""

    bookings: list[Booking]


class Act(Answer):
    """A change of a booking: when, by whom, and what."""

    at: datetime
    actor: str
    action: str
    detail: dict[str, Any] | None = Field(description="What was set or changed, as in the audit.")


class History(Answer):
    """A booking's history, oldest first."""

    history: list[Act]


def find(given: Mapping[str, object]) -> str:
    """Return the query for the bookings that ``given`` names.

    Args:
        given: as a ``BookingsQuestion``, ``ref``, and ``own``: the member who asks, of whose bookings alone the
            database then reads anything. None: any.
    """
    return f"{_FIND}{where(_CONDITIONS, given)}ORDER BY b.starts_at DESC, b.ref LIMIT 5000"


def booking_resource(ref: str) -> Resource:
    """Name a booking by reference."""
    key = {"ref": ref}
    return Resource(find=find(key), key=key, name=f"booking {ref!r}", subject=f"booking {ref}")


def booking_json(row: DictRow) -> dict[str, Any]:
    """Format a row of ``find`` for an answer."""
    what = ("ref", "member", "member_name", "place", "space", "resource", "unit", "name")
    names = (*what, "status", "series", "pass", "price_cents", "opens", "label", "revision")
    return {
        **{name: row[name] for name in names},
        "kind": row["kind"] or ("room" if row["one_party"] else "seat"),
        "from": time_of(row["starts_at"]),
        "until": time_of(row["ends_at"]),
        **{name: time_of(row[name]) for name in ("cancelled_at", "checked_in_at", "released_at", "confirmed_at")},
    }


def act_json(row: DictRow) -> dict[str, Any]:
    """Format a row of ``HISTORY`` for an answer."""
    return {**{name: row[name] for name in ("actor", "action", "detail")}, "at": time_of(row["at"])}
