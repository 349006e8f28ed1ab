"""``/me/sign-in``: how a person signs in (passkeys, a password with a second factor), and where they are signed in."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.pages.asking import Answer, Missing, ask, form_of, read
from api.pages.person import signed_in
from api.pages.refusals import refusal
from api.pages.rendering import page, say, text
from api.pages.routing import PageRoute
from api.present.state import loaded_board
from api.sign_in.site import site_of

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_ZONE: Final = "Europe/Paris"
_PATH: Final = "/me/sign-in"
_AGAIN: Final = text("To change how you sign in, sign in again first: it must be less than an hour ago.")
_DONE: Final[Mapping[str, str]] = {
    "passkey": text("The passkey was added. You can sign in with it from now on."),
    "passkey-gone": text("The passkey was removed. Nobody signs in with it any more."),
    "renamed": text("The passkey has its new name."),
    "password": text("The password was set."),
    "password-gone": text("The password was removed."),
    "session": text("That browser is signed out."),
    "factor-gone": text("The second factor was removed, with its recovery codes."),
}
_REFUSALS: Final[Mapping[str, str]] = {
    "conflict": _AGAIN,
    "conflict credential": text("This passkey is known already."),
    "bad-field credential": text("The browser's answer was not good. Try once more."),
    "bad-field name": text("Give it a name of 1 to 100 characters."),
    "bad-field password": text("This is too short or easy to guess: take 15 characters or more, such as four words."),
}


@router.get("/me/sign-in")
async def show(request: Request) -> Response:
    """How the person signs in."""
    return await _show(request)


@router.post("/me/sign-in/passkeys")
async def add_passkey(request: Request) -> Response:
    """Add the passkey that the browser has made."""
    fields = await form_of(request)
    name = fields.get("name", "")
    body = {"name": name, "credential": fields.get("credential", "")}
    answer = await ask(request, "POST", "/v1/passkeys", body, host=request.headers.get("host", ""))
    return await _answered(request, answer, "passkey", form="passkey", typed=name)


@router.post("/me/sign-in/passkeys/{number}/name")
async def rename_passkey(number: int, request: Request) -> Response:
    """Give it another name."""
    fields = await form_of(request)
    answer = await ask(request, "PATCH", f"/v1/passkeys/{number}", {"name": fields.get("name", "")})
    return await _answered(request, answer, "renamed", form=f"passkey-{number}", typed=fields.get("name", ""))


@router.get("/me/sign-in/passkeys/{number}/remove")
async def ask_removal(number: int, request: Request) -> Response:
    """Ask whether this passkey is to go."""
    found = (await read(request, "/v1/passkeys")).body["passkeys"]
    one = next((one for one in found if one["id"] == number), None)
    if one is None:
        raise Missing
    return page(
        request, "me/sign_in_remove.html", what="passkey", path=f"{_PATH}/passkeys/{number}/remove", name=one["name"]
    )


@router.post("/me/sign-in/passkeys/{number}/remove")
async def remove_passkey(number: int, request: Request) -> Response:
    """Remove it."""
    await form_of(request)
    answer = await ask(request, "DELETE", f"/v1/passkeys/{number}")
    return await _answered(request, answer, "passkey-gone")


@router.post("/me/sign-in/password")
async def set_password(request: Request) -> Response:
    """Set the password, or another one."""
    fields = await form_of(request)
    answer = await ask(request, "PUT", "/v1/password", {"password": fields.get("password", "")})
    return await _answered(request, answer, "password", form="password")


@router.get("/me/sign-in/password/remove")
async def ask_password_removal(request: Request) -> Response:
    """Ask whether the password is to go."""
    await read(request, "/v1/password")
    return page(request, "me/sign_in_remove.html", what="password", path=f"{_PATH}/password/remove", name="")


@router.post("/me/sign-in/password/remove")
async def remove_password(request: Request) -> Response:
    """Remove it."""
    await form_of(request)
    return await _answered(request, await ask(request, "DELETE", "/v1/password"), "password-gone")


@router.post("/me/sign-in/sessions/{number}/end")
async def end_session(number: int, request: Request) -> Response:
    """Sign out another browser."""
    await form_of(request)
    return await _answered(request, await ask(request, "DELETE", f"/v1/sessions/{number}"), "session")


async def _answered(request: Request, answer: Answer, done: str, *, form: str = "", typed: str = "") -> Response:
    if answer.status == 404:
        raise Missing
    if answer.good:
        return RedirectResponse(f"{_PATH}?done={done}", 303)
    error = refusal(request, answer, _REFUSALS)
    return await _show(request, status=answer.status, error=error, form=form, typed=typed)


async def _show(
    request: Request, *, status: int = 200, error: str | None = None, form: str = "", typed: str = ""
) -> Response:
    """Show the page; after a refusal with what was typed into ``form``."""
    paths = ("/v1/password", "/v1/passkeys", "/v1/sessions", "/v1/me")
    own, passkeys, sessions, me = await asyncio.gather(*(read(request, path) for path in paths))
    home = (await loaded_board(request)).network.by_code.get(me.body.get("home") or "")
    done = _DONE.get(request.query_params.get("done", ""))
    values: dict[str, Any] = {
        "own": own.body,
        "keys": passkeys.body["passkeys"],
        "sessions": sessions.body["sessions"],
        "passkeys": site_of(request) is not None,
        "zone": home.time_zone if home else _ZONE,
        "done": say(request, done) if done and error is None else None,
        "frame": "member_page.html" if signed_in(request).member else "base.html",
    }
    return page(request, "me/sign_in.html", status=status, error=error, form=form, typed=typed, **values)
