"""``POST /v1/places`` and ``/v1/places/{place}/profile``: a place as its manager describes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal
from zoneinfo import available_timezones

from fastapi import APIRouter, Request
from psycopg.types.json import Jsonb
from pydantic import AfterValidator, Field
from starlette.responses import Response

from api.http.fitting import changed_fields
from api.http.models import Answer, Body, Code, Email, Name, whole
from api.http.revisions import Resource, change, expected_revisions, read, read_to_change, with_etag
from api.http.session import guarded, session
from gateway.contract.shards import shard
from occupancy.public import THRESHOLD

router: Final = APIRouter(tags=["fitting"])

_COLUMNS: Final = (
    *("name", "status", "latitude", "longitude", "time_zone", "address", "postcode", "commune", "commune_code"),
    *("department", "region", "website", "typology", "siret", "rna", "contact_name", "phone", "email", "logo"),
    *("accessibility", "equipment", "fibre", "prices", "public_threshold", "public_numbers"),
)
FIND: Final = """
SELECT id, code::text AS code, {columns}, NULL::timestamptz AS retired_at, revision
FROM place WHERE code = %(place)s
""".replace("{columns}", ", ".join(_COLUMNS))
INSERT: Final = """
INSERT INTO place (code, shard, source, source_id, {columns})
VALUES (%(code)s::text, %(shard)s, 'api', %(code)s::text, {values}) RETURNING id
""".replace("{columns}", ", ".join(_COLUMNS)).replace("{values}", ", ".join(f"%({name})s" for name in _COLUMNS))
UPDATE: Final = """
UPDATE place SET {changes}
WHERE id = %(id)s AND (%(revisions)s::integer[] IS NULL OR revision = ANY(%(revisions)s)) RETURNING revision
""".replace("{changes}", ", ".join(f"{name} = %({name})s" for name in _COLUMNS))
# The space that stands for the whole place.
ROOT: Final = """
INSERT INTO space (place, code, name, kind, capacity) VALUES (%(place)s, 'place', %(name)s, 'place', %(capacity)s)
RETURNING id
"""


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("expected a time zone of the IANA database, for example Europe/Paris")
    return name


Status = Literal["building", "preparation", "open", "closed"]
Zone = Annotated[str, Field(max_length=64, examples=["Europe/Paris"]), AfterValidator(_zone)]
Text = Annotated[str, Field(min_length=1, max_length=200)]
Url = Annotated[str, Field(max_length=500, pattern=r"^https?://\S+$", examples=["https://example.org/logo.svg"])]
Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False, examples=[45.83])]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False, examples=[1.26])]
Threshold = Annotated[int, Field(ge=1, le=1000, examples=[3])]
_THRESHOLD: Final = "Up to so many people are one band in answers without a key (docs/privacy.md)."
_NUMBERS: Final = (
    "Show larger numbers in answers without a key; else only whether a space is nearly full. Who follows such numbers "
    "for months can find out when a member comes."
)
_STATUS: Final = "Only open places are listed, offer seats and open to members."


class PriceGiven(Body):
    """What something costs."""

    category: str = Field(min_length=1, max_length=100, pattern=r"\S", examples=["coworking"])
    unit: str = Field(min_length=1, max_length=50, pattern=r"\S", examples=["half_day"])
    amount: int = Field(ge=0, le=999_999_999, description="Euro cents.", examples=[900])


class _About(Body):
    address: Text | None = None
    postcode: str | None = Field(default=None, pattern=r"^[0-9]{5}$")
    commune: Text | None = None
    commune_code: str | None = Field(
        default=None, pattern=r"^([0-9]{5}|2[AB][0-9]{3})$", description="Its INSEE code.", examples=["87085"]
    )
    department: str | None = Field(default=None, pattern=r"^([0-9]{2}|2[AB]|97[1-8])$", examples=["87"])
    region: Text | None = None
    website: Url | None = None
    typology: Text | None = None
    siret: str | None = Field(default=None, pattern=r"^[0-9]{14}$", examples=["19870669900321"])
    rna: str | None = Field(default=None, pattern=r"^W[0-9]{9}$", examples=["W872001234"])
    contact_name: Name | None = Field(default=None, description="Who to ask for; not shown to the public.")
    phone: str | None = Field(default=None, pattern=r"^\+?[0-9][0-9 .()-]{1,29}$", examples=["+33 5 55 00 00 00"])
    email: Email | None = None
    logo: Url | None = None
    accessibility: list[Text] | None = Field(default=None, max_length=50, examples=[["step-free"]])
    equipment: list[Text] | None = Field(default=None, max_length=200, examples=[["laser cutter", "printer"]])
    fibre: bool | None = None
    prices: list[PriceGiven] | None = Field(default=None, max_length=100)


class PlaceMade(_About):
    """A new place; it gets a root space."""

    code: Code
    name: Name
    latitude: Latitude
    longitude: Longitude
    time_zone: Zone = "Europe/Paris"
    status: Status = Field(default="preparation", description=_STATUS)
    capacity: int | None = Field(default=None, ge=0, le=100_000, description="Of the whole place.")
    public_threshold: Threshold = Field(default=THRESHOLD, description=_THRESHOLD)
    public_numbers: bool = Field(default=False, description=_NUMBERS)


class ProfileChanged(_About):
    """A change of a place; fields that aren't sent keep their value."""

    code: Code | None = Field(default=None, description="Never changes; another value is refused.")
    name: Name | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    time_zone: Zone | None = None
    status: Status | None = Field(default=None, description=_STATUS)
    public_threshold: Threshold | None = Field(default=None, description=_THRESHOLD)
    public_numbers: bool | None = Field(default=None, description=_NUMBERS)


