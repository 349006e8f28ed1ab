"""The shapes of the answers, for OpenAPI: the answers themselves leave as ready bytes, and tests hold both equal."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.http.questions import Kind


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Occupancy(_Answer):
    """How many people are in a space now. Stale means unknown, never zero."""

    present: int | None = Field(description="The estimate; null where nothing may be said.", ge=0)
    low: int | None = Field(description="Surely no fewer.", ge=0)
    high: int | None = Field(description="Surely no more.", ge=0)
    capacity: int | None = Field(ge=0)
    quality: Literal["live", "degraded", "stale", "unknown"] = Field(
        description="live: every sensor speaks · degraded: some are silent · stale: too old · unknown: not known."
    )
    at: datetime | None = Field(description="The time that this is true for (UTC).")
    ttl: int = Field(description="Seconds after `at` for which it may be believed.", ge=0)


class Free(_Answer):
    """Seats: surely `low`, perhaps `high`."""

    low: int = Field(ge=0)
    high: int = Field(ge=0)


class SpaceOccupancy(Occupancy):
    """One space of a place."""

    free: Free | None = Field(description="Its free seats, whatever they are for; null: it can't be said.")
    booked_until: datetime | None = Field(description="A meeting room or phone box that is booked now: until when.")

    space: str
    kind: Kind
    parent: str | None


_ROOT: Final[dict[str, Any]] = {
    "present": 7,
    "low": 6,
    "high": 9,
    "capacity": 24,
    "quality": "live",
    "at": "2026-11-21T09:12:30.512Z",
    "ttl": 900,
}
_PLACE: Final[dict[str, Any]] = {
    "place": "ecosysteme-coworking-limoges",
    **_ROOT,
    "seats": 18,
    "free": {"low": 11, "high": 13},
    "open": True,
    "locked": False,
    "changes_at": "2026-11-21T18:00:00.000Z",
    "changed_at": "2026-11-21T09:12:30.655Z",
    "spaces": [
        {"space": "room-1", "kind": "meeting_room", "parent": "place", **_ROOT, "capacity": 6}
        | {"present": 0, "low": 0, "high": 0, "free": {"low": 0, "high": 0}, "booked_until": "2026-11-21T11:00:00Z"}
    ],
}


class PlaceOccupancy(Occupancy):
    """A place as a whole (its root space), and each of its spaces."""

    model_config = ConfigDict(json_schema_extra={"examples": [_PLACE]})

    place: str
    seats: int | None = Field(description="Seats to work at, taken or not; null: none is described.", ge=0)
    free: Free | None = Field(description="Free seats to work at; null: it can't be said. None while it is closed.")
    open: bool | None = Field(description="By its hours, closures and lockdowns; null: its hours aren't known.")
    locked: bool = Field(description="In lockdown: closed until it is released.")
    changes_at: datetime | None = Field(
        description="When it closes (if open) or opens (if closed) next by its hours; null: not known, or not in sight."
    )
    changed_at: datetime | None = Field(description="When the centre stored the newest change.")
    spaces: list[SpaceOccupancy] = Field(default=[], description="Left out with `spaces=false`.")


class NetworkOccupancy(_Answer):
    """Every place, or those that changed."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"cursor": "1795252350655000-5f3a9c01-412", "places": [_PLACE]}]}
    )

    cursor: str = Field(description="For `changed_since` of the next request, or `since` of the stream.")
    places: list[PlaceOccupancy]


class Coordinates(_Answer):
    """Degrees, WGS 84."""

    latitude: float
    longitude: float


class Place(_Answer):
    """One tiers-lieu."""

    id: str
    name: str
    coordinates: Coordinates
    address: str | None
    postcode: str | None
    commune: str | None
    commune_code: str | None
    department: str | None
    department_name: str | None
    region: str | None
    time_zone: str
    opening_hours: dict[str, Any] | None = Field(
        description="Local time, written like a schedule's hours; null: not known.",
        examples=[{"mon": [["08:00", "19:00"]], "holidays": {"department": None, "hours": []}}],
    )
    hours_generated: bool = Field(description="The hours are made up from a seed, not from a source.")
    closures: list[tuple[str, str]] = Field(description="Local days, both included, on which it is closed.")
    website: str | None
    typology: str | None
    capacity: int | None = Field(description="How many people its rooms hold together; no number of seats to work at.")
    kinds: list[Kind] = Field(description="The kinds of its spaces.")
    source: str = Field(description="The data set that it comes from.")
    generated: bool = Field(description="Made up from a seed, not from a source.")
    distance_km: float | None = Field(default=None, description="With `near` only.")


