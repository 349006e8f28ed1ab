"""Queries of occupancy and free seats, and the shapes of the answers for OpenAPI.

The answers are sent as prepared bytes; tests check them against these models.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, ConfigDict, Field

from api.http.models import Answer, Question
from api.http.timestamps import TIME_PATTERN, parse_rfc3339
from api.present.geography import parse_box, parse_point, pattern_of

Kind = Literal[
    "place", "open_space", "meeting_room", "fab_lab", "phone_box", "kitchen", "workshop", "machine_room", "other"
]


def _readable(read: Callable[[str], object]) -> Callable[[str], str]:
    def check(text: str) -> str:
        read(text)
        return text

    return check


Near = Annotated[
    str,
    AfterValidator(_readable(parse_point)),
    Field(
        description="A point, `latitude,longitude` in degrees.",
        examples=["45.8336,1.2611"],
        max_length=60,
        json_schema_extra={"pattern": pattern_of(2)},
    ),
]
Moment = Annotated[
    str,
    AfterValidator(_readable(parse_rfc3339)),
    Field(max_length=100, examples=["2026-11-21T20:37:53Z"], json_schema_extra={"pattern": f"^{TIME_PATTERN}$"}),
]
Bbox = Annotated[
    str,
    AfterValidator(_readable(parse_box)),
    Field(
        description="A box, `west,south,east,north` in degrees (the order of GeoJSON).",
        examples=["-1.79,42.78,2.61,47.18"],
        max_length=120,
        json_schema_extra={"pattern": pattern_of(4)},
    ),
]
# Only for the document: the error text says more than "String should match pattern".
_SINCE: Final = "[0-9]+-[0-9a-f]+-[0-9]+"


class Band(Answer):
    """From ``from`` to ``to`` people, both included: all that an answer without a key says of their number."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    from_: int = Field(alias="from", ge=0)
    to: int | None = Field(description="null: no limit.", ge=0)


class Occupancy(Answer):
    """How many people are in a space now. Stale means unknown, never zero.

    Without a key of the place small numbers are a `band`; `present`, `low` and `high` are null then, though the number
    is known.
    """

    present: int | None = Field(description="The estimate, a median; null: unknown, or see `band`.", ge=0)
    low: int | None = Field(description="The 5 % quantile: with a chance of 95 % no fewer.", ge=0)
    high: int | None = Field(description="The 95 % quantile: with a chance of 95 % no more.", ge=0)
    capacity: int | None = Field(ge=0)
    quality: Literal["live", "degraded", "stale", "unknown"] = Field(
        description="live: wrong by more than two people, or a tenth of the capacity, with a chance of 1 % at most · "
        "degraded: less sure · stale: too old · unknown: not known."
    )
    at: datetime | None = Field(description="The time that this applies to (UTC).")
    ttl: int = Field(description="Seconds after `at` for which it is valid.", ge=0)
    band: Band | None = Field(
        default=None,
        description="Instead of the number, in answers without a key; null: the number is shown, or unknown.",
    )


class Free(Answer):
    """Free seats: with a chance of 95 % at least `low`, with one of 95 % at most `high`."""

    low: int = Field(ge=0)
    high: int = Field(ge=0)


class SpaceOccupancy(Occupancy):
    """One space of a place."""

    free: Free | None = Field(description="Its free seats, for any use; null: unknown.")
    booked_until: datetime | None = Field(description="The end of the current booking of a meeting room or phone box.")

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
    "band": None,
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


class Text(Answer):
    """A sentence in both languages."""

    en: str
    fr: str


class EvidenceAnswer(Answer):
    """What one kind of source says of a space."""

    kind: str = Field(
        description="`counters`, `badges`, `desks`, `presence`, `seen`, `head_count`, `air`, `stations`, `bookings`, "
        "`spaces`; more may come."
    )
    at: datetime | None = Field(description="When it last said anything; null for the spaces within.")
    people: float = Field(description="How many people it speaks of, on average.", ge=0)
    spread: float = Field(description="One standard deviation of that.", ge=0)
    weight: float = Field(description="Its share in the number, 0 to 1.", ge=0, le=1)
    numbers: dict[str, Any] = Field(description="What made it, by name.")
    text: Text


class FaultAnswer(Answer):
    """What is wrong with a source of a space."""

    fault: str
    text: Text


class Explained(Answer):
    """Why the number of a space is what it is."""

    evidence: list[EvidenceAnswer] = Field(description="The weightiest first.")
    bounded: Text | None = Field(description="Not null: the number of what the space lies in keeps it down.")
    faults: list[FaultAnswer]


class PlaceOccupancy(Occupancy):
    """A place as a whole (its root space), and each of its spaces."""

    model_config = ConfigDict(json_schema_extra={"examples": [_PLACE]})

    place: str
    seats: int | None = Field(description="Seats to work at, taken or not; null: not described.", ge=0)
    free: Free | None = Field(description="Free seats to work at; null: unknown. Zero while it is closed.")
    open: bool | None = Field(description="By its hours, closures and lockdowns; null: its hours are unknown.")
    locked: bool = Field(description="In lockdown: closed until it is released.")
    changes_at: datetime | None = Field(
        description="When it next closes or opens by its hours; null: unknown, or not within three months."
    )
    changed_at: datetime | None = Field(description="When the centre stored the newest change; null without a key.")
    spaces: list[SpaceOccupancy] = Field(default=[], description="Omitted with `spaces=false`.")
    why: dict[str, Explained] | None = Field(
        default=None,
        description="With `explain=true` and a key: what made each number, by the space's code.",
    )


class NetworkOccupancy(Answer):
    """Every place, or those that changed."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"cursor": "1795252350655000-5f3a9c01-412", "places": [_PLACE]}]}
    )

    cursor: str = Field(description="For `changed_since` of the next request, or `since` of the stream.")
    places: list[PlaceOccupancy]


class OccupancyQuestion(Question):
    """Which occupancy to return."""

    changed_since: str | None = Field(
        default=None,
        max_length=100,
        description="A `cursor` of an earlier answer, or an RFC 3339 time: only the places that changed since. "
        "May include a few unchanged places; never leaves out a changed one.",
        examples=["2026-11-21T20:37:53Z"],
        json_schema_extra={"pattern": f"^({_SINCE}|{TIME_PATTERN})$"},
    )
    spaces: bool = Field(default=True, description="Include each space, not only the whole place.")


class StreamQuestion(Question):
    """Which places to follow."""

    place: list[str] = Field(default=[], max_length=200, description="Only these places (repeatable).")
    bbox: Bbox | None = None
    since: str | None = Field(
        default=None,
        max_length=100,
        description="A `cursor` of /v1/occupancy to go on from. The header `Last-Event-ID` comes first. "
        "Without either, the whole current state is sent first.",
        json_schema_extra={"pattern": f"^{_SINCE}$"},
    )
