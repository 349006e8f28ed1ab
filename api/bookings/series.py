"""Series of bookings: their SQL and their shape in requests and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

from psycopg.rows import DictRow
from pydantic import Field

from api.bookings.bookings import Booking, BookingMade
from api.http.models import Answer, Body, Moment, Question, Ref, time_of
from api.http.revisions import Resource

FIND: Final = """
SELECT q.ref, q.member, m.name AS member_name, p.code::text AS place, q.place AS place_id, p.time_zone,
       r.code::text AS resource, q.rule, q.first_at, q.minutes, q.confirm_hours, q.skipped, q.made_at, q.revision
FROM booking_series q JOIN place p ON p.id = q.place LEFT JOIN resource r ON r.id = q.resource
LEFT JOIN member m ON m.ref = q.member
WHERE (%(ref)s::text IS NULL OR q.ref = %(ref)s) AND (%(member)s::text IS NULL OR q.member = %(member)s)
  AND (%(place)s::text IS NULL OR p.code::text = %(place)s)
ORDER BY q.made_at DESC, q.ref LIMIT 1000
"""
INSERT: Final = """
INSERT INTO booking_series (member, place, resource, rule, first_at, minutes, confirm_hours)
VALUES (%(member)s, %(place_id)s, %(resource_id)s, %(rule)s, %(first_at)s, %(minutes)s, %(confirm_hours)s) RETURNING ref
"""
SKIP: Final = "UPDATE booking_series SET skipped = %(skipped)s WHERE ref = %(ref)s"
# Series of one resource are made one after the other, so that none waits for another that waits for it.
QUEUE: Final = "SELECT pg_advisory_xact_lock(hashtextextended(%(series)s, 2))"
FREEST: Final = "SELECT freest_units(%(resource)s, %(starts)s, %(ends)s) AS unit"
# Cancels the occurrences of a series that begin within a time and are not past.
CANCEL: Final = """
UPDATE booking SET cancelled_at = now()
WHERE series = %(ref)s AND cancelled_at IS NULL AND status IN ('offered', 'booked')
  AND starts_at >= greatest(%(starts)s::timestamptz, now() + make_interval(secs => %(notice_s)s))
  AND (%(ends)s::timestamptz IS NULL OR starts_at < %(ends)s) RETURNING ref
"""
# The occurrences within a time that it is too late to cancel.
KEPT: Final = """
SELECT ref FROM booking
WHERE series = %(ref)s AND cancelled_at IS NULL AND status IN ('offered', 'booked') AND starts_at > now()
  AND starts_at >= coalesce(%(starts)s::timestamptz, now()) AND (%(ends)s::timestamptz IS NULL OR starts_at < %(ends)s)
ORDER BY starts_at
"""
# A line of the audit for each occurrence: why staff went beyond the rules.
OVERRIDDEN: Final = """
SELECT audit_write('booking overridden', 'booking ' || b.ref, b.place,
                   jsonb_build_object('reason', %(reason)s::text, 'member', b.member))
FROM booking b WHERE b.series = %(ref)s
"""
CONFIRM: Final = """
UPDATE booking SET confirmed_at = coalesce(confirmed_at, now())
WHERE series = %(ref)s AND cancelled_at IS NULL AND starts_at > now() AND starts_at < %(until)s RETURNING ref
"""


class SeriesMade(BookingMade):
    """A new series: the first booking, and how it repeats on the place's clock."""

    rule: str = Field(
        max_length=500,
        description="RFC 5545: FREQ (DAILY, WEEKLY, MONTHLY), INTERVAL, BYDAY, BYMONTHDAY, COUNT or UNTIL.",
        examples=["FREQ=WEEKLY;BYDAY=TU,TH;COUNT=20"],
    )
    confirm_hours: int | None = Field(
        default=None,
        ge=1,
        le=168,
        description="Each occurrence must be confirmed, so many hours before it begins at the latest. null: never.",
    )
    conflicts: Literal["refuse", "skip"] = Field(
        default="refuse", description="Where an occurrence can't be booked: make nothing, or leave it out."
    )


class RangeCancelled(Body):
    """Which occurrences to cancel."""

    starts: Moment | None = Field(default=None, alias="from", description="null: from now on.")
    ends: Moment | None = Field(default=None, alias="until", description="null: to the end.")


class Confirmed(Body):
    """Which occurrences to confirm."""

    ends: Moment | None = Field(default=None, alias="until", description="null: those of the next week.")


class SeriesQuestion(Question):
    """Which series to list."""

    member: str | None = Field(default=None, max_length=64)
    place: str | None = Field(default=None, max_length=64)


class Skipped(Answer):
    """An occurrence that could not be booked."""

    starts: datetime = Field(alias="from")
    ends: datetime = Field(alias="until")
    rule: str
    why: str


class Series(Answer):
    """A series without its bookings."""

    ref: Ref
    member: Ref
    member_name: str | None = Field(description="The member's name; null also where this key doesn't reach the member.")
    place: str
    resource: str | None
    rule: str
    first: str = Field(description="Local, on the place's clock, also when clocks change.")
    minutes: int
    confirm_hours: int | None
    made_at: datetime
    skipped: list[Skipped]


class SeriesBookings(Series):
    """A series with its bookings, the latest first."""

    bookings: list[Booking]


class SeriesList(Answer):
    """At most 1,000 series, the newest first."""

    series: list[Series]


class Touched(Answer):
    """The occurrences that were changed, and those that it was too late for."""

    changed: list[Ref]
    kept: list[Ref]


def series_resource(ref: str) -> Resource:
    """Name a series by reference."""
    key = {"ref": ref, "member": None, "place": None}
    return Resource(find=FIND, key=key, name=f"series {ref!r}", subject=f"booking series {ref}")


def series_json(row: DictRow) -> dict[str, Any]:
    """Format a row of ``FIND`` for an answer."""
    names = ("ref", "member", "member_name", "place", "resource", "rule", "minutes", "confirm_hours", "skipped")
    return {
        **{name: row[name] for name in names},
        "first": row["first_at"].isoformat(),
        "made_at": time_of(row["made_at"]),
    }
