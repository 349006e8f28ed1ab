"""``/v1/availability``: the nearest places with free seats, from memory."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.http.answers import json_answer
from api.http.clock import now_us
from api.http.errors import BadQuery
from api.http.openapi import problem_responses
from api.http.timestamps import rfc3339
from api.present.ahead import NO_CURVES, Ahead, Curves, ahead_of
from api.present.asking import Asked, area_of, names_commune, window_of
from api.present.availability import Offer, offer_of
from api.present.availability_models import Availability, AvailabilityQuestion
from api.present.board import Board
from api.present.communes import Communes
from api.present.demand import department_of
from api.present.looking import MOST_FIT, Looked, look
from api.present.offers import Offers
from api.present.reach import Reach, Reached, published_for
from api.present.search import FoundPlace
from api.present.state import LoadedBoard, Present, present
from api.present.wanted import Wanted, Why

router = APIRouter(tags=["availability"])
_TTL_S: Final = 900


@router.get(
    "/v1/availability",
    summary="Places with free seats, now or in a window",
    responses={200: {"model": Availability}, **problem_responses(401, 404, 422, 503)},
    response_class=Response,
)
async def availability(
    board: LoadedBoard, request: Request, to: Reached, question: Annotated[AvailabilityQuestion, Query()]
) -> Response:
    """`free.low` seats to work at are free with a chance of 95 %: not booked, in open places, in spaces for work.

    Places whose occupancy is unknown are listed separately, as `unknown`, never as free; the nearest of those that
    can't be offered are in `not_offered` with the reason. If a place's hours are unknown, `open` is null.

    With `at`, or `from` and `until`, it is about an arrival: each place has the `chance` that the seats are free then,
    by its forecast, after 24 hours by its usual week, and by its bookings over the whole window. It counts as `free`
    from a chance of one half, as `full` below. docs/availability.md has examples.
    """
    now = now_us()
    board.age(now)
    here = present(request)
    communes = await here.gazetteer.communes() if names_commune(question) else Communes()
    asked = area_of(question, board.network, communes)
    window = window_of(question, now)
    if window is None and question.sort == "chance":
        raise BadQuery("sort", "a chance is of an arrival: add `at`, or `from` and `until`")
    if question.max_price is not None and question.price_unit is None:
        raise BadQuery("max_price", "needs `price_unit`: the price of what?")
    wanted = Wanted(
        seats=question.seats,
        start=now if window is None else window[0],
        end=now if window is None else window[1],
        kind=question.kind,
        equipment=tuple(question.equipment),
        accessibility=tuple(question.accessibility),
        price_category=question.price_category,
        price_unit=question.price_unit,
        most_cents=question.max_price,
        passes=None if question.pass_ is None else await here.passes.of(request, question.pass_),
    )
    looked = look(board.network, asked.where, wanted, most=max(MOST_FIT, 2 * question.limit))
    if window is None:
        offers = _now(board, to, looked, wanted)
    else:
        offers = await _then(here, to, looked, wanted, now)
        if question.sort != "distance":
            offers.likeliest_first()
    here.demand.note(department_of(asked, looked), now, met=offers.counts["free"] > 0)
    return json_answer(_body(asked, wanted, window, offers, question, complete=looked.complete))


def _now(board: Board, to: Reach, looked: Looked, wanted: Wanted) -> Offers:
    published = published_for(board, to)
    offers = Offers(looked.refused)
    for found in looked.fit:
        view = published.latest(found.place)
        if view is None:
            continue
        booked = board.booked(found.place)
        offer = offer_of(view, seats=wanted.seats, kind=wanted.kind, booked=booked, now=wanted.start)
        if offer is None:
            offers.refuse(found, Why(code="no_such_space"))
        else:
            offers.add(found, offer.why, offer)
    return offers


async def _then(here: Present, to: Reach, looked: Looked, wanted: Wanted, now: int) -> Offers:
    """Answer for an arrival time or a window."""
    board, offers = here.board, Offers(looked.refused)
    curves: dict[int, Curves] = {}
    for public in (False, True):
        places = [one.place for one in looked.fit if to.has(one.place) != public]
        if places:
            curves |= await here.forecasts.at(places, wanted.start, now, public=public)
    for found in looked.fit:
        place = found.place
        known = curves.get(place.id, NO_CURVES)
        ahead = ahead_of(place, known, board.booked(place), wanted, to.rule(place))
        if ahead.capacity is None:
            offers.refuse(found, ahead.why or Why(code="no_such_space"))
        else:
            offers.add(found, ahead.why, ahead)
    return offers


def _body(
    asked: Asked,
    wanted: Wanted,
    window: tuple[int, int] | None,
    offers: Offers,
    question: AvailabilityQuestion,
    *,
    complete: bool,
) -> dict[str, Any]:
    commune, place = asked.commune, asked.place
    at = rfc3339(wanted.start)
    free = [one for one in offers.free if one[0].place is not place][: question.limit]
    unknown = [one for one in offers.unknown if one[0].place is not place][: question.limit]
    return {
        "at": at,
        "until": rfc3339(window[1]) if window is not None and window[1] > window[0] else None,
        "near": None
        if commune is None
        else {
            "code": commune.code,
            "name": commune.name,
            "department": commune.department,
            "latitude": commune.point.latitude,
            "longitude": commune.point.longitude,
            "exact": commune.exact,
        },
        "asked": None if place is None else _asked(FoundPlace(place=place, distance_km=0.0), offers),
        "seats": wanted.seats,
        "places": [_row(*one, at) for one in free],
        "unknown": [_row(*one, at) for one in unknown],
        "not_offered": [_refused(*one) for one in offers.nearest_refused() if one[0].place is not place],
        "counts": offers.counts,
        "complete": complete,
    }


def _row(found: FoundPlace, offer: Offer | Ahead, at: str | None) -> dict[str, Any]:
    row = {
        **_place(found),
        "space": offer.space.code if offer.space else None,
        "free": {"low": offer.free.low, "high": offer.free.high} if offer.free else None,
        "open": offer.opening.open,
        "changes_at": rfc3339(offer.opening.changes),
        "entry": found.place.entry,
    }
    if isinstance(offer, Ahead):
        chance = None if offer.chance is None else round(20 * offer.chance) / 20
        quality = "unknown" if chance is None else "degraded"
        more = {"capacity": offer.capacity, "quality": quality, "at": at, "ttl": _TTL_S}
        return {**row, **more, "chance": chance, "unbooked": offer.unbooked}
    occupancy = offer.occupancy
    more = {"capacity": occupancy.capacity, "quality": occupancy.quality, "at": rfc3339(occupancy.at)}
    return {**row, **more, "ttl": occupancy.ttl_s}


def _asked(found: FoundPlace, offers: Offers) -> dict[str, Any]:
    why = offers.why(found.place)
    return {**_place(found), "offered": why is None, "reason": why.code if why else None, "text": _text(why)}


def _refused(found: FoundPlace, why: Why) -> dict[str, Any]:
    return {**_place(found), "reason": why.code, "text": _text(why)}


def _text(why: Why | None) -> dict[str, str] | None:
    return None if why is None else why.words._asdict()


def _place(found: FoundPlace) -> dict[str, Any]:
    place = found.place
    return {"place": place.code, "name": place.name, "commune": place.commune, "distance_km": found.distance_km}
