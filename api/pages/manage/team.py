"""``/manage/{place}/team``: who manages the place, in which role, and the keys of programs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.pages.asking import Answer, Missing, ask, fields_of, form_of, read
from api.pages.person import managed_place, signed_in
from api.pages.refusals import Unsaved, filled, refusal, unsaved, wrong_fields
from api.pages.rendering import page, say, text
from api.pages.routing import PageRoute
from api.present.network import Place

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

ROLES: Final[Mapping[str, str]] = {
    "network_administrator": text("Network administrator"),
    "place_manager": text("Manager"),
    "front_desk": text("Front desk"),
    "auditor": text("Auditor"),
    "availability_reader": text("Reads the numbers only"),
}
EXPLAINED: Final[Mapping[str, str]] = {
    "network_administrator": text("Everything, at every place of the network."),
    "place_manager": text("Members, cards, passes, bookings, hours, devices, logs and keys of their places."),
    "front_desk": text("Members, cards and visitors; opens doors. Sees no log and no statement."),
    "auditor": text("Reads everything at their places, the audit too, and changes nothing."),
    "availability_reader": text("For a screen or a website: how many people are there. No names."),
}
AT_PLACES: Final = ("place_manager", "front_desk", "auditor")
_LANGUAGES: Final = (("fr", "Français"), ("en", "English"))
_WRONG: Final = {
    "conflict": text("Somebody with this e-mail address is in the team of the network already."),
    "bad-field email": text("This is not an e-mail address. Write it like name@example.org."),
    "bad-field name": text("Write a name of 1 to 200 characters."),
}
_NOT_SENT: Final = {
    "conflict email": text("This person has no e-mail address, or has ended."),
    "conflict": text("No mail could be sent: this server is not set up for it."),
}
_DONE: Final = {
    "invited": text("The invitation is on its way: a mail with a link that signs in once, within three days."),
    "added": text("This person is in the team now. No mail could be sent: this server is not set up for it."),
    "saved": text("Saved. It holds from now on."),
    "ended": text("This person's access has ended, with their keys."),
    "revoked": text("The key is revoked: it is refused from now on."),
}


@router.get("/manage/{place}/team")
async def team(place: str, request: Request) -> Response:
    """List people and keys."""
    one = await managed_place(request, place, "audit:read")
    person = signed_in(request)
    people, keys = await asyncio.gather(
        read(request, "/v1/operators"),
        ask(request, "GET", "/v1/keys" if person.may("keys:write") else "/v1/me"),
    )
    here = [_here(who, one) for who in people.body["operators"]]
    listed = [key for key in keys.body.get("keys", ()) if _is_of(key, one)]
    done = request.query_params.get("done", "")
    values: dict[str, Any] = {
        "people": [who for who in here if who["held"] and who["ended_at"] is None],
        "administrators": [who["name"] for who in here if "network_administrator" in who["held"]],
        "keys": [key for key in listed if key["revoked_at"] is None],
        "ended_keys": [key for key in listed if key["revoked_at"] is not None],
        "done": say(request, _DONE[done]) if done in _DONE else None,
        **_words(request),
    }
    return page(request, "manage/team/team.html", place=one, **values)


@router.get("/manage/{place}/team/invite")
async def invite_form(place: str, request: Request) -> Response:
    """Ask whom to invite."""
    one = await managed_place(request, place, "operators:write")
    await read(request, "/v1/me")
    return _invite_page(request, one)


@router.post("/manage/{place}/team/invite")
async def invite(place: str, request: Request) -> Response:
    """Create the operator, and send the link."""
    one = await managed_place(request, place, "operators:write")
    fields = await form_of(request)
    name, email = fields.get("name", "").strip(), fields.get("email", "").strip()
    if not email:
        error = say(request, _WRONG["bad-field email"])
        return _invite_page(request, one, Unsaved(typed=fields, error=error, wrong=frozenset({"email"})))
    role = fields.get("role", "")
    held = {"role": role, "places": [one.code]} if role in AT_PLACES else {"role": "front_desk", "places": [one.code]}
    made = await ask(request, "POST", "/v1/operators", {"name": name, "email": email, "roles": [held]})
    if not made.good:
        return _invite_page(request, one, unsaved(request, made, fields, _WRONG))
    language = "en" if fields.get("language") == "en" else "fr"
    path = f"/v1/operators/{made.body['ref']}/invitation"
    sent = await ask(request, "POST", path, {"language": language})
    done = "invited" if sent.good else "added"  # where no link can be sent the person is made all the same
    return RedirectResponse(f"/manage/{one.code}/team?done={done}", 303)


@router.post("/manage/{place}/team/{ref}/invite")
async def invite_again(place: str, ref: str, request: Request) -> Response:
    """Send the link again."""
    one = await managed_place(request, place, "operators:write")
    await form_of(request)
    answer = await ask(request, "POST", f"{_path(ref)}/invitation", {"language": "fr"})
    if answer.status == 404:
        raise Missing
    if not answer.good:
        return await _person_page(request, one, ref, error=refusal(request, answer, _NOT_SENT), status=answer.status)
    return RedirectResponse(f"/manage/{one.code}/team?done=invited", 303)


@router.get("/manage/{place}/team/{ref}")
async def person(place: str, ref: str, request: Request) -> Response:
    """Show a person's roles here, to be changed."""
    one = await managed_place(request, place, "operators:write")
    return await _person_page(request, one, ref)


