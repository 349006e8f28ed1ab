"""Resources: their SQL and their shape in requests and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal, Self

from psycopg.rows import DictRow
from pydantic import Field, model_validator

from api.http.fitting import FittingChanged
from api.http.models import Answer, Body, Code, Moment, Name, Question, time_of
from api.http.revisions import Resource as Named

Kind = Literal["desk", "room", "machine", "equipment", "event"]
MOST_UNITS: Final = 1000
_Units = Annotated[int, Field(ge=1, le=MOST_UNITS)]
_Cents = Annotated[int, Field(ge=0, le=100_000_000)]

# The resources of a place, or one of them, with the codes of its units in service.
FIND: Final = """
SELECT r.id, r.place AS place_id, p.code::text AS place, p.time_zone, r.space AS space_id, s.code::text AS space,
       r.code::text AS code, r.name, r.kind, r.starts_at, r.ends_at, r.sign_up_until, r.hour_cents, r.prices,
       (SELECT t.code::text FROM rate t WHERE t.id = r.rate) AS rate,
       ARRAY(SELECT c.code::text FROM category c WHERE c.id = ANY(r.categories) ORDER BY 1) AS categories,
       r.retired_at, r.revision,
       ARRAY(SELECT u.code::text FROM resource_unit u WHERE u.resource = r.id AND u.retired_at IS NULL
             ORDER BY u.id) AS units
FROM resource r JOIN place p ON p.id = r.place LEFT JOIN space s ON s.id = r.space
WHERE p.code = %(place)s AND (%(code)s::text IS NULL OR r.code::text = %(code)s)
  AND (%(kind)s::text IS NULL OR r.kind = %(kind)s) AND (%(retired)s OR r.retired_at IS NULL)
ORDER BY r.kind, r.code
"""
INSERT: Final = """
INSERT INTO resource (place, space, code, name, kind, starts_at, ends_at, sign_up_until, hour_cents, prices, rate,
  categories)
VALUES (%(place_id)s, %(space_id)s, %(code)s, %(name)s, %(kind)s, %(starts)s, %(ends)s, %(sign_up_until)s,
        %(hour_cents)s, %(prices)s, (SELECT t.id FROM rate t WHERE t.code = %(rate)s),
        ARRAY(SELECT c.id FROM category c WHERE c.code::text = ANY(%(categories)s))) RETURNING id
"""
UPDATE: Final = """
UPDATE resource SET name = %(name)s, starts_at = %(starts)s, ends_at = %(ends)s, sign_up_until = %(sign_up_until)s,
  hour_cents = %(hour_cents)s, prices = %(prices)s,
  rate = (SELECT t.id FROM rate t WHERE t.code = %(rate)s),
  categories = ARRAY(SELECT c.id FROM category c WHERE c.code::text = ANY(%(categories)s)),
  retired_at = CASE WHEN %(retired)s THEN coalesce(retired_at, now()) END
WHERE id = %(id)s AND (%(revisions)s::integer[] IS NULL OR revision = ANY(%(revisions)s)) RETURNING revision
"""
RATE: Final = "SELECT id FROM rate WHERE code::text = %(code)s AND billed = 'booking'"
CATEGORIES: Final = "SELECT code::text AS code FROM category WHERE code::text = ANY(%(codes)s)"
# Units with the codes 1, 2, 3 … after those that there are, also those out of service.
ADD_UNITS: Final = """
INSERT INTO resource_unit (resource, place, code)
SELECT %(id)s, %(place_id)s, (coalesce(max(u.code::text::integer), 0) + n)::text
FROM generate_series(1, %(units)s) AS n
LEFT JOIN resource_unit u ON u.resource = %(id)s AND u.code::text ~ '^[0-9]{1,9}$' GROUP BY n
"""
# Units that are desks, by their codes; no codes: all desks in service of the space.
ADD_DESKS: Final = """
INSERT INTO resource_unit (resource, place, code, desk)
SELECT %(id)s, d.place, d.code, d.id FROM desk d
WHERE d.place = %(place_id)s AND d.retired_at IS NULL
  AND (CASE WHEN %(desks)s::text[] IS NULL THEN d.space = %(space_id)s ELSE d.code::text = ANY(%(desks)s) END)
ORDER BY d.code RETURNING code::text AS code
"""
# Takes units out of service, the last ones first, but none with a booking that isn't over.
RETIRE_UNITS: Final = """
UPDATE resource_unit SET retired_at = now() WHERE id IN (
  SELECT u.id FROM resource_unit u WHERE u.resource = %(id)s AND u.retired_at IS NULL
    AND NOT EXISTS (SELECT FROM booking b WHERE b.unit = u.id AND b.cancelled_at IS NULL AND b.ends_at > now())
  ORDER BY u.id DESC LIMIT %(units)s FOR UPDATE)
"""
# The booking of a resource that ends last and isn't over.
LAST_BOOKING: Final = """
SELECT b.ref, b.ends_at FROM booking b JOIN resource_unit u ON u.id = b.unit
WHERE u.resource = %(id)s AND b.cancelled_at IS NULL AND b.ends_at > now() ORDER BY b.ends_at DESC LIMIT 1
"""
# An event in a room that one party has at a time takes the room.
BLOCK_ROOM: Final = """
INSERT INTO booking (place, space, starts_at, ends_at, event, label)
SELECT s.place, s.id, %(starts)s, %(ends)s, %(id)s, %(name)s FROM space s JOIN space_kind k ON k.kind = s.kind
WHERE s.id = %(space_id)s AND k.one_party
"""
# The new times of an event, for the room and for all who have signed up.
MOVE_EVENT: Final = """
UPDATE booking b SET starts_at = %(starts)s, ends_at = %(ends)s
WHERE b.cancelled_at IS NULL
  AND (b.event = %(id)s OR b.unit IN (SELECT u.id FROM resource_unit u WHERE u.resource = %(id)s))
