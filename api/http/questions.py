"""The questions that may be asked: query parameters, checked, unknown ones refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api.http.cursors import CURSOR_PATTERN
from api.http.times import TIME_PATTERN
from api.places.geography import Box, Point, parse_box, parse_point, pattern_of

Kind = Literal["place", "open_space", "meeting_room", "fab_lab", "phone_box", "kitchen", "other"]
MAX_LIMIT: Final = 2000


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
Cursor = Annotated[
    str,
    Field(
        description="`next` of the page before.",
        max_length=300,
        json_schema_extra={"pattern": CURSOR_PATTERN},
    ),
]
# In the document only: an answer in words says more than "String should match pattern".
_SINCE: Final = "[0-9]+-[0-9a-f]+-[0-9]+"


class Question(BaseModel):
    """Parameters of a request: whatever isn't asked for is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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
    limit: int = Field(default=100, ge=1, le=MAX_LIMIT, description="Places on a page.")
    cursor: Cursor | None = None

    @property
    def box(self) -> Box | None:
        """``bbox`` read."""
        return parse_box(self.bbox) if self.bbox else None

    @property
    def point(self) -> Point | None:
        """``near`` read."""
        return parse_point(self.near) if self.near else None


class OccupancyQuestion(Question):
    """What of the network's occupancy to tell."""

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
        "Without either the whole present state is sent first.",
        json_schema_extra={"pattern": f"^{_SINCE}$"},
    )


class AvailabilityQuestion(Question):
    """Where to look for seats."""

    near: Near
    radius_km: float = Field(default=30, gt=0, le=500, description="The largest distance.")
    seats: int = Field(default=1, ge=1, le=1000, description="Number of free seats needed.")
    kind: Kind | None = Field(
        default=None,
        description="In one space of this kind, whatever its seats are for; without it, any seats to work at.",
        examples=["open_space"],
    )
    limit: int = Field(default=50, ge=1, le=500, description="Number of places, nearest first.")


class EventsQuestion(Question):
    """Which events to read."""

    cursor: Cursor | None = None
    limit: int = Field(default=500, ge=1, le=1000, description="Events on a page.")
    place: str | None = Field(default=None, max_length=64, description="Only this place's.")
    kind: (
        Literal[
            "access",
            "access_taken",
            "access_not_taken",
            "door",
            "desk",
            "count",
            "measure",
            "device",
            "gateway",
            "audit",
        ]
        | None
    ) = Field(default=None, description="Only events of this kind.")
