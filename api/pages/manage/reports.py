"""``/manage/{place}/history/reports/{month}`` and the network's: a monthly report as a page, and as a file."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.page import language_for
from api.pages.asking import Answer, Missing, ask
from api.pages.person import managed_place, signed_in
from api.pages.rendering import page
from api.pages.routing import PageRoute
from process.documents import Document
from reports.document import public_document, report_document
from reports.model import Changed, PublicReport, Report, Stored
from reports.month import Month
from reports.words import month_name

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)
_FILES: Final = {"pdf": "application/pdf", "csv": "text/csv; charset=utf-8"}


@router.get("/manage/{place}/history/reports/{month}")
async def report(place: str, month: str, request: Request) -> Response:
    """Show a report."""
    one = await managed_place(request, place, "members:read")
    answer, of = await _read(request, f"places/{one.code}", month)
    values: dict[str, Any] = {
        "place": one,
        "report": _document(request, answer),
        "path": f"/manage/{one.code}/history/reports/{of}",
    }
    return page(request, "manage/history/report.html", **values, **_about(request, of))


@router.get("/manage/{place}/history/reports/{month}/{kind}")
async def report_file(place: str, month: str, kind: str, request: Request) -> Response:
    """The report as PDF, or its numbers by day as CSV."""
    one = await managed_place(request, place, "members:read")
    return await _file(request, f"places/{one.code}", month, kind, one.code)


@router.get("/manage/network/reports/{month}/{kind}")
async def network_file(month: str, kind: str, request: Request) -> Response:
    """The network's report as a file, for who manages the whole network."""
    person = signed_in(request)
    if not person.manages or person.places is not None:
        raise Missing
    return await _file(request, "network", month, kind, "network")


async def _file(request: Request, of: str, month: str, kind: str, name: str) -> Response:
    if kind not in _FILES:
        raise Missing
    table = "&table=days" if kind == "csv" else ""
    answer, said = await _read(request, of, month, f"&format={kind}{table}")
    headers = {"Content-Disposition": f'attachment; filename="{name}-{said}.{kind}"', "Cache-Control": "no-store"}
    return Response(answer.body, media_type=_FILES[kind], headers=headers)


async def _read(request: Request, of: str, month: str, more: str = "") -> tuple[Answer, Month]:
    try:
        asked = Month.parsed(month)
    except ValueError:
        raise Missing from None
    language = language_for(request)
    answer = await ask(request, "GET", f"/v1/reports/{of}?month={quote(str(asked))}&language={language}{more}")
    if not answer.good and answer.status != 404:
        raise Missing  # a month that hasn't begun
    if not answer.good and more:
        raise Missing
    return answer, asked


def _document(request: Request, answer: Answer) -> Document | None:
    """Return the report as the document that its PDF and HTML are made of; None: there is none of this month."""
    if not answer.good:
        return None
    body, language = answer.body, language_for(request)
    if body["report"] is None:
        return public_document(PublicReport.model_validate(body["shown"]), language)
    stored = Stored(
        number=body["number"],
        version=body["version"],
        made_at=datetime.fromisoformat(body["made_at"]),
        changed=tuple(Changed.model_validate(one) for one in body["changed"]),
        report=Report.model_validate(body["report"]),
    )
    return report_document(stored, language)


def _about(request: Request, of: Month) -> dict[str, Any]:
    language = language_for(request)
    return {
        "month": month_name(of.first, language),
        "before": str(of.before),
        "before_name": month_name(of.before.first, language),
    }
