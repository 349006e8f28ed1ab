"""The query of a search for free seats, and the shape of its answer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, get_args

from pydantic import ConfigDict, Field, StringConstraints

from api.http.models import Answer, Question
from api.present.models import Bbox, Free, Kind, Moment, Text
from api.present.wanted import Code

Entry = Literal["badge", "code", "staff"]
PlaceCode = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class _PlaceFound(Answer):
    place: str
    name: str
    commune: str | None
    distance_km: float | None = Field(description="null: the search has no point.")


class PlaceOffer(_PlaceFound):
    """The free seats of one place."""

    space: str | None = Field(description="Where the seats are.")
    free: Free | None = Field(description="null: unknown.")
    open: bool | None = Field(description="null: its hours are unknown.")
    changes_at: datetime | None = Field(
        description="When it closes by its hours; null: unknown, or not within three months."
    )
    entry: list[Entry] = Field(
        description="How members get in: by badge or code; `staff`: no reader, staff open by the hours. Empty: unknown."
    )
    capacity: int | None
    quality: Literal["live", "degraded", "stale", "unknown"]
    at: datetime | None
    ttl: int
    chance: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Of an arrival: that the seats are free then. Without a key, of what such answers may say; "
        "null: not known. Not in an answer about now.",
    )
    unbooked: int | None = Field(
        default=None,
        ge=0,
        description="Of an arrival or a window: seats that nobody has booked at any instant of it. Not in an answer "
        "about now.",
    )


class NotOffered(_PlaceFound):
    """A place without such seats, and why."""

    reason: Code = Field(description=f"One of {', '.join(get_args(Code))}; more may come.")
    text: Text


class AskedPlace(_PlaceFound):
    """The place of `place=`: offered, or why not."""

    offered: bool
    reason: Code | None
    text: Text | None


class CommuneFound(Answer):
    """The commune that `near` names."""

    code: str = Field(description="Its INSEE code.")
    name: str
    department: str
    latitude: float
    longitude: float
    exact: bool = Field(description="false: the point is that of its neighbours, a few kilometres off.")


class Availability(Answer):
    """Places with free seats: now, nearest first; at an arrival or in a window, the likeliest first."""

    at: datetime = Field(description="The time that it is about, or at which the window begins.")
    until: datetime | None = Field(description="The end of the window; null: none was asked for.")
    near: CommuneFound | None = Field(description="The commune, where `near` names one.")
    asked: AskedPlace | None = Field(description="Of `place`: whether it is offered; `places` are the alternatives.")
    seats: int
    places: list[PlaceOffer] = Field(
        description="Places with at least that many free seats; of an arrival, all with a chance, however small."
    )
    unknown: list[PlaceOffer] = Field(description="Places whose free seats are unknown: never treat them as free.")
    not_offered: list[NotOffered] = Field(description="The nearest other places, with the reason.")
    counts: dict[Literal["free", "full", "unknown", "closed"], int] = Field(
        description="All places of the area that have what is asked for."
    )
    complete: bool = Field(description="false: the area has more places than were looked at; make it smaller.")


class AvailabilityQuestion(Question):
    """Where and when to look for seats."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False)

    near: str | None = Field(
        default=None,
        max_length=100,
        pattern=r"\S",
        description="A point, `latitude,longitude` in degrees, or a commune: its name, with its department or postcode "
        "where several have the name.",
        examples=["45.8336,1.2611", "Limoges", "Saint-Denis (93)"],
    )
    place: str | None = Field(
        default=None, max_length=64, description="Whether this place is offered, and the alternatives around it."
    )
    only: list[PlaceCode] = Field(
        default=[], max_length=10, description="Only these places (repeatable), by code where there is no point."
    )
    radius_km: float | None = Field(
        default=None, gt=0, le=500, description="The largest distance; 30 where neither an area nor this is given."
    )
    bbox: Bbox | None = None
    department: str | None = Field(default=None, max_length=3, examples=["87"])
    seats: int = Field(default=1, ge=1, le=1000, description="Number of free seats needed.")
    kind: Kind | None = Field(
        default=None,
        description="In one space of this kind, for any use; without it, any seats to work at.",
        examples=["open_space"],
    )
    equipment: list[Word] = Field(
        default=[], max_length=10, description="That the place must have, as its profile writes it (repeatable)."
    )
    accessibility: list[Word] = Field(default=[], max_length=10, description="Likewise (repeatable).")
    price_category: Word | None = Field(default=None, description="The place has a price of this category.")
    price_unit: Word | None = Field(default=None, description="The place has a price by this unit.")
    max_price: int | None = Field(
        default=None, ge=0, le=999_999_999, description="Of at most so many euro cents, with `price_unit`."
    )
    pass_: str | None = Field(
        default=None,
        alias="pass",
        max_length=64,
        pattern=r"^(mine|p-[0-9a-z]{4,32})$",
        description="Only places where this pass is valid then; `mine`: any pass of the member whose key it is.",
    )
    at: Moment | None = Field(
        default=None,
        description="The arrival, within a year (RFC 3339): each place with its `chance`, in steps of 5 %. Without it "
        "and `from`: now.",
    )
    from_: Moment | None = Field(default=None, alias="from", description="The beginning of a window, with `until`.")
    until: Moment | None = Field(default=None, description="The end of the window, two weeks after `from` at most.")
    sort: Literal["distance", "chance"] | None = Field(
        default=None,
        description="`chance`, for an arrival or a window only: the likeliest first, the nearest first among equals; "
        "what these begin with. `distance`: the nearest first.",
    )
    limit: int = Field(default=50, ge=1, le=500, description="Number of places.")
