"""``/v1/calendar-feeds``, ``/v1/calendars``: calendars both ways."""

from __future__ import annotations

import secrets
from hashlib import blake2b
from typing import Annotated, Any, Final

import psycopg
from fastapi import APIRouter, Path, Request
from psycopg.rows import dict_row
from psycopg_pool import PoolTimeout, TooManyRequests
from starlette.responses import Response

from api.calendars import calendars as rows
from api.calendars.calendars import Feed, FeedMade, Feeds, NewFeed, Source, SourceMade, Sources, plain
from api.calendars.writing import calendar_of
from api.http.answers import json_answer, known
from api.http.errors import BadField, NotFound, Unavailable
from api.http.openapi import problem_responses
from api.http.revisions import Resource, read
from api.http.session import Session, guarded, session
from api.http.state import shared

router: Final = APIRouter(tags=["calendars"])
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
Secret = Annotated[str, Path(min_length=20, max_length=100, pattern=r"^[A-Za-z0-9_-]+$")]


@router.get(
    "/v1/feeds/{secret}.ics",
    summary="A calendar to subscribe to",
    responses={200: {"content": {"text/calendar": {"schema": {"type": "string"}}}}, **problem_responses(404, 422, 503)},
    response_class=Response,
)
async def feed(secret: Secret, request: Request) -> Response:
    """The secret in its address is the right to read it, without a key. Bookings from 30 days ago to 400 days ahead."""
    try:
        async with shared(request).pool.connection(timeout=3) as conn:
            cursor = conn.cursor(row_factory=dict_row)
            found = await (await cursor.execute(rows.ROWS.encode(), (secret,))).fetchall()
    except (psycopg.OperationalError, PoolTimeout, TooManyRequests, OSError) as error:
        raise Unavailable("The database is down or too busy.") from error
    if not found:
        raise NotFound("There is no such calendar, or it has ended. POST /v1/calendar-feeds creates one.")
    body = calendar_of(found)
    etag = b'"%s"' % blake2b(body, digest_size=12).hexdigest().encode()
    headers = {"ETag": etag.decode(), "Cache-Control": "private, no-cache", "Referrer-Policy": "no-referrer"}
    if known(request.headers, etag):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="text/calendar; charset=utf-8", headers=headers)


@router.get("/v1/calendar-feeds", summary="Calendar feeds", **guarded("rules:write", "own", answers={200: Feeds}))
async def feeds(request: Request) -> Response:
    """A member's own, or those of the resources of the key's places. The secrets are never shown again."""
    async with session(request, "rules:write", "own") as s:
        found = await s.rows(rows.FEEDS, {"id": None})
    return json_answer({"feeds": [plain(row) for row in found]})


@router.post(
    "/v1/calendar-feeds",
    status_code=201,
    summary="Create a calendar feed",
    **guarded("rules:write", "own", answers={201: NewFeed}),
)
async def make_feed(request: Request, body: FeedMade) -> Response:
    """With a member's own key: of that member's bookings. Else of a resource: when it is taken, without names."""
    secret = secrets.token_urlsafe(32)
    async with session(request, "rules:write", "own") as s:
        values: dict[str, Any] = {"secret": secret, "member": s.caller.member, "resource": None, "place": None}
        if s.caller.member is None:
            if body.resource is None:
                raise BadField("resource", "name a resource and its place; only members have a calendar of their own")
            found = await s.row(rows.RESOURCE, body.model_dump())
            if found is None:
                raise BadField("resource", f"there is no resource {body.resource!r} at this place")
            values |= {"resource": found["id"], "place": found["place"]}
        elif body.resource is not None:
            raise BadField("resource", "a member's own key makes the member's own calendar only")
        made = await s.row(rows.ADD_FEED, values)
        assert made is not None
        row = await read(s, _feed(made["id"]))
    return json_answer({**plain(row), "path": f"/v1/feeds/{secret}.ics"}, status=201)


@router.delete(
    "/v1/calendar-feeds/{number}", summary="End a calendar feed", **guarded("rules:write", "own", answers={200: Feed})
)
async def end_feed(number: Number, request: Request) -> Response:
    """Its address shows nothing from then on."""
    async with session(request, "rules:write", "own") as s:
        row = await read(s, _feed(number))
        await s.run(rows.END_FEED, {"id": number})
    return json_answer(plain(row))


@router.get("/v1/calendars", summary="Calendars that block units", **guarded("rules:write", answers={200: Sources}))
async def calendars(request: Request) -> Response:
    """And how reading them went."""
    async with session(request, "rules:write") as s:
        found = await s.rows(rows.SOURCES, {"id": None})
    return json_answer({"calendars": [plain(row) for row in found]})


@router.post(
    "/v1/calendars",
    status_code=201,
    summary="Subscribe to a calendar whose busy times block a unit",
    **guarded("rules:write", answers={201: Source}),
)
async def make_calendar(request: Request, body: SourceMade) -> Response:
    """It is read every 15 minutes, six months ahead; bookings made before stay, and the owner gets a mail."""
    async with session(request, "rules:write") as s:
        units = await s.rows(rows.UNIT, body.model_dump())
        if not units:
            raise BadField("resource", f"there is no such unit of {body.resource!r} at this place")
        if len(units) > 1:
            raise BadField("unit", "this resource has several units: name one")
        values = {**body.model_dump(), "place_id": units[0]["place"], "unit_id": units[0]["id"]}
        made = await s.row(rows.ADD_SOURCE, values)
        assert made is not None
        row = await _source(s, made["id"])
    return json_answer(plain(row), status=201)


@router.delete(
    "/v1/calendars/{number}", summary="End a calendar's subscription", **guarded("rules:write", answers={200: Source})
)
async def end_calendar(number: Number, request: Request) -> Response:
    """What it blocked is free again."""
    async with session(request, "rules:write") as s:
        row = await _source(s, number)
        await s.run(rows.END_SOURCE, {"id": number})
    return json_answer(plain(row))


async def _source(s: Session, number: int) -> dict[str, Any]:
    name = f"calendar {number}"
    return await read(s, Resource(find=rows.SOURCES, key={"id": number}, name=name, subject=name))


def _feed(number: int) -> Resource:
    name = f"calendar feed {number}"
    return Resource(find=rows.FEEDS, key={"id": number}, name=name, subject=name)
