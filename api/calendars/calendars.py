"""Feeds and subscribed calendars: their SQL and their shape in requests and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Self

from psycopg.rows import DictRow
from pydantic import Field, model_validator

from api.http.models import Answer, Body, Code, Name, time_of
from database.mail import Language

FEEDS: Final = """
SELECT f.id, f.member, p.code::text AS place, r.code::text AS resource, f.created_at FROM calendar_feed f
LEFT JOIN resource r ON r.id = f.resource LEFT JOIN place p ON p.id = f.place
WHERE %(id)s::integer IS NULL OR f.id = %(id)s ORDER BY f.id LIMIT 1000
"""
ADD_FEED: Final = """
INSERT INTO calendar_feed (digest, member, resource, place)
VALUES (sha256(convert_to(%(secret)s, 'UTF8')), %(member)s, %(resource)s, %(place)s) RETURNING id
"""
END_FEED: Final = "DELETE FROM calendar_feed WHERE id = %(id)s RETURNING id"
RESOURCE: Final = """
SELECT r.id, r.place FROM resource r JOIN place p ON p.id = r.place
WHERE p.code::text = %(place)s AND r.code::text = %(resource)s AND r.retired_at IS NULL
"""
UNIT: Final = """
SELECT u.id, u.place FROM resource_unit u JOIN resource r ON r.id = u.resource JOIN place p ON p.id = u.place
WHERE p.code::text = %(place)s AND r.code::text = %(resource)s AND u.retired_at IS NULL
  AND (%(unit)s::text IS NULL OR u.code::text = %(unit)s) ORDER BY u.id LIMIT 2
"""
# What a feed shows to whom has its secret.
ROWS: Final = "SELECT * FROM calendar_feed_rows(%s)"
SOURCES: Final = """
SELECT c.id, p.code::text AS place, r.code::text AS resource, u.code::text AS unit, c.name, c.owner_email, c.language,
  c.made_at, c.read_at, c.failures, c.error, c.taken, c.next_at
FROM calendar_source c JOIN place p ON p.id = c.place JOIN resource_unit u ON u.id = c.unit
JOIN resource r ON r.id = u.resource
WHERE %(id)s::integer IS NULL OR c.id = %(id)s ORDER BY c.id LIMIT 1000
"""
ADD_SOURCE: Final = """
INSERT INTO calendar_source (place, unit, name, url, owner_email, language)
VALUES (%(place_id)s, %(unit_id)s, %(name)s, %(url)s, %(owner_email)s, %(language)s) RETURNING id
"""
END_SOURCE: Final = "DELETE FROM calendar_source WHERE id = %(id)s RETURNING id"


class FeedMade(Body):
    """A feed of a resource; without one, of the member whose own key this is."""

    place: Code | None = None
    resource: Code | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.place is None) != (self.resource is None):
            raise ValueError("a resource is named with its place")
        return self


class Feed(Answer):
    """A feed without its secret."""

    id: int
    member: str | None
    place: str | None
    resource: str | None
    created_at: datetime


class NewFeed(Feed):
    """A feed that was just created."""

    path: str = Field(description="Its address on this server, shown only once: it is the right to read it.")


class Feeds(Answer):
    """The feeds that this key may end."""

    feeds: list[Feed]


class SourceMade(Body):
    """A calendar elsewhere whose busy times block a unit."""

    place: Code
    resource: Code
    unit: Code | None = Field(default=None, description="null: the only one.")
    name: Name
    url: str = Field(max_length=2000, pattern=r"^https?://[^\s]+$", description="Never shown again.")
    owner_email: str | None = Field(
        default=None,
        max_length=320,
        pattern=r"^[^@\s<>,;]+@[^@\s<>,;]+$",
        description="Who is written to where a time is taken, or the calendar can't be read.",
    )
    language: Language = "fr"


class Source(Answer):
    """A calendar elsewhere, and how reading it went."""

    id: int
    place: str
    resource: str
    unit: str
    name: str
    owner_email: str | None
    language: Language
    made_at: datetime
    read_at: datetime | None = Field(description="Its last success.")
    failures: int = Field(description="Since then.")
    error: str | None
    taken: int = Field(description="Busy times, or parts of them, that other bookings have.")
    next_at: datetime


class Sources(Answer):
    """The calendars of the places that this key reaches."""

    calendars: list[Source]


def plain(row: DictRow) -> dict[str, Any]:
    """Format a row for an answer."""
    return {name: time_of(value) if isinstance(value, datetime) else value for name, value in row.items()}
