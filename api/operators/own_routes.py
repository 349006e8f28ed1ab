"""``/v1/operators/{ref}/invitation`` and ``/v1/me/report-mail``: operators are invited, and choose mail."""

from __future__ import annotations

import secrets
from hashlib import sha256
from typing import Final

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from api.http.answers import json_answer
from api.http.errors import Conflict, NotFound
from api.http.language import Language
from api.http.models import Answer, Body
from api.http.revisions import read
from api.http.session import guarded, session
from api.http.state import shared
from api.operators.operators import operator_resource

router: Final = APIRouter(tags=["operators"])

# Of the key that asks (migration 0144); null: only say how it is.
_REPORT_MAIL: Final = "SELECT own_report_mail(%(wanted)s) AS report_mail"
_INVITE: Final = "SELECT invite_operator(%(ref)s, %(digest)s, %(link)s, %(page)s, %(language)s) AS sent"


class ReportMail(Body):
    """Whether the operator gets a mail when a monthly report of theirs is there."""

    report_mail: bool


class OwnReportMail(Answer):
    """How it is now."""

    report_mail: bool


class Invitation(Body):
    """How to invite."""

    language: Language = Field(default="fr", description="Of the mail.")


class Invited(Answer):
    """The mail is on its way."""

    ref: str


@router.get(
    "/v1/me/report-mail", summary="Whether you get your reports by mail", **guarded(answers={200: OwnReportMail})
)
async def report_mail(request: Request) -> Response:
    """For an operator's own key or session; 404 for any other key."""
    return await _own(request, None)


@router.put("/v1/me/report-mail", summary="Get your reports by mail, or not", **guarded(answers={200: OwnReportMail}))
async def set_report_mail(request: Request, body: ReportMail) -> Response:
    """For an operator's own key or session. The mail says that a report is there, for whom may read it."""
    return await _own(request, body.report_mail)


@router.post(
    "/v1/operators/{ref}/invitation",
    status_code=202,
    summary="Send an operator a link to sign in",
    **guarded("operators:write", answers={202: Invited}, problems=(409,)),
)
async def invite(ref: str, request: Request, body: Invitation | None = None) -> Response:
    """By mail, to their own address. It signs in once, within three days."""
    base = shared(request).settings.public_url
    if base is None:
        raise Conflict("No link can be sent: the API was started without MAILLAGE_PUBLIC_URL.")
    token, base = secrets.token_urlsafe(32), base.rstrip("/")
    async with session(request, "operators:write") as s:
        await read(s, operator_resource(ref))
        values = {"ref": ref, "digest": sha256(token.encode()).digest(), "page": f"{base}/sign-in"}
        values |= {"link": f"{base}/sign-in/{token}?next=%2Fmanage", "language": (body or Invitation()).language}
        row = await s.row(_INVITE, values)
        if row is None or not row["sent"]:
            raise Conflict("This operator has ended or has no e-mail address.", field="email")
    return json_answer({"ref": ref}, status=202)


async def _own(request: Request, wanted: bool | None) -> Response:
    async with session(request) as s:
        row = await s.row(_REPORT_MAIL, {"wanted": wanted})
    if row is None or row["report_mail"] is None:
        raise NotFound("This key belongs to no operator.")
    return json_answer({"report_mail": row["report_mail"]})