@router.post("/manage/{place}/team/{ref}")
async def change(place: str, ref: str, request: Request) -> Response:
    """Change name, address and the roles here; roles at other places stay."""
    one = await managed_place(request, place, "operators:write")
    pairs = await fields_of(request)
    fields = dict(pairs)
    chosen = [value for name, value in pairs if name == "role" and value in AT_PLACES]
    now = (await read(request, _path(ref))).body
    body = {
        "name": fields.get("name", "").strip(),
        "email": fields.get("email", "").strip() or None,
        "member": now["member"],
        "report_mail": now["report_mail"],
        "roles": _roles(now["roles"], one.code, chosen),
    }
    answer = await ask(request, "PUT", _path(ref), body, if_match=fields.get("etag", ""))
    if answer.good:
        return RedirectResponse(f"/manage/{one.code}/team?done=saved", 303)
    typed = {"name": fields.get("name", ""), "email": fields.get("email", ""), "chosen": chosen}
    error = refusal(request, answer, _WRONG)
    return await _person_page(
        request, one, ref, typed=typed, error=error, wrong=wrong_fields(answer), status=answer.status
    )


@router.get("/manage/{place}/team/{ref}/end")
async def end_asked(place: str, ref: str, request: Request) -> Response:
    """Ask whether to end a person's access."""
    one = await managed_place(request, place, "operators:write")
    answer = await read(request, _path(ref))
    return page(request, "manage/team/end.html", place=one, who=answer.body, etag=answer.etag, error=None)


@router.post("/manage/{place}/team/{ref}/end")
async def end(place: str, ref: str, request: Request) -> Response:
    """End it, at every place."""
    one = await managed_place(request, place, "operators:write")
    fields = await form_of(request)
    answer = await ask(request, "POST", f"{_path(ref)}/end", if_match=fields.get("etag", ""))
    if answer.good:
        return RedirectResponse(f"/manage/{one.code}/team?done=ended", 303)
    again = await read(request, _path(ref))
    values = {"place": one, "who": again.body, "etag": again.etag, "error": refusal(request, answer)}
    return page(request, "manage/team/end.html", status=answer.status, **values)


async def _person_page(
    request: Request, place: Place, ref: str, *, typed: Mapping[str, Any] | None = None, error: str | None = None,
    wrong: frozenset[str] = frozenset(), status: int = 200,
) -> Response:  # fmt: skip
    answer: Answer = await read(request, _path(ref))
    who = _here(answer.body, place)
    saved = {
        "name": who["name"],
        "email": who["email"] or "",
        "chosen": [one for one in who["held"] if one in AT_PLACES],
    }
    shown = {**saved, **(typed or {})}
    differ = [name for name in saved if typed is not None and shown[name] != saved[name]] if status == 412 else []
    values = {"who": who, "saved": saved, "shown": shown, "differ": differ, "etag": answer.etag, "error": error}
    return page(
        request, "manage/team/person.html", status=status, place=place, wrong=wrong, at_places=AT_PLACES,
        **values, **_words(request),
    )  # fmt: skip


def _invite_page(request: Request, place: Place, form: Unsaved | None = None) -> Response:
    offered = {"name": "", "email": "", "role": "front_desk", "language": "fr"}
    values = {**filled(offered, form), "languages": _LANGUAGES, "at_places": AT_PLACES}
    return page(request, "manage/team/invite.html", place=place, **values, **_words(request))


def _words(request: Request) -> dict[str, Any]:
    return {
        "roles": {name: say(request, words) for name, words in ROLES.items()},
        "explained": {name: say(request, words) for name, words in EXPLAINED.items()},
    }


def _is_of(key: Mapping[str, Any], place: Place) -> bool:
    """Whether a key is of this place, or of all; members' own keys are left out."""
    return key["member"] is None and (key["places"] is None or place.code in key["places"])


def _here(who: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """Return an operator with the roles that they have at this place, and whether each is of every place."""
    held = {
        one["role"]: one["places"] is None
        for one in who["roles"]
        if one["places"] is None or place.code in one["places"]
    }
    elsewhere = sum(len(one["places"] or ()) for one in who["roles"]) - sum(
        not everywhere for everywhere in held.values()
    )
    return {**who, "held": held, "elsewhere": elsewhere > 0}


def _roles(held: list[dict[str, Any]], place: str, chosen: list[str]) -> list[dict[str, Any]]:
    """Return the roles with ``chosen`` at this place; those of other places, and of every place, stay."""
    places: dict[str, set[str] | None] = {
        one["role"]: None if one["places"] is None else set(one["places"]) - {place} for one in held
    }
    for role in chosen:
        kept = places.setdefault(role, set())
        if kept is not None:
            kept.add(place)
    return [
        {"role": role, "places": None if where is None else sorted(where)}
        for role, where in places.items()
        if where is None or where
    ]


def _path(ref: str) -> str:
    return f"/v1/operators/{quote(ref, safe='')}"
