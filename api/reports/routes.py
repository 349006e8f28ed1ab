"""``/v1/reports``: monthly reports of places, departments and the network, as figures, tables and documents."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.http.answers import json_answer
from api.http.clock import now_us
from api.http.errors import BadQuery, NoSuchPlace, NotFound
from api.http.language import language_of
from api.http.models import time_of
from api.http.openapi import problem_responses
from api.http.public_rows import public_rows
from api.http.roles import permissions_of
from api.http.session import session
from api.http.state import shared
from api.http.timestamps import to_datetime
from api.present.network import Place
from api.present.state import LoadedBoard
from api.reports import reading
from api.reports.models import (
    Columns,
    ReportAnswer,
    ReportList,
    ReportQuestion,
    ReportsQuestion,
)
from process.documents import Document, as_html, as_pdf
from reports import tables
from reports.document import public_document, report_document
from reports.model import Changed, PublicReport, Report, Stored
from reports.month import Month

router: Final = APIRouter(tags=["reports"])
_FILES: Final[dict[str, Any]] = {
    kind: {"schema": {"type": "string", "format": "binary"}}
    for kind in ("text/csv", "application/vnd.apache.parquet", "text/html", "application/pdf")
}
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"model": ReportAnswer, "content": _FILES},
    **problem_responses(401, 404, 422, 429, 503),
}
_KINDS: Final = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
}
# The page holds its style and plots, and nothing else.
_ONLY_ITSELF: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
)
_PUBLIC_TABLES: Final = ("days", "hours")


@router.get(
    "/v1/reports",
    summary="The monthly reports that are stored",
    responses={200: {"model": ReportList}, **problem_responses(422, 429, 503)},
    response_class=Response,
)
async def reports(request: Request, question: Annotated[ReportsQuestion, Query()]) -> Response:
    """Newest month first. Which there are is public."""
    values = {"month": reading.first_of(question.month), "place": question.place, "scope": question.scope}
    rows = await public_rows(shared(request).pool, reading.HEADS, values)
    heads = [{**row, "month": f"{row['month']:%Y-%m}", "made_at": time_of(row["made_at"])} for row in rows]
    return json_answer({"reports": heads})


@router.get(
    "/v1/reports/columns",
    summary="The columns of the tables of reports",
    responses={200: {"model": Columns}, **problem_responses(429, 503)},
    response_class=Response,
)
async def columns() -> Response:
    """Name, kind, unit and meaning, by table."""
    about = [
        {"table": table, "name": one.name, "kind": one.kind, "unit": one.unit, "about": one.about}
        for table, of in tables.COLUMNS.items()
        for one in of
    ]
    return json_answer({"columns": about})


@router.get(
    "/v1/reports/network", summary="A monthly report of the network", responses=_ANSWERS, response_class=Response
)
async def network(request: Request, question: Annotated[ReportQuestion, Query()]) -> Response:
    """The whole report with a key of the whole network; else what everybody may know."""
    key = {"scope": "network", "place": None, "department": None}
    return await _answer(request, question, key, None, name="network")


@router.get(
    "/v1/reports/departments/{department}",
    summary="A monthly report of a department",
    responses=_ANSWERS,
    response_class=Response,
)
async def department(department: str, request: Request, question: Annotated[ReportQuestion, Query()]) -> Response:
    """The whole report with a key of the whole network; else what everybody may know."""
    key = {"scope": "department", "place": None, "department": department[:10]}
    return await _answer(request, question, key, None, name=f"department-{department[:10]}")


@router.get(
    "/v1/reports/places/{place}", summary="A monthly report of a place", responses=_ANSWERS, response_class=Response
)
async def place(
    place: str, board: LoadedBoard, request: Request, question: Annotated[ReportQuestion, Query()]
) -> Response:
    """The whole report with a key of the place that may read its events; else what everybody may know.

    With such a key a month that still runs, or isn't stored, is counted now (``number`` is null).
    """
    one = board.network.by_code.get(place)
    if one is None:
        raise NoSuchPlace(place)
    key = {"scope": "place", "place": one.id, "department": None}
    return await _answer(request, question, key, one, name=place)


async def _answer(
    request: Request, question: ReportQuestion, key: Mapping[str, Any], place: Place | None, *, name: str
) -> Response:
    values = {**key, "month": reading.first_of(question.month), "version": question.version}
    language = question.language or language_of(request.headers.get("accept-language"))
    stored = await _whole(request, values, place) if await _may(request, place) else None
    report: Report | PublicReport
    if stored is not None:
        answer = {"public": False, **stored.model_dump(mode="json"), "shown": None}
        document, report = report_document(stored, language), stored.report
    else:
        rows = await public_rows(shared(request).pool, reading.SHOWN, values)
        if not rows:
            raise NotFound(
                "There is no report of this month yet: reports are made on the first of the next month. "
                "See /v1/reports for those that there are."
            )
        shown = PublicReport.model_validate(rows[0]["shown"])
        if question.format in ("csv", "parquet") and question.table not in _PUBLIC_TABLES:
            raise BadQuery("table", "needs a key of the place; without one choose days or hours")
        about = {"version": rows[0]["version"], "made_at": time_of(rows[0]["made_at"])}
        answer = {"public": True, "number": None, **about, "changed": [], "report": None}
        answer["shown"] = shown.model_dump(mode="json")
        document, report = public_document(shown, language), shown
    headers = {
        "Cache-Control": "public, max-age=300" if stored is None else "private, no-store",
        "Vary": "Authorization, X-Api-Key, Accept-Language",
    }
    if question.format == "json":
        made = json_answer(answer)
        made.headers.update(headers)
        return made
    body = await asyncio.to_thread(_file, question, document, report)
    if question.format == "html":
        headers["Content-Security-Policy"] = _ONLY_ITSELF
    else:
        file = f"{name}-{report.month}.{question.format}"
        headers["Content-Disposition"] = f'attachment; filename="{file}"'
    return Response(body, media_type=_KINDS[question.format], headers=headers)


def _file(question: ReportQuestion, document: Document, report: Report | PublicReport) -> bytes:
    match question.format:
        case "csv":
            return tables.as_csv(report, question.table)
        case "parquet":
            return tables.as_parquet(report, question.table)
        case "html":
            return as_html(document)
        case _:
            return as_pdf(document)


async def _may(request: Request, place: Place | None) -> bool:
    """Whether the request has a key that reads the events of ``place``, None: of every place.

    Raises:
        KeyRefused: it has a key, but no valid one.
    """
    if "authorization" not in request.headers and "x-api-key" not in request.headers:
        return False
    caller = await shared(request).keys.viewer(request)
    held = permissions_of(caller.role, caller.scopes, bound=caller.places is not None)
    if "events:read" not in held:
        return False
    return caller.places is None or (place is not None and place.id in caller.places)


async def _whole(request: Request, values: Mapping[str, Any], place: Place | None) -> Stored | None:
    now = to_datetime(now_us())
    async with session(request, "events:read") as s:
        row = await s.row(reading.STORED, values)
        if row is not None:
            return Stored(
                number=row["number"],
                version=row["version"],
                made_at=row["made_at"],
                changed=tuple(Changed.model_validate(one) for one in row["changed"]),
                report=Report.model_validate(row["figures"]),
            )
        role = await s.row(reading.MAY, values)
        if place is None or values["version"] is not None or role is None or not role["may"]:
            return None
        zone = ZoneInfo(place.time_zone)
        today = Month.of(now.astimezone(zone).date())
        month = today if values["month"] is None else Month(first=values["month"])
        if month > today:
            raise BadQuery("month", "has not begun yet")
        report = await reading.made_now(s, place.id, zone, month, now)
    return Stored(number=None, version=None, made_at=now, changed=(), report=report)