class Price(Answer):
    """What something costs."""

    category: str
    unit: str
    amount: int = Field(description="Euro cents.")


class Profile(Answer):
    """A place as its manager describes it."""

    code: str
    name: str
    status: Status = Field(description=_STATUS)
    latitude: float
    longitude: float
    time_zone: str
    address: str | None
    postcode: str | None
    commune: str | None
    commune_code: str | None
    department: str | None
    region: str | None
    website: str | None
    typology: str | None
    siret: str | None
    rna: str | None
    contact_name: str | None
    phone: str | None
    email: str | None
    logo: str | None
    accessibility: list[str] | None
    equipment: list[str] | None
    fibre: bool | None
    prices: list[Price] | None
    public_threshold: int = Field(description=_THRESHOLD)
    public_numbers: bool = Field(description=_NUMBERS)


def profile_resource(place: str) -> Resource:
    """Name a place by its code."""
    return Resource(find=FIND, key={"place": place}, name=f"place {place!r}", subject=f"place {place}")


def profile_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """Format a row of ``FIND`` for an answer."""
    return {name: row[name] for name in Profile.model_fields}


def _columns(fields: Mapping[str, Any]) -> dict[str, Any]:
    prices = fields["prices"]
    plain = prices and [one.model_dump() if isinstance(one, PriceGiven) else one for one in prices]
    return {**fields, "prices": None if prices is None else Jsonb(plain)}


@router.post(
    "/v1/places",
    status_code=201,
    summary="Add a place",
    **guarded("places:write", answers={201: Profile}, problems=(409,)),
)
async def make_place(request: Request, body: PlaceMade) -> Response:
    """Network administrators only. It is in preparation until its status says open."""
    async with session(request, "places:write") as s:
        made = await s.row(INSERT, {**_columns(whole(body)), "shard": shard(body.code)})
        assert made is not None
        await s.row(ROOT, {"place": made["id"], "name": body.name, "capacity": body.capacity})
        row = await read(s, profile_resource(body.code))
    location = f"/v1/places/{body.code}/profile"
    return with_etag(profile_json(row), row["revision"], status=201, location=location)


@router.get(
    "/v1/places/{place}/profile", summary="A place's profile", **guarded("members:read", answers={200: Profile})
)
async def profile(place: str, request: Request) -> Response:
    """Also while it is in preparation or closed. Its hours are at `…/hours`."""
    async with session(request, "members:read") as s:
        row = await read(s, profile_resource(place))
    return with_etag(profile_json(row), row["revision"])


@router.patch(
    "/v1/places/{place}/profile",
    summary="Change a place's profile",
    **guarded("fitting:write", answers={200: Profile}, changes=True),
)
async def change_profile(place: str, request: Request, body: ProfileChanged) -> Response:
    """Name, address, contact, equipment, prices, status."""
    async with session(request, "fitting:write") as s:
        wanted, resource = expected_revisions(request), profile_resource(place)
        row = await read_to_change(s, resource, wanted)
        needed = dict.fromkeys(
            ("name", "latitude", "longitude", "time_zone", "status", "public_threshold", "public_numbers"),
            "a place has a value here",
        )
        await change(s, resource, UPDATE, _columns(changed_fields(body, row, **needed)), row=row, wanted=wanted)
        row = await read(s, resource)
    return with_etag(profile_json(row), row["revision"])
