"""``/v1/places/{place}/worth`` and ``/v1/worth``: how much of what places offer is taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request
from psycopg.rows import DictRow
from starlette.responses import Response

from api.history.questions import HistoryQuestion, Window, window_of
from api.http.answers import json_answer
from api.http.clock import now_us
from api.http.csv_cells import as_csv
from api.http.references import reached_place
from api.http.session import guarded, session
from api.http.timestamps import to_datetime
from api.worth import reading
from api.worth.commuting import COMMUTING, CSV, cells_of, commuting_of
from api.worth.figures import Peak, peers_of
from api.worth.models import Figures, NetworkWorth, NetworkWorthQuestion, PlaceWorth, WorthQuestion
from api.worth.reading import use_of
from api.worth.tables import figures_json, hours, peers_json, share

router: Final = APIRouter(tags=["history"])
_ZONE: Final = ZoneInfo("Europe/Paris")
_FIGURES: Final = tuple(Figures.model_fields)
_PLACE_CSV: Final = ("of", "code", "space", "name", *_FIGURES, "taken_hours", "state", "heard_at", "silent_since", *CSV)
_GROUP_CSV: Final = ("name", "places", *_FIGURES, "desks", "unused_desks", "unknown_desks", *CSV)


@router.get(
    "/v1/places/{place}/worth",
    summary="How much of what a place offers is taken: it, its spaces and desks, beside its peers",
    **guarded("events:read", answers={200: PlaceWorth}, csv=True),
)
async def place_worth(place: str, request: Request, question: Annotated[WorthQuestion, Query()]) -> Response:
    """In opening hours of the days that are over. docs/worth.md defines each figure."""
    async with session(request, "events:read") as s:
        number = await reached_place(s, place, "events:read")
        about = await s.row(reading.PLACE, {"place": number})
        assert about is not None
        zone = ZoneInfo(about["time_zone"])
        window = _window(question, zone)
        values = {"place": number, "first": window.first, "last": window.last, "typology": about["typology"]}
        spaces = await s.rows(reading.SPACES, values)
        desks = [_desk_json(row) for row in await s.rows(reading.DESKS, values)]
        root = next((row for row in spaces if row["root"]), None)
        others = [use_of(row) for row in await s.rows(reading.PEERS, values)] if root else []
        ways = await s.rows(COMMUTING, {**values, "by": "place", "places": [number]})
    commuting = commuting_of(ways).get(place)
    whole = None if root is None else figures_json(use_of(root), _peak(root, zone))
    rooms = [
        {"space": row["code"], "name": row["name"], **figures_json(use_of(row), _peak(row, zone))}
        for row in spaces
        if not row["root"]
    ]
    if question.format == "csv":
        cells = {"of": "place", "code": place, **cells_of(commuting)}
        rows: list[Mapping[str, Any]] = [] if whole is None else [cells | whole]
        rows += [{"of": "space", "code": room["space"], **room} for room in rooms]
        rows += [{"of": "desk", "code": desk["desk"], **desk} for desk in desks]
        return _csv(_PLACE_CSV, rows, place)
    answer = {
        "place": place,
        **_days(window),
        "time_zone": about["time_zone"],
        "days": 0 if root is None else root["days"],
        "hours": "known" if about["hours"] else "assumed",
        "whole": whole,
        "spaces": rooms,
        "desks": desks,
        "peers": None if root is None else peers_json(peers_of(use_of(root), others)),
        "commuting": commuting,
    }
    return json_answer(answer)


@router.get(
    "/v1/worth",
    summary="How much of what the places offer is taken, by department or place",
    **guarded("events:read", answers={200: NetworkWorth}, csv=True),
)
async def network_worth(request: Request, question: Annotated[NetworkWorthQuestion, Query()]) -> Response:
    """Of the places that the key reaches, in the opening hours of each; days are local days of each place."""
    window = _window(question, _ZONE)
    async with session(request, "events:read") as s:
        places = None if s.caller.places is None else list(s.caller.places)
        values = {"by": question.by, "places": places, "first": window.first, "last": window.last}
        rows = [_group_json(row, question.by) for row in await s.rows(reading.GROUPS, values)]
        ways = commuting_of(await s.rows(COMMUTING, values))
    rows = [{**row, "commuting": ways.get(row["name"])} for row in rows]
    if question.format == "csv":
        return _csv(_GROUP_CSV, [{**row, **cells_of(row["commuting"])} for row in rows], question.by)
    return json_answer({"by": question.by, **_days(window), "rows": rows})


def _window(question: WorthQuestion, zone: ZoneInfo) -> Window:
    now = to_datetime(now_us())
    until = now.astimezone(zone).date().isoformat() if question.to is None else question.to
    asked = HistoryQuestion.model_validate({"by": "day", "from": question.from_, "to": until})
    return window_of(asked, zone, now)


def _days(window: Window) -> dict[str, str]:
    return {"from": window.first.isoformat(), "to": window.last.isoformat()}


def _peak(row: DictRow, zone: ZoneInfo) -> Peak | None:
    if row["peak"] is None:
        return None
    return Peak(people=row["peak"], at=row["peak_at"].astimezone(zone), seats=row["peak_capacity"])


def _desk_json(row: DictRow) -> dict[str, Any]:
    open_s, known_s, taken_s = (int(row[name]) for name in ("open_s", "known_s", "taken_s"))
    return {
        "desk": row["code"],
        "name": row["name"],
        "space": row["space"],
        "state": row["state"],
        "open_hours": hours(open_s),
        "taken_hours": hours(taken_s),
        "utilisation": share(taken_s / known_s if known_s else None),
        "known": share(known_s / open_s if open_s else None),
        "heard_at": _time(row["heard_at"]),
        "silent_since": _time(row["silent_since"]),
    }


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()


def _group_json(row: DictRow, by: str) -> dict[str, Any]:
    people, at = (row["peak"], row["peak_at"]) if by == "place" else (row["group_peak"], row["group_day"])
    peak = None if people is None else Peak(people=people, at=at, seats=None)
    return {
        "name": row["name"],
        "places": row["places"],
        **figures_json(use_of(row), peak),
        "desks": row["desks"],
        "unused_desks": row["unused"],
        "unknown_desks": row["unknown"],
    }


def _csv(names: Sequence[str], rows: Sequence[Mapping[str, Any]], name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="worth-{name}.csv"', "Cache-Control": "no-store"}
    return Response(as_csv(names, rows), media_type="text/csv; charset=utf-8", headers=headers)
