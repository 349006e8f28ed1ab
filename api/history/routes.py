"""``/v1/places/{place}/history`` and ``/v1/history``: occupancy over time, as published and as known by now."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.history import formats, reading
from api.history.models import History
from api.history.periods import Row
from api.history.quarter_json import quarter_rows
from api.history.questions import (
    Format,
    HistoryQuestion,
    NetworkHistoryQuestion,
    PlaceHistoryQuestion,
    Window,
    window_of,
)
from api.history.reading import ALL, FirstDays, Root
from api.http.clock import now_us
from api.http.errors import BadQuery, KeyMissing, NoSuchPlace
from api.http.openapi import problem_responses
from api.http.state import shared
from api.http.timestamps import to_datetime
from api.present.network import Place
from api.present.reach import Reached
from api.present.state import LoadedBoard

router: Final = APIRouter(tags=["history"])
_ZONE: Final = ZoneInfo("Europe/Paris")
_FILES: Final[dict[str, Any]] = {
    "text/csv": {"schema": {"type": "string"}},
    formats.PARQUET: {"schema": {"type": "string", "format": "binary"}},
}
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {200: {"model": History, "content": _FILES}}


@router.get(
    "/v1/places/{place}/history",
    summary="Occupancy of a place over time",
    responses={**_ANSWERS, **problem_responses(401, 404, 422, 429, 503)},
    response_class=Response,
)
async def place_history(
    place: str, board: LoadedBoard, to: Reached, request: Request, question: Annotated[PlaceHistoryQuestion, Query()]
) -> Response:
    """By quarter hour, hour, day, week or month. Without a key: the whole place as published, from bands."""
    one = board.network.by_code.get(place)
    if one is None:
        raise NoSuchPlace(place)
    public = not to.has(one)
    if public and question.space is not None:
        raise KeyMissing("The history of single spaces needs a key of the place; without one leave out `space`.")
    published = public or question.as_ == "published"
    pool = shared(request).pool
    space = one.root.id if one.root is not None and question.space is None else None
    if space is None:
        space = await reading.space_of(pool, one.id, question.space)
    if space is None:
        raise BadQuery("space", f"this place has no space {question.space!r}; see /v1/places/{place}")
    window = window_of(question, ZoneInfo(one.time_zone), to_datetime(now_us()))
    first = await reading.first_days(pool, window.first, published=published, public=public, spaces=[space])
    page = window.page(question.limit, 1)
    if page is not window:  # a long range: what was before the first day is left out
        page = window.begun(first.day, question.limit, 1)
    about = {"place": place, "space": question.space}
    about |= _about(question, page, first, published=published, public=public)
    if question.by == "quarter" and question.format == "json":
        days = await reading.days_of(pool, space, page, published=published, public=public)
        return _json(request, about, quarter_rows(days, page.zone, page.start, page.end, public=public), window, page)
    if question.by in ("quarter", "hour"):
        rows = await reading.of_space(pool, space, page, published=published, public=public)
    else:
        root = {one.id: Root(space=space, place=None)}
        rows = await reading.of_places(pool, root, page, published=published, seen=lambda _: not public)
    return await _answer(request, question.format, about, rows, window, page)


@router.get(
    "/v1/history",
    summary="Occupancy of the network over time",
    responses={**_ANSWERS, **problem_responses(401, 422, 429, 503)},
    response_class=Response,
)
async def network_history(
    board: LoadedBoard, to: Reached, request: Request, question: Annotated[NetworkHistoryQuestion, Query()]
) -> Response:
    """Of the whole network, of each department, or of each place (by day, week or month).

    Each place's days are its own local days. Places that are unknown count neither as people nor as seats. Without a
    key of the whole network the sums are those of what everybody may know.
    """
    places = _places(board.network.places, board.network.by_code, question)
    zone = ZoneInfo(places[0].time_zone) if question.department is not None and places else _ZONE
    window = window_of(question, zone, to_datetime(now_us()))
    pool = shared(request).pool
    public = not all(to.has(one) for one in places) if question.of == "place" else to.places is not None
    published = public or question.as_ == "published"
    departments: list[str] = []
    if question.of == "place":
        roots = {one.id: Root(space=one.root.id, place=one.code) for one in places if one.root is not None}
        seen = frozenset(one.id for one in places if to.has(one))
        series, spaces = max(1, len(roots)), [root.space for root in roots.values()]
        first = await reading.first_days(pool, window.first, published=published, public=public, spaces=spaces)
        page = window.page(question.limit, series)
        if page is not window:
            page = window.begun(first.day, question.limit, series)
        rows = await reading.of_places(pool, roots, page, published=published, seen=seen.__contains__)
    else:
        known = sorted({one.department or "?" for one in places})
        departments = [ALL] if question.of == "network" and question.department is None else known
        first = await reading.first_days(
            pool, window.first, published=published, public=public, departments=departments
        )
        page = window.page(question.limit, max(1, len(departments)))
        if page is not window:
            page = window.begun(first.day, question.limit, max(1, len(departments)))
        rows = await reading.of_groups(pool, departments, page, published=published, public=public)
    about = {"of": question.of, **_about(question, page, first, published=published, public=public)}
    named = ("place",) if question.of == "place" else () if departments == [ALL] else ("department",)
    return await _answer(request, question.format, about, rows, window, page, named=named)


def _places(all_: Sequence[Place], by_code: dict[str, Place], question: NetworkHistoryQuestion) -> list[Place]:
    """Return the places that are asked for.

    Raises:
        BadQuery: there are none, or the question contradicts itself.
    """
    if question.place and question.of != "place":
        raise BadQuery("place", "goes with of=place")
    if question.of == "place" and question.by in ("quarter", "hour"):
        raise BadQuery("by", "is day, week or month with of=place; for hours ask /v1/places/{place}/history")
    unknown = [code for code in question.place if code not in by_code]
    if unknown:
        raise BadQuery("place", f"there is no place {unknown[0]!r}; find places with /v1/places?q=…")
    places = [by_code[code] for code in question.place] if question.place else list(all_)
    if question.department is not None:
        places = [one for one in places if (one.department or "?") == question.department]
        if not places:
            raise BadQuery("department", f"there is no place in a department {question.department!r}")
    return places


def _about(
    question: HistoryQuestion, page: Window, first: FirstDays, *, published: bool, public: bool
) -> dict[str, Any]:
    return {
        "since": None if first.since is None else first.since.isoformat(),
        "as": "published" if published else "known",
        "by": question.by,
        "time_zone": str(page.zone),
        "from": _local(page.start, page.zone),
        "to": _local(page.end, page.zone),
        "public": public,
    }


def _local(at: datetime, zone: tzinfo) -> str:
    return at.astimezone(zone).isoformat()


async def _answer(
    request: Request,
    format_: Format,
    about: dict[str, Any],
    rows: Sequence[Row],
    *pages: Window,
    named: Sequence[str] = (),
) -> Response:
    """Format rows; ``named``: what they name beside the time, also where there are none."""
    if format_ == "json":
        return _json(request, about, formats.json_rows(rows, named), *pages)
    make, kind = (formats.as_csv, formats.CSV) if format_ == "csv" else (formats.as_parquet, formats.PARQUET)
    headers = _headers(about, _next(request, *pages))
    headers["Content-Disposition"] = f'attachment; filename="{about.get("place", "network")}-{about["by"]}.{format_}"'
    return Response(await asyncio.to_thread(make, rows, named), media_type=kind, headers=headers)


def _json(request: Request, about: dict[str, Any], rows: bytes, *pages: Window) -> Response:
    following = _next(request, *pages)
    body = formats.with_rows({**about, "next": following}, rows)
    return Response(body, media_type="application/json", headers=_headers(about, following))


def _headers(about: dict[str, Any], following: str | None) -> dict[str, str]:
    cache = "public, max-age=60" if about["public"] else "private, no-store"
    return {"Cache-Control": cache, "Vary": "Authorization, X-Api-Key"} | (
        {} if following is None else {"Link": f'<{following}>; rel="next"'}
    )


def _next(request: Request, window: Window, page: Window) -> str | None:
    """The path of the rest of ``window`` after ``page``."""
    if page.last >= window.last:
        return None
    kept = [(name, value) for name, value in request.query_params.multi_items() if name not in ("from", "to")]
    times = [("from", page.last.isoformat()), ("to", window.end.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))]
    return f"{request.url.path}?{urlencode([*kept, *times])}"
