"""``/v1/members/import`` and ``/v1/members/export``: members, cards and passes as CSV."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from api.audit.entries import note_reading
from api.http.answers import json_answer
from api.http.errors import LimitReached
from api.http.language import Language, language_of
from api.http.models import Answer, Question
from api.http.problems import problem
from api.http.session import guarded, session
from api.http.state import card_keys, shared
from api.transfer.export import written_csv
from api.transfer.french import french, french_report
from api.transfer.importing import import_lines, parse
from api.transfer.store import load_known
from api.transfer.text import MAX_BYTES, FileRefused

router: Final = APIRouter(tags=["import and export"])

_IMPORT: Final = "/v1/members/import"
LARGE: Final = {("POST", _IMPORT): MAX_BYTES}
"""The only route with a larger body; ``api.http.bodies`` counts its bytes."""
_SEPARATORS: Final = {"comma": ",", "semicolon": ";", "tab": "\t"}
_CSV: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "CSV with a header, in English or French (docs/operate.md). UTF-8, UTF-16, "
        "Windows-1252, code page 850 or Mac Roman.",
        # client generators without text/csv use the second one; the body is always read as CSV
        "content": {
            "text/csv": {"schema": {"type": "string"}},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


class ImportQuestion(Question):
    """How to import."""

    dry_run: bool = Field(default=False, description="Change nothing; report what would change.")
    skip_refused: bool = Field(default=False, description="Store the accepted lines when some are refused.")
    card_format: str = Field(
        default="",
        max_length=40,
        description="Format of cards whose line has none: `uid` (hexadecimal), `MIFARE4-decimal`, `H10301` …",
    )
    encoding: Literal["", "utf-8", "utf-16", "windows-1252", "cp850", "mac-roman"] = Field(
        default="", description="The file's encoding. Needed only if it can't be detected."
    )


class ExportQuestion(Question):
    """How to write it."""

    separator: Literal["comma", "semicolon", "tab"] = Field(default="comma", description="Column separator.")
    bom: bool = Field(default=False, description="Start with a byte order mark, so that Excel recognises UTF-8.")


class ImportChange(Answer):
    """A value that a line changes."""

    what: str
    from_: Any = Field(alias="from")
    to: Any


class ImportProblem(Answer):
    """Why a line is refused."""

    column: str | None
    what: str


class ImportedCard(Answer):
    """How a card number was read; only in a dry run."""

    format: str
    reader_sends: str = Field(description="The number as a reader sends it, in hexadecimal.")


class ImportChoice(Answer):
    """A possible format of the numbers."""

    card_format: str
    reader_sends: str = Field(
        description="What a reader sends for the card of `line` in this format; `??`: a byte that isn't printed."
    )


class ImportFormatQuestion(Answer):
    """A question to answer with `card_format` before the cards can be stored."""

    column: Literal["card"]
    line: int
    numbers: int = Field(description="How many numbers of the file it concerns.")
    what: str
    choices: list[ImportChoice]


class ImportLine(Answer):
    """The result of one line of the file."""

    line: int = Field(description="Its number in the file; the header is line 1.")
    outcome: Literal["created", "changed", "unchanged", "refused"]
    member: str | None = None
    card: ImportedCard | None = None
    changes: list[ImportChange] = Field(default=[])
    problems: list[ImportProblem] = Field(default=[])


class ImportReport(Answer):
    """What an import did, or would do."""

    notes: list[str] = Field(description="What was chosen, guessed or ignored in the file, in sentences.")
    dry_run: bool
    stored: bool
    encoding: str
    separator: str
    ignored_columns: list[str]
    counts: dict[Literal["created", "changed", "unchanged", "refused"], int]
    new_organisations: list[str]
    question: ImportFormatQuestion | None
    lines: list[ImportLine]


_guard: Final = guarded("members:write", answers={200: ImportReport}, problems=(409, 429))
_guard["openapi_extra"].update(_CSV)


@router.post(_IMPORT, summary="Import members, cards and passes from CSV", **_guard)
async def import_members(request: Request, question: Annotated[ImportQuestion, Query()]) -> Response:
    """All lines or none: a refused line stops it, unless `skip_refused` is set. A second import changes nothing.

    `Accept-Language: fr`: notes, questions and refusals in French.
    """
    language, data = _language(request), await request.body()
    say = french if language == "fr" else str
    try:
        parsed = await asyncio.to_thread(parse, data, card_keys(request), question.card_format, question.encoding)
        async with session(request, "members:write") as s:
            stored, report = await import_lines(
                s, parsed, shared(request).tries, dry_run=question.dry_run, skip_refused=question.skip_refused
            )
    except FileRefused as error:
        raise FileRefused(say(str(error))) from None
    except LimitReached as error:
        raise LimitReached(say(str(error)), retry_s=error.retry_s) from None
    if language == "fr":
        report = await asyncio.to_thread(french_report, report)
    if stored or question.dry_run:
        answer = json_answer(report)
    else:
        refused = report["counts"]["refused"]
        detail = (
            f"{refused} of {len(report['lines'])} lines can't be imported; `lines` says why. Put them right and send "
            "the file again, or store the others with skip_refused=true."
        )
        answer = problem(request, 422, "import-refused", say("Nothing was stored"), say(detail), more=report)
    answer.headers["Content-Language"] = language
    answer.headers["Vary"] = "Accept-Language"
    return answer


def _language(request: Request) -> Language:
    return language_of(request.headers.get("accept-language"))


@router.get(
    "/v1/members/export",
    summary="Export members, cards and passes as CSV",
    **guarded("members:read", csv=True),
)
async def export_members(request: Request, question: Annotated[ExportQuestion, Query()]) -> Response:
    """As `/v1/members/import` reads it: imported unchanged, it changes nothing. It contains no card numbers.

    `Accept-Language: fr`: headers and words in French, which an import reads too.
    """
    language = _language(request)
    async with session(request, "members:read") as s:
        known = await load_known(s, None)
        await note_reading(s, "read members", "network", detail={"members": len(known.members), "as": "csv"})
    data = await asyncio.to_thread(
        written_csv, known, delimiter=_SEPARATORS[question.separator], mark=question.bom, language=language
    )
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": 'attachment; filename="members.csv"',
        "Content-Language": language,
        "Vary": "Accept-Language",
    }
    return Response(data, media_type="text/csv; charset=utf-8", headers=headers)