"""
# An event that is called off: the room and all seats are free.
END_EVENT: Final = """
UPDATE booking b SET cancelled_at = now()
WHERE b.cancelled_at IS NULL AND b.ends_at > now()
  AND (b.event = %(id)s OR b.unit IN (SELECT u.id FROM resource_unit u WHERE u.resource = %(id)s))
"""


class _Priced(Body):
    hour_cents: _Cents | None = Field(default=None, description="Price of an hour in euro cents; null: no price.")
    prices: dict[Code, _Cents] = Field(
        default_factory=dict, max_length=50, description="Of an hour, by category of member; others pay hour_cents."
    )
    rate: Code | None = Field(
        default=None, description="A rate of the network, in place of these prices: statements bill it."
    )
    categories: list[Code] = Field(
        default_factory=list, max_length=50, description="Only members of these may book it; none: all."
    )

    @model_validator(mode="after")
    def _one_price(self) -> Self:
        if self.rate is not None and (self.hour_cents is not None or self.prices):
            raise ValueError("rate: send a rate or own prices, not both")
        return self


class ResourceMade(_Priced):
    """A new resource.

    Of a desk: `desks`, or all of the `space`. Of a room: the `space`. Of machines and equipment: how many `units`.
    Of an event: `units` (how many may come), `from` and `until`.
    """

    code: Code
    name: Name
    kind: Kind
    space: Code | None = Field(default=None, description="Where it is; its bookings open the doors of this space.")
    desks: list[Code] | None = Field(default=None, min_length=1, max_length=MOST_UNITS)
    units: _Units | None = None
    starts: Moment | None = Field(default=None, alias="from")
    ends: Moment | None = Field(default=None, alias="until")
    sign_up_until: Moment | None = Field(default=None, description="Of an event; null: until it begins.")

    @model_validator(mode="after")
    def _fits_the_kind(self) -> Self:
        if self.desks is not None and self.kind != "desk":
            raise ValueError("desks: only a resource of kind desk names desks")
        if self.kind == "desk" and self.desks is None and self.space is None:
            raise ValueError("desks: name the desks, or the space whose desks they are")
        if self.kind in ("machine", "equipment", "event"):
            if self.units is None:
                raise ValueError("units: say how many there are")
        elif self.units is not None:
            raise ValueError("units: a desk has its desks, a room is one")
        if self.kind == "room" and self.space is None:
            raise ValueError("space: a room is a space of the place; name it")
        times = (self.starts, self.ends)
        if self.kind == "event":
            if self.starts is None or self.ends is None:
                raise ValueError("from: an event has from and until")
            if self.ends <= self.starts:
                raise ValueError("until must be after from")
        elif times != (None, None) or self.sign_up_until is not None:
            raise ValueError("from: only an event has its own time")
        return self


class ResourceChanged(FittingChanged):
    """A change of a resource; fields that aren't sent keep their value."""

    name: Name | None = None
    units: _Units | None = Field(default=None, description="Of machines, equipment and events: how many there are.")
    starts: Moment | None = Field(default=None, alias="from", description="Of an event; sign-ups move with it.")
    ends: Moment | None = Field(default=None, alias="until")
    sign_up_until: Moment | None = None
    hour_cents: _Cents | None = None
    prices: dict[Code, _Cents] | None = Field(default=None, max_length=50)
    rate: Code | None = None
    categories: list[Code] | None = Field(default=None, max_length=50)


class ResourcesQuestion(Question):
    """Which resources to list."""

    kind: Kind | None = None
    retired: bool = Field(default=False, description="Also what is out of service.")


class Resource(Answer):
    """What can be booked; each unit is booked by itself."""

    place: str
    code: str
    name: str
    kind: Kind
    space: str | None
    units: list[str] = Field(description="Codes of the units in service: desks by their own code, others 1, 2, 3 …")
    starts: datetime | None = Field(alias="from")
    ends: datetime | None = Field(alias="until")
    sign_up_until: datetime | None
    hour_cents: int | None
    prices: dict[str, int]
    rate: str | None
    categories: list[str]
    retired_at: datetime | None


class Resources(Answer):
    """A place's resources."""

    resources: list[Resource]


def resource_named(place: str, code: str) -> Named:
    """Name a resource by the codes of place and resource."""
    key = {"place": place, "code": code, "kind": None, "retired": True}
    return Named(find=FIND, key=key, name=f"resource {code!r} of {place!r}", subject="resource {id}")


def resource_json(row: DictRow) -> dict[str, Any]:
    """Format a row of ``FIND`` for an answer."""
    return {
        **{
            name: row[name]
            for name in (
                "place",
                "code",
                "name",
                "kind",
                "space",
                "units",
                "hour_cents",
                "prices",
                "rate",
                "categories",
            )
        },
        "from": time_of(row["starts_at"]),
        "until": time_of(row["ends_at"]),
        "sign_up_until": time_of(row["sign_up_until"]),
        "retired_at": time_of(row["retired_at"]),
    }