class Space(_Answer):
    """A part of a place."""

    id: str
    name: str
    kind: Kind
    parent: str | None
    capacity: int | None
    for_work: bool = Field(description="Its seats are seats to work at.")
    one_party: bool = Field(description="One party at a time has it; bookings of it don't overlap.")
    desks: int
    generated: bool


class Door(_Answer):
    """Leads from one space (null: outside) into another."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    id: str
    name: str
    from_: str | None = Field(alias="from")
    to: str
    generated: bool


class PlaceDetail(Place):
    """A place with its spaces and doors."""

    desks: int
    spaces: list[Space]
    doors: list[Door]


class Places(_Answer):
    """A page of places."""

    total: int = Field(description="Places that fit, on all pages.")
    next: str | None = Field(description="`cursor` of the next page; null: this is the last.")
    places: list[Place]


class PlaceOffer(_Answer):
    """What one place has of free seats."""

    place: str
    name: str
    commune: str | None
    distance_km: float
    space: str | None = Field(description="Where the seats are.")
    free: Free | None = Field(description="null: it can't be said.")
    open: bool | None = Field(description="null: its hours aren't known.")
    changes_at: datetime | None = Field(description="When it closes by its hours; null: not known, or not in sight.")
    capacity: int | None
    quality: Literal["live", "degraded", "stale", "unknown"]
    at: datetime | None
    ttl: int


class Availability(_Answer):
    """Where seats are free, the nearest first."""

    at: datetime
    seats: int
    places: list[PlaceOffer] = Field(description="Places with that many seats surely free.")
    unknown: list[PlaceOffer] = Field(description="Places of which it can't be said: never to be taken for free.")
    counts: dict[Literal["free", "full", "unknown", "closed"], int] = Field(description="All places within the radius.")


class Event(_Answer):
    """One stored event; which fields it has depends on its kind."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "stream": 12,
                    "seq": 4711,
                    "kind": "access",
                    "at": "2026-11-21T09:12:30.512Z",
                    "received_at": "2026-11-21T09:12:30.655Z",
                    "place": "ecosysteme-coworking-limoges",
                    "gateway": "ecosysteme-coworking-limoges-1",
                    "device": "door-entry-in",
                    "door": "entry",
                    "side": "in",
                    "decision": "denied",
                    "reason": "outside_schedule",
                    "card": "9f2c41d07be5",
                    "member": "m-4k2p9",
                    "list_version": 7,
                    "list_age_s": 310,
                }
            ]
        },
    )

    stream: int = Field(description="A life of a gateway's spool; within it `seq` counts without a gap.")
    seq: int
    kind: str
    at: datetime
    received_at: datetime
    place: str | None
    gateway: str | None
    device: str | None = Field(description="null: the gateway itself.")


class Events(_Answer):
    """A page of events in the order that they were stored."""

    events: list[Event]
    next: str = Field(description="`cursor` of the next page; keep it, also when there is nothing more yet.")
    more: bool = Field(description="Whether more may be had at once.")


class Problem(_Answer):
    """What went wrong (RFC 9457). Some problems have further members; a client ignores those that it doesn't know."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:maillage:problem:bad-query",
                    "title": "The question can't be understood",
                    "status": 422,
                    "detail": "near: expected latitude,longitude in degrees, for example 45.83,1.26",
                    "instance": "/v1/places",
                    "errors": [{"where": "query", "name": "near", "what": "expected latitude,longitude in degrees"}],
                }
            ]
        },
    )

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[dict[str, str]] = []


_WHEN = {
    401: "No key, or one that is not accepted.",
    403: "The key does not permit this.",
    404: "Not found.",
    409: "Conflicts with existing data.",
    412: "Changed by another request in the meantime: read it again.",
    422: "Invalid request: `errors` lists what is wrong and where.",
    428: "`If-Match` is missing: send the `ETag` of the version that you read.",
    429: "Too much of this address or key, or too often: `Retry-After` says when to try again.",
    503: "Temporarily unavailable; `Retry-After` says when to try again.",
}


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of a route's errors."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": _WHEN[status], "content": {"application/problem+json": {"schema": schema}}}
        for status in statuses
    }
