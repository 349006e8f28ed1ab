"""``/manage/{place}/plan``: a place's plan, drawn with the mouse, by keyboard, or as a table of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.pages.asking import Missing, ask, form_of, read
from api.pages.manage.now import path_of, words_of
from api.pages.person import managed_place, signed_in
from api.pages.refusals import refusal
from api.pages.rendering import page, text
from api.pages.routing import PageRoute
from api.present.network import Place

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_OF_SPACES: Final = ("x", "y", "width", "height")
_OF_DESKS: Final = (*_OF_SPACES, "rotation")
_REFUSED: Final = {
    "bad-field": text(
        "Each number is whole and from 0 to 4000, and everything lies within the plan. Nothing was saved."
    ),
    "changed": text(
        "Somebody else has drawn this plan in the meantime. What differs is marked; save again to keep yours."
    ),
}


@router.get("/manage/{place}/plan")
async def plan(place: str, request: Request) -> Response:
    """The plan as a drawing and as numbers."""
    where = await managed_place(request, place, "members:read")
    return await _form(request, where)


@router.post("/manage/{place}/plan")
async def draw(place: str, request: Request) -> Response:
    """Save it."""
    where = await managed_place(request, place, "fitting:write")
    typed = await form_of(request)
    body = {
        "width": _number(typed.get("width", "")),
        "height": _number(typed.get("height", "")),
        "spaces": _shapes(typed, "space", _OF_SPACES),
        "desks": _shapes(typed, "desk", _OF_DESKS),
    }
    answer = await ask(request, "PUT", f"{path_of(where)}/plan", body, if_match=typed.get("etag", "") or '"0"')
    if answer.status in (403, 404):
        raise Missing
    if not answer.good:
        error = refusal(request, answer, _REFUSED)
        return await _form(request, where, typed, error=error, status=answer.status, changed=answer.status == 412)
    return RedirectResponse(f"/manage/{quote(place)}/plan?done=saved", 303)


async def _form(
    request: Request,
    place: Place,
    typed: Mapping[str, str] | None = None,
    *,
    error: str | None = None,
    status: int = 200,
    changed: bool = False,
) -> Response:
    answer = await read(request, f"{path_of(place)}/plan")
    saved = _saved(answer.body)
    values = {name: value if typed is None else typed.get(name, value) for name, value in saved.items()}
    other = {name: value for name, value in saved.items() if changed and values[name] != value}
    wrong = {name for name, value in values.items() if error and _number(value) is None}
    # after a refusal for another reason the form is still of the version that it was made from
    etag = answer.etag if typed is None or changed else typed.get("etag", "")
    return page(
        request,
        "manage/plan.html",
        status=status,
        place=place,
        plan=answer.body,
        etag=etag,
        values=values,
        other=other,
        wrong=wrong,
        error=error,
        done=request.query_params.get("done") == "saved",
        draws=signed_in(request).may("fitting:write"),
        of_spaces=_OF_SPACES,
        of_desks=_OF_DESKS,
        **words_of(request, place),
    )


def _saved(plan: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields of the form for a plan: ``width``, ``space.CODE.x``, ``desk.CODE.rotation`` and so on."""
    fields = {"width": str(plan["width"]), "height": str(plan["height"])}
    for one in plan["spaces"]:
        fields |= {f"space.{one['space']}.{name}": str(one[name]) for name in _OF_SPACES}
    for one in plan["desks"]:
        fields |= {f"desk.{one['desk']}.{name}": str(one[name]) for name in _OF_DESKS}
    return fields


def _shapes(typed: Mapping[str, str], kind: str, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the shapes of one kind in the fields of a form."""
    found: dict[str, dict[str, Any]] = {}
    for field, value in typed.items():
        first, _, rest = field.partition(".")
        code, _, name = rest.rpartition(".")
        if first == kind and name in names:
            found.setdefault(code, {kind: code})[name] = _number(value)
    return list(found.values())


def _number(value: str) -> int | None:
    value = value.strip()
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 6 else None
