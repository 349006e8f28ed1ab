"""``/manage/{place}/history``: how many people came, plotted, and the monthly reports."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.page import language_for
from api.pages.asking import Missing, ask, form_of, read
from api.pages.manage.history_plots import BY, VIEWS, Stretch, View, plot, stretch, table, title, usual_of
from api.pages.person import managed_place
from api.pages.rendering import page, say, text
from api.pages.routing import PageRoute
from api.present.network import Place
from reports.month import Month
from reports.words import month_name

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_NAMES: Final = {"day": text("Day"), "week": text("Week"), "month": text("Month")}
_DONE: Final = {
    "mail": text("You will get a mail when a monthly report is there."),
    "no-mail": text("You won't get mails about reports any more."),
}
_EARLIEST: Final = date(2000, 1, 1)


@router.get("/manage/{place}/history")
async def history(place: str, request: Request) -> Response:
    """Plot a day, a week or a month, and list the reports."""
    one = await managed_place(request, place, "members:read")
    now = datetime.now(UTC)
    today = now.astimezone(ZoneInfo(one.time_zone)).date()
    of, error = _asked(request, today)
    answer, usual, reports, mail = await asyncio.gather(
        ask(request, "GET", _path(one, of)),
        ask(request, "GET", f"/v1/places/{one.code}/usual"),
        ask(request, "GET", f"/v1/reports?place={one.code}"),
        ask(request, "GET", "/v1/me/report-mail"),
    )
    rows = answer.body["rows"] if answer.good else []
    since = answer.body["since"] if answer.good else None
    language = language_for(request)
    svg = plot(one, of, rows, usual_of(usual.body) if usual.good else {}, now=now, language=language)
    known = [row for row in rows if row["mean"] is not None]
    last = Month.of(today).before
    done = request.query_params.get("done", "")
    values: dict[str, Any] = {
        "of": of,
        "views": [(name, say(request, _NAMES[name])) for name in VIEWS],
        "title": title(of, language),
        "plot": svg,
        "rows": table(of, rows, language),
        "person_hours": sum(row["person_hours"] for row in rows) if known else None,
        "peak": max((row["peak"] for row in known if row["peak"] is not None), default=None),
        "since": since,
        "day": of.first.isoformat(),
        "later": of.after if of.after <= today else None,
        "today": today,
        "last": str(last),
        "last_name": month_name(last.first, language),
        "months": _months(reports.body["reports"] if reports.good else [], language),
        "running": str(Month.of(today)),
        "mail": mail.body["report_mail"] if mail.good else None,
        "done": say(request, _DONE[done]) if done in _DONE else None,
        "error": error,
    }
    return page(request, "manage/history/history.html", place=one, status=422 if error else 200, **values)


@router.get("/manage/{place}/history/occupancy.csv")
async def table_file(place: str, request: Request) -> Response:
    """The same numbers as a table."""
    one = await managed_place(request, place, "members:read")
    of, error = _asked(request, datetime.now(UTC).astimezone(ZoneInfo(one.time_zone)).date())
    if error:
        raise Missing
    answer = await read(request, f"{_path(one, of)}&format=csv")
    body = answer.body if isinstance(answer.body, bytes) else b""
    headers = {"Content-Disposition": f'attachment; filename="{one.code}-{of.view}-{of.first}.csv"'}
    return Response(body, media_type="text/csv; charset=utf-8", headers={**headers, "Cache-Control": "no-store"})


@router.post("/manage/{place}/history/report-mail")
async def report_mail(place: str, request: Request) -> Response:
    """Set whether the reader gets a mail when a report is there."""
    one = await managed_place(request, place, "members:read")
    wanted = (await form_of(request)).get("wanted") == "yes"
    answer = await ask(request, "PUT", "/v1/me/report-mail", {"report_mail": wanted})
    if not answer.good:
        raise Missing
    return RedirectResponse(f"/manage/{one.code}/history?done={'mail' if wanted else 'no-mail'}#reports", 303)


def _asked(request: Request, today: date) -> tuple[Stretch, str | None]:
    """Return the days that the query names; with why they can't be read, if they can't."""
    view: View = next((one for one in VIEWS if one == request.query_params.get("view")), "day")
    given = request.query_params.get("on")
    if not given:
        return stretch(view, today), None
    try:
        day = date.fromisoformat(given)
    except ValueError:
        return stretch(view, today), say(request, "This is not a day. Write it like 2026-03-31.")
    if day < _EARLIEST or day > today:
        return stretch(view, today), say(
            request, "There is no history of this day: it is yet to come, or too long ago."
        )
    return stretch(view, day), None


def _path(place: Place, of: Stretch) -> str:
    return f"/v1/places/{place.code}/history?by={BY[of.view]}&from={of.first}&to={of.after}"


def _months(heads: list[dict[str, Any]], language: Any) -> list[dict[str, str]]:
    return [
        {"month": one["month"], "name": month_name(Month.parsed(one["month"]).first, language)}
        for one in heads
        if one["scope"] == "place"
    ]
