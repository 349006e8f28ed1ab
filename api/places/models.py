"""Queries about places, and the shapes of the answers for OpenAPI."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import ConfigDict, Field

from api.http.cursors import Cursor
from api.http.models import Answer, Question
from api.present.geography import Box, Point, parse_box, parse_point
from api.present.models import Bbox, Kind, Near

MAX_LIMIT: Final = 2000


class PlacesQuestion(Question):
    """Which places to list."""

    bbox: Bbox | None = None
    near: Near | None = None
    radius_km: float | None = Field(default=None, gt=0, le=2000, description="With `near`: the largest distance.")
    department: str | None = Field(
        default=None, pattern=r"^(\d{2}|2[AB]|97[1-8])$", description="A department's number.", examples=["87", "2A"]
    )
    q: str | None = Field(
        default=None,
        max_length=200,
        description="Words of the name, commune, postcode, department (name or number) or region. Accents, case and "
        "hyphens are ignored.",
    )
    kind: Kind | None = Field(default=None, description="Only places that have a space of this kind.")
    status: Literal["building", "preparation", "open", "closed"] = Field(
        default="open", description="Of the house itself."
    )
    limit: int = Field(default=100, ge=1, le=MAX_LIMIT, description="Places on a page.")
    cursor: Cursor | None = None

    @property
    def box(self) -> Box | None:
        """``bbox`` parsed."""
        return parse_box(self.bbox) if self.bbox else None

    @property
    def point(self) -> Point | None:
        """``near`` parsed."""
        return parse_point(self.near) if self.near else None


class Coordinates(Answer):
    """Degrees, WGS 84."""

    latitude: float
    longitude: float


class Place(Answer):
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
    hours_generated: bool = Field(description="The hours are generated from a seed, not taken from a source.")
    closures: list[tuple[str, str]] = Field(description="Local days, both included, on which it is closed.")
    website: str | None
    typology: str | None
    capacity: int | None = Field(
        description="How many people its rooms hold together; not the number of seats to work at."
    )
    kinds: list[Kind] = Field(description="The kinds of its spaces.")
    status: Literal["building", "preparation", "open", "closed"] = Field(
        description="Of the house itself. Only open places are listed, offer seats and open to members."
    )
    source: str = Field(description="The data set that it comes from.")
    generated: bool = Field(description="Generated from a seed, not taken from a source.")
    distance_km: float | None = Field(default=None, description="With `near` only.")


class Space(Answer):
    """A part of a place."""

    id: str
    name: str
    kind: Kind
    parent: str | None
    capacity: int | None
    for_work: bool = Field(description="Its seats are seats to work at.")
    one_party: bool = Field(description="Used by one party at a time; its bookings don't overlap.")
    desks: int
    generated: bool


class Door(Answer):
    """Leads from one space (null: outside) into another."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    id: str
    name: str
    from_: str | None = Field(alias="from")
    to: str
    generated: bool


class Price(Answer):
    """What something costs."""

    category: str = Field(examples=["coworking"])
    unit: str = Field(examples=["half_day"])
    amount: int = Field(description="Euro cents.", ge=0, examples=[900])


class PlaceDetail(Place):
    """A place with what it says of itself, its spaces and its doors."""

    phone: str | None
    email: str | None
    siret: str | None
    rna: str | None
    logo: str | None
    accessibility: list[str] | None
    equipment: list[str] | None
    fibre: bool | None
    prices: list[Price] | None
    desks: int
    spaces: list[Space]
    doors: list[Door]


class Places(Answer):
    """A page of places."""

    total: int = Field(description="Matching places on all pages.")
    next: str | None = Field(description="`cursor` of the next page; null: this is the last.")
    places: list[Place]
