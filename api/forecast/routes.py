"""``/v1/places/{place}/forecast`` and ``…/usual``: the next hours of a space, and what is usual in it."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.forecast import forecasts as rows
from api.forecast.models import ForecastAnswer, SpaceQuestion, UsualAnswer
from api.http.answers import json_answer
from api.http.clock import now_us
from api.http.errors import BadQuery, NoSuchPlace
from api.http.openapi import problem_responses
from api.http.public_rows import public_rows
from api.http.state import shared
from api.present.board import Board
from api.present.network import Place, Space
from api.present.reach import Reached
from api.present.state import LoadedBoard
from occupancy.public import Rule

router: Final = APIRouter(tags=["forecast"])
_CACHE: Final = "max-age=60"


@router.get(
    "/v1/places/{place}/forecast",
    summary="The next 24 hours of a place, by quarter hour",
    responses={200: {"model": ForecastAnswer}, **problem_responses(401, 404, 422, 503)},
    response_class=Response,
)
async def forecast(
    place: str, request: Request, board: LoadedBoard, reach: Reached, question: Annotated[SpaceQuestion, Query()]
) -> Response:
    """How many people, with the 5 and 95 % quantiles, made each quarter hour from the place's own history.

    Without a key it is made of, and shown in, the bands that such answers have. No number: not known.
    """
    one, space, rule = await _space(board, request, reach, place, question)
    pool = shared(request).pool
    found = await public_rows(pool, rows.FORECAST, (space.id, rule is not None))
    past = await public_rows(pool, rows.PUBLIC_PAST if rule else rows.PAST, (space.id,))
    answer = rows.forecast_json(one, space, found[0] if found else None, past, rule, now=now_us())
    return json_answer(answer, cache=_CACHE if rule and question.space is None else "no-store")


@router.get(
    "/v1/places/{place}/usual",
    summary="What is usual at a place, by weekday and hour",
    responses={200: {"model": UsualAnswer}, **problem_responses(401, 404, 422, 503)},
    response_class=Response,
)
async def usual(
    place: str, request: Request, board: LoadedBoard, reach: Reached, question: Annotated[SpaceQuestion, Query()]
) -> Response:
    """In local time, from the last sixteen weeks, learned again each day; public holidays are a day of their own."""
    one, space, rule = await _space(board, request, reach, place, question)
    found = await public_rows(shared(request).pool, rows.USUAL, (space.id, rule is not None))
    answer = rows.usual_json(one, space, found[0] if found else None, rule)
    return json_answer(answer, cache=_CACHE if rule and question.space is None else "no-store")


async def _space(
    board: Board, request: Request, reach: Reached, code: str, question: SpaceQuestion
) -> tuple[Place, Space, Rule | None]:
    """Return what is asked for, and the rule that its answer passes; None: the caller may see the numbers.

    Raises:
        NoSuchPlace: there is none.
        BadQuery: the place has no such space.
        KeyMissing, KeyRefused: a single space is asked for without a valid key.
    """
    place = board.network.by_code.get(code)
    if place is None:
        raise NoSuchPlace(code)
    rule = reach.rule(place)
    if question.space is None:
        space = place.root
    else:
        if rule is not None:
            await shared(request).keys.viewer(request)
        space = next((one for one in place.spaces if one.code == question.space), None)
    if space is None:
        raise BadQuery("space", f"this place has no space {question.space!r}; see /v1/places/{code}")
    return place, space, rule
