"""``/me/sign-in/factor``: the second factor of a person, and its recovery codes, which are shown once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import segno
from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from api.pages.asking import Answer, ask, form_of, read
from api.pages.person import signed_in
from api.pages.refusals import refusal
from api.pages.rendering import page, text
from api.pages.routing import PageRoute

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_PATH: Final = "/v1/second-factor"
_ADDRESS: Final = re.compile(r"otpauth://totp/[!-~]{1,800}")
_REFUSALS: Final[Mapping[str, str]] = {
    "bad-field code": text("This is not the code that the authenticator shows now. Type the next one."),
    "conflict": text("To change how you sign in, sign in again first: it must be less than an hour ago."),
}


@router.post("/me/sign-in/factor")
async def begin(request: Request) -> Response:
    """Show the secret, as a picture and as text, and ask for a code of it."""
    await form_of(request)
    answer = await ask(request, "POST", _PATH)
    if not answer.good:
        return _refused(request, answer)
    return _secret_page(request, answer.body["address"])


@router.post("/me/sign-in/factor/confirm")
async def confirm(request: Request) -> Response:
    """From now on it counts; show the recovery codes."""
    fields = await form_of(request)
    answer = await ask(request, "POST", f"{_PATH}/confirm", {"code": fields.get("code", "")[:20]})
    address = fields.get("address", "")
    if answer.good:
        return _codes_page(request, answer)
    if answer.status == 422 and _ADDRESS.fullmatch(address):
        return _secret_page(request, address, status=422, error=refusal(request, answer, _REFUSALS))
    return _refused(request, answer)


@router.post("/me/sign-in/factor/codes")
async def new_codes(request: Request) -> Response:
    """Show new recovery codes."""
    await form_of(request)
    answer = await ask(request, "POST", f"{_PATH}/recovery-codes")
    return _codes_page(request, answer) if answer.good else _refused(request, answer)


@router.get("/me/sign-in/factor/remove")
async def ask_removal(request: Request) -> Response:
    """Ask whether the second factor is to go."""
    await read(request, "/v1/password")
    return page(request, "me/sign_in_remove.html", what="factor", path="/me/sign-in/factor/remove", name="")


@router.post("/me/sign-in/factor/remove")
async def remove(request: Request) -> Response:
    """Remove it, with its recovery codes."""
    await form_of(request)
    answer = await ask(request, "DELETE", _PATH)
    return RedirectResponse("/me/sign-in?done=factor-gone", 303) if answer.good else _refused(request, answer)


def _secret_page(request: Request, address: str, *, status: int = 200, error: str | None = None) -> Response:
    # drawn here: the secret goes to nobody. Black on white in the dark too, since cameras read that best
    drawn = segno.make(address, error="m", micro=False).svg_inline(
        scale=4, dark="#000", light="#fff", svgclass="qr", lineclass=None, omitsize=False
    )
    secret = re.search(r"[?&]secret=([A-Z2-7]+)", address)
    groups = re.findall(".{1,4}", secret[1]) if secret else []
    values: dict[str, Any] = {"address": address, "secret": " ".join(groups), "error": error}
    values["qr"] = Markup(drawn)  # noqa: S704 -- drawn by segno; nothing that a person wrote
    return page(request, "me/second_factor.html", status=status, frame=_frame(request), **values)


def _codes_page(request: Request, answer: Answer) -> Response:
    codes = answer.body["recovery_codes"]
    return page(request, "me/recovery_codes.html", frame=_frame(request), codes=codes)


def _refused(request: Request, answer: Answer) -> Response:
    error = refusal(request, answer, _REFUSALS)
    return page(request, "me/sign_in_refused.html", status=answer.status, frame=_frame(request), error=error)


def _frame(request: Request) -> str:
    return "member_page.html" if signed_in(request).member else "base.html"
