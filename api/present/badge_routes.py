"""``/v1/places/{place}/badge.svg``: what everybody may know of a place, as a picture for its own site."""

from __future__ import annotations

from hashlib import blake2b
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from api.http.answers import known
from api.http.clock import now_us
from api.http.errors import NoSuchPlace
from api.http.language import Language, language_of
from api.http.models import Question
from api.http.openapi import problem_responses
from api.present.badge import badge_svg
from api.present.state import LoadedBoard

router: Final = APIRouter(tags=["occupancy"])
_KEPT: Final = "public, max-age=30"


class BadgeQuestion(Question):
    """How to write it."""

    lang: Language | None = Field(default=None, description="Its language; without it that of `Accept-Language`.")


@router.get(
    "/v1/places/{place}/badge.svg",
    summary="A place's badge for its own site",
    responses={200: {"content": {"image/svg+xml": {"schema": {"type": "string"}}}}, **problem_responses(404, 422, 503)},
    response_class=Response,
)
async def badge(
    place: str, board: LoadedBoard, request: Request, question: Annotated[BadgeQuestion, Query()]
) -> Response:
    """A picture of 24 pixels' height: name, people, free seats. The same with and without a key."""
    board.age(now_us())
    one = board.network.by_code.get(place)
    view = None if one is None else board.public.latest(one)
    if view is None:
        raise NoSuchPlace(place)
    body = badge_svg(view, question.lang or language_of(request.headers.get("accept-language")))
    etag = b'W/"%s"' % blake2b(body, digest_size=8).hexdigest().encode()
    headers = {"ETag": etag.decode(), "Cache-Control": _KEPT, "Vary": "Accept-Language"}
    if known(request.headers, etag):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="image/svg+xml", headers=headers)
