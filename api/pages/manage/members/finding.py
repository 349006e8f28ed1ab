"""``/manage/{place}/members``: find a member by a few letters."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.pages.asking import Missing, ask
from api.pages.person import managed_place, signed_in
from api.pages.rendering import page, text
from api.pages.routing import PageRoute

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

ENDS_SOON_DAYS: Final = 30
_ON_A_PAGE: Final = 25
_SHOWN: Final = {
    "all": {},
    "active": {"status": "active"},
    "suspended": {"status": "suspended"},
    "lost": {"card": "lost"},
    "ends": {"ends_within_days": str(ENDS_SOON_DAYS)},
}
"""What can be chosen, as the API's parameters."""
_DONE: Final = {
    "erased": text("The member is erased. Nothing of it can be brought back."),
}


@router.get("/manage/{place}/members")
async def members(place: str, request: Request) -> Response:
    """The members of the place, by name; the results alone change while somebody types."""
    here = await managed_place(request, place, "members:read")
    asked = request.query_params
    words, show = asked.get("q", "").strip()[:200], asked.get("show", "all")
    everywhere = asked.get("where") == "all"
    question = {"limit": str(_ON_A_PAGE), "visitors": "false", **_SHOWN.get(show, {})}
    if words:
        question["q"] = words
    if not everywhere:
        question["place"] = here.code
    if asked.get("cursor"):
        question["cursor"] = asked["cursor"]
    answer = await ask(request, "GET", f"/v1/members?{urlencode(question)}")
    if not answer.good:  # a cursor that somebody has changed
        raise Missing
    kept = {"q": words, "show": show, **({"where": "all"} if everywhere else {})}
    following = answer.body["next"]
    person = signed_in(request)
    return page(
        request,
        "manage/members/find.html",
        place=here,
        members=answer.body["members"],
        words=words,
        show=show if show in _SHOWN else "all",
        everywhere=everywhere,
        several=person.places is None or len(person.places) > 1,
        first=not asked.get("cursor"),
        start=urlencode(kept),
        following=following and urlencode({**kept, "cursor": following}),
        done=_DONE.get(asked.get("done", "")),
    )
