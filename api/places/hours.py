"""``/v1/places/{place}/hours`` and ``…/policy``: opening hours, capacity limits and how gateways behave."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb
from pydantic import Field
from starlette.responses import Response

from access.schedules import zone_named
from api.http.clock import now_us
from api.http.errors import BadField
from api.http.models import Answer, Body, Code, whole
from api.http.references import parts_named
from api.http.revisions import Resource, change, expected_revisions, explain_refusal, read, read_to_change, with_etag
from api.http.session import guarded, session
from api.http.timestamps import to_datetime
from api.schedules.schedules import checked_hours
from rights.osm_hours import HoursUnreadable, hours_from_osm, hours_to_osm

router: Final = APIRouter(tags=["place rules"])

# A place's hours and the limits of its spaces.
FIND: Final = """
SELECT p.id, p.code::text AS place, p.opening_hours, p.opening_hours_osm, p.department, p.time_zone, p.revision,
       (SELECT jsonb_object_agg(s.code, s.person_limit) FROM space s
        WHERE s.place = p.id AND s.retired_at IS NULL) AS limits
FROM place p WHERE p.code = %(place)s
"""
# Change the hours; without them (has_hours false) the row is updated too, so that its revision increases.
UPDATE: Final = """
UPDATE place SET opening_hours = CASE WHEN %(has_hours)s THEN %(hours)s::jsonb ELSE opening_hours END,
  opening_hours_osm = CASE WHEN %(has_hours)s THEN %(osm)s ELSE opening_hours_osm END
WHERE id = %(id)s AND (%(revisions)s::integer[] IS NULL OR revision = ANY(%(revisions)s)) RETURNING revision
"""
LIMIT: Final = "UPDATE space SET person_limit = %(limit)s WHERE id = %(space)s RETURNING id"

# A place's policy; a place without a row has the defaults and revision 0.
POLICY: Final = """
SELECT p.id, p.code::text AS place, CASE WHEN y.place IS NULL THEN 2592000 ELSE y.list_max_age_s END AS list_max_age_s,
       coalesce(y.hosts_open_when_old, false) AS hosts_open_when_old, coalesce(y.tries, 5) AS tries,
       coalesce(y.pause_s, 30) AS pause_s, coalesce(y.longest_pause_s, 900) AS longest_pause_s,
       coalesce(y.overuse, 0) AS overuse, coalesce(y.booking_before_s, 900) AS booking_before_s,
       coalesce(y.booking_after_s, 0) AS booking_after_s, coalesce(y.booking_guests, 5) AS booking_guests,
       coalesce(y.members_open, false) AS members_open,
       coalesce(y.revision, 0) AS revision
FROM place p LEFT JOIN place_policy y ON y.place = p.id WHERE p.code = %(place)s
"""
PUT_POLICY: Final = """
INSERT INTO place_policy AS y (place, list_max_age_s, hosts_open_when_old, tries, pause_s, longest_pause_s, overuse,
  booking_before_s, booking_after_s, booking_guests, members_open)
VALUES (%(id)s, %(list_max_age_s)s, %(hosts_open_when_old)s, %(tries)s, %(pause_s)s, %(longest_pause_s)s, %(overuse)s,
  %(booking_before_s)s, %(booking_after_s)s, %(booking_guests)s, %(members_open)s)
ON CONFLICT (place) DO UPDATE SET list_max_age_s = excluded.list_max_age_s,
  hosts_open_when_old = excluded.hosts_open_when_old, tries = excluded.tries, pause_s = excluded.pause_s,
  longest_pause_s = excluded.longest_pause_s, overuse = excluded.overuse,
  booking_before_s = excluded.booking_before_s, booking_after_s = excluded.booking_after_s,
  booking_guests = excluded.booking_guests, members_open = excluded.members_open
WHERE %(revisions)s::integer[] IS NULL OR y.revision = ANY(%(revisions)s)
RETURNING revision
"""


class HoursChanged(Body):
    """A change of hours; fields that aren't sent keep their value."""

    opening_hours: dict[str, Any] | None = Field(
        default=None,
        description="As a schedule's `hours`; outside them no pass opens a door. null: none.",
        examples=[{"mon": [["08:00", "20:00"]]}],
    )
    opening_hours_osm: str | None = Field(
        default=None,
        max_length=1000,
        description="Instead of `opening_hours`: in OpenStreetMap's syntax. PH and SH are the public and school "
        "holidays of the place's department. What a week can't say becomes exceptions by date for two years.",
        examples=["Mo-Fr 09:00-12:00,14:00-18:00; Sa 10:00-12:00; PH off; Aug off"],
    )
    limits: dict[Code, int | None] = Field(
        default={},
        max_length=500,
        description="By space: how many people may be in it, by law or lease; null: no limit.",
    )


class Hours(Answer):
    """Opening hours and capacity limits of a place."""

    place: str
    opening_hours: dict[str, Any] | None
    opening_hours_osm: str | None = Field(
        description="In OpenStreetMap's syntax: as they were sent so, else written from `opening_hours`."
    )
    limits: dict[str, int | None]


