"""``/manage/{place}/members/import``: a file of members, with what each line would do before anything is stored.

The file that was looked at stands in the second form, so that what is imported is what was shown.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.page import language_for
from api.pages.asking import Answer, ask, file_of, form_of, read
from api.pages.manage.members.import_words import line_words
from api.pages.person import managed_place
from api.pages.refusals import refusal
from api.pages.rendering import page, say, text
from api.pages.routing import PageRoute
from api.present.network import Place

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

MOST_BYTES: Final = 700_000
"""Of a file: it comes again in the second form, a third longer."""
_SHOWN: Final = 300
"""Lines of a report on the page, those that are refused first."""
_ENCODINGS: Final = ("utf-8", "utf-16", "windows-1252", "cp850", "mac-roman")
_TOO_LARGE: Final = text("This file is larger than 700 kB. Import it in parts, or on the command line.")
_EMPTY: Final = text("Choose a file, or paste its lines.")
_DAMAGED: Final = text("The file did not come back as it was looked at. Choose it again.")


@router.get("/manage/{place}/members/import")
async def form(place: str, request: Request) -> Response:
    """The form for a file or pasted lines."""
    here = await managed_place(request, place, "members:write")
    await read(request, "/v1/me")
    error = say(request, _TOO_LARGE) if request.query_params.get("refused") == "too-large" else None
    return _page(request, here, {}, error=error, status=413 if error else 200)


@router.post("/manage/{place}/members/import")
async def look_or_import(place: str, request: Request) -> Response:
    """Show what the file would do; of the second form, do it."""
    here = await managed_place(request, place, "members:write")
    fields = await form_of(request)
    data = await _data_of(request, fields)
    if isinstance(data, str):
        status = 413 if data == _TOO_LARGE else 422
        return _page(request, here, fields, error=say(request, data), status=status)
    storing = fields.get("step") == "store"
    answer = await _import(request, fields, data, dry_run=not storing)
    if not answer.good and "lines" not in answer.body:
        return _page(request, here, fields, error=_why(request, answer), status=answer.status)
    report = answer.body
    if storing and answer.good:
        return page(request, "manage/members/imported.html", place=here, **_shown(request, report))
    error = say(request, text("Nothing was stored: lines are refused. Look at them below.")) if storing else None
    sent = {
        "data": urlsafe_b64encode(data).decode(),
        "digest": sha256(data).hexdigest(),
        "skip": fields.get("skip") == "yes",
        "card_format": fields.get("card_format", ""),
        "encoding": _encoding(fields),
    }
    status = 200 if answer.good else answer.status
    shown = _shown(request, report)
    return page(
        request, "manage/members/import_report.html", status=status, place=here, sent=sent, error=error, **shown
    )


async def _data_of(request: Request, fields: Mapping[str, str]) -> bytes | str:
    """Return the file's bytes, or the sentence why there are none."""
    if fields.get("data"):
        try:
            data = urlsafe_b64decode(fields["data"].encode())
        except (binascii.Error, ValueError):
            return _DAMAGED
        return data if sha256(data).hexdigest() == fields.get("digest") else _DAMAGED
    file = await file_of(request, "file")
    data = file.data if file is not None else fields.get("lines", "").strip().encode()
    if not data:
        return _EMPTY
    return _TOO_LARGE if len(data) > MOST_BYTES else data


async def _import(request: Request, fields: Mapping[str, str], data: bytes, *, dry_run: bool) -> Answer:
    asked = {
        "dry_run": "true" if dry_run else "",
        "skip_refused": "true" if fields.get("skip") == "yes" else "",
        "card_format": fields.get("card_format", "")[:40],
        "encoding": _encoding(fields),
    }
    query = urlencode({name: value for name, value in asked.items() if value})
    headers = {"content_type": "text/csv", "accept_language": language_for(request)}
    return await ask(request, "POST", f"/v1/members/import?{query}", data, **headers)


def _encoding(fields: Mapping[str, str]) -> str:
    return fields["encoding"] if fields.get("encoding") in _ENCODINGS else ""


def _why(request: Request, answer: Answer) -> str:
    """Return why the file can't be read: the API's own sentence, which an import has in the reader's language."""
    wrong = answer.body.get("errors", ()) if isinstance(answer.body, dict) else ()
    about_file = next((str(one["what"]) for one in wrong if one["name"] == "body"), None)
    return about_file or refusal(request, answer)


def _shown(request: Request, report: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the page shows of a report."""
    language = language_for(request)
    lines = sorted(report["lines"], key=lambda one: (one["outcome"] != "refused", one["outcome"] == "unchanged"))
    return {
        "report": report,
        "lines": [line_words(one, language) for one in lines[:_SHOWN]],
        "more": max(0, len(lines) - _SHOWN),
        "changing": report["counts"]["created"] + report["counts"]["changed"],
    }


def _page(
    request: Request, here: Place, fields: Mapping[str, str], *, error: str | None = None, status: int = 200
) -> Response:
    return page(
        request,
        "manage/members/import.html",
        status=status,
        place=here,
        typed={"lines": fields.get("lines", ""), "encoding": _encoding(fields)},
        encodings=[(one, one) for one in _ENCODINGS],
        error=error,
    )