class PolicyFields(Body):
    """How a place's gateways behave."""

    list_max_age_s: int | None = Field(
        default=2_592_000,
        ge=3600,
        le=31_536_000,
        description="An access list older than this opens no door; null: no limit.",
    )
    hosts_open_when_old: bool = Field(
        default=False, description="Hosts can still open doors with a list that is too old."
    )
    tries: int = Field(default=5, ge=1, le=100, description="Wrong PINs or codes in a row before a pause.")
    pause_s: int = Field(default=30, ge=1, le=3600, description="The first pause; each further wrong try doubles it.")
    longest_pause_s: int = Field(default=900, ge=1, le=86_400)
    overuse: int = Field(
        default=0,
        ge=0,
        le=1000,
        description="How many units beyond a pass's allowance are still let in, noted and billed; 0: none.",
    )
    booking_before_s: int = Field(
        default=900, ge=0, le=14_400, description="So long before it begins a booking opens the doors to its space."
    )
    booking_after_s: int = Field(default=0, ge=0, le=14_400, description="So long after its end it still does.")
    booking_guests: int = Field(
        default=5, ge=0, le=100, description="With so many guests in a booking, only staff add more."
    )
    members_open: bool = Field(
        default=False, description="Members may open doors by phone while their card would open them."
    )


class Policy(PolicyFields, Answer):
    """How a place's gateways behave."""

    place: str


def hours_resource(place: str) -> Resource:
    """Name the opening hours and capacity limits of a place by its code."""
    return Resource(find=FIND, key={"place": place}, name=f"place {place!r}", subject=f"place {place}")


def policy_resource(place: str) -> Resource:
    """Name a place's policy by its code."""
    return Resource(find=POLICY, key={"place": place}, name=f"the policy of {place!r}", subject="")


def hours_json(row: DictRow) -> dict[str, Any]:
    """Format a row of ``FIND`` for an answer."""
    hours, osm = row["opening_hours"], row["opening_hours_osm"]
    written = osm if osm is not None or hours is None else hours_to_osm(hours)
    return {
        "place": row["place"], "opening_hours": hours, "opening_hours_osm": written, "limits": row["limits"] or {}
    }  # fmt: skip


def policy_json(row: DictRow) -> dict[str, Any]:
    """Format a row of ``POLICY`` for an answer."""
    return {"place": row["place"], **{name: row[name] for name in PolicyFields.model_fields}}


@router.get(
    "/v1/places/{place}/hours",
    summary="Opening hours and capacity limits of a place",
    **guarded("members:read", answers={200: Hours}),
)
async def hours(place: str, request: Request) -> Response:
    """Its opening hours and the capacity of each space."""
    async with session(request, "members:read") as s:
        row = await read(s, hours_resource(place))
    return with_etag(hours_json(row), row["revision"])


@router.patch(
    "/v1/places/{place}/hours",
    summary="Change opening hours and capacity limits",
    **guarded("rules:write", answers={200: Hours}, changes=True),
)
async def change_hours(place: str, request: Request, body: HoursChanged) -> Response:
    """Fields not sent, and spaces not named in `limits`, keep their value."""
    given, osm = body.opening_hours, body.opening_hours_osm
    if given is not None and osm is not None:
        raise BadField("opening_hours_osm", "send `opening_hours` or `opening_hours_osm`, not both")
    values = {
        "has_hours": not body.model_fields_set.isdisjoint(("opening_hours", "opening_hours_osm")),
        "hours": None if given is None else Jsonb(checked_hours(given, "opening_hours")),
        "osm": osm,
    }
    for code, limit in body.limits.items():
        if limit is not None and not 0 <= limit <= 100_000:
            raise BadField(f"limits.{code}", "expected a number of people from 0 to 100,000, or null")
    async with session(request, "rules:write") as s:
        wanted, resource = expected_revisions(request), hours_resource(place)
        row = await read_to_change(s, resource, wanted)
        if osm is not None:
            values["hours"] = Jsonb(_read_osm(osm, row))
        await change(s, resource, UPDATE, {**values, "id": row["id"]}, row=row, wanted=wanted)
        for code, limit in body.limits.items():
            space = await parts_named(s, row["id"], "spaces", [code], f"limits.{code}")
            assert space
            if await s.row(LIMIT, {"space": space[0], "limit": limit}) is None:
                raise await explain_refusal(s, resource, None)
        row = await read(s, resource)
    return with_etag(hours_json(row), row["revision"])


def _read_osm(text: str, row: DictRow) -> dict[str, Any]:
    today = to_datetime(now_us()).astimezone(zone_named(row["time_zone"])).date()
    try:
        return hours_from_osm(text, department=row["department"], today=today)
    except HoursUnreadable as error:
        raise BadField("opening_hours_osm", str(error)) from None


@router.get("/v1/places/{place}/policy", summary="A place's policy", **guarded("members:read", answers={200: Policy}))
async def policy(place: str, request: Request) -> Response:
    """How gateways treat an outdated access list and wrong PINs. The ETag of the defaults is `"0"`."""
    async with session(request, "members:read") as s:
        row = await read(s, policy_resource(place))
    return with_etag(policy_json(row), row["revision"])


@router.put(
    "/v1/places/{place}/policy",
    summary="Replace a place's policy",
    **guarded("rules:write", answers={200: Policy}, changes=True),
)
async def put_policy(place: str, request: Request, body: PolicyFields) -> Response:
    """Fields not sent get their default."""
    async with session(request, "rules:write") as s:
        wanted, resource = expected_revisions(request), policy_resource(place)
        row = await read_to_change(s, resource, wanted)
        await change(s, resource, PUT_POLICY, {**whole(body), "id": row["id"]}, row=row, wanted=wanted)
        row = await read(s, resource)
    return with_etag(policy_json(row), row["revision"])
