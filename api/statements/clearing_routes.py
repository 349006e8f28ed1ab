"""``/v1/clearing``: who owes whom for members who used another place than their own."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request
from psycopg.rows import DictRow
from starlette.responses import Response

from api.http.answers import json_answer
from api.http.csv_cells import as_csv
from api.http.errors import BadField, Conflict, NotFound
from api.http.language import language_of
from api.http.session import Session, guarded, session
from api.statements import clearing as rows
from api.statements.clearing import (
    Clearing,
    ClearingLine,
    ClearingQuestion,
    ClearingTaken,
    ClearingUses,
    clearing_json,
    line_json,
    uses_json,
)
from api.statements.papers import clearing_paper
from api.statements.pdf import pdf_answer
from api.statements.statements import ENTRIES, first_of

router: Final = APIRouter(tags=["statements"])
Number = Annotated[int, Path(ge=1, le=2**62)]
_COLUMNS: Final = tuple(ClearingLine.model_fields)


@router.get(
    "/v1/clearing",
    summary="A month's clearing between places",
    **guarded("statements:read", answers={200: Clearing}, csv=True, pdf=True),
)
async def clearing(request: Request, question: Annotated[ClearingQuestion, Query()]) -> Response:
    """The lines that concern the key's places, what each pays each, and the balances."""
    async with session(request, "statements:read") as s:
        values = {"id": None, "month": first_of(question.month), "place": question.place}
        found = await s.rows(rows.LINES, values)
    written = clearing_json(question.month, found)
    if question.format == "csv":
        headers = {
            "Content-Disposition": f'attachment; filename="clearing-{question.month}.csv"',
            "Cache-Control": "no-store",
        }
        return Response(as_csv(_COLUMNS, written["lines"]), media_type="text/csv; charset=utf-8", headers=headers)
    if question.format == "pdf":
        names = {row[side]: row[f"{side}_name"] for row in found for side in ("debtor", "creditor") if row[side]}
        language = language_of(request.headers.get("accept-language"))
        return await pdf_answer(clearing_paper(written, names, language), f"clearing-{question.month}")
    return json_answer(written)


@router.get(
    "/v1/clearing/lines/{number}",
    summary="A clearing line with its badge-ins",
    **guarded("statements:read", answers={200: ClearingUses}),
)
async def clearing_line(number: Number, request: Request) -> Response:
    """Each use by its first badge-in, for three months."""
    async with session(request, "statements:read") as s:
        row = await _line(s, number)
        uses = await s.rows(rows.USES, {"id": number, "kinds": ENTRIES})
    return json_answer({**line_json(row), "uses": uses_json(uses)})


@router.post(
    "/v1/clearing/lines/{number}/counter-entries",
    status_code=201,
    summary="Take back a clearing line",
    **guarded("statements:write", answers={201: ClearingLine}, problems=(409,)),
)
async def take_back(number: Number, request: Request, body: ClearingTaken) -> Response:
    """A line that takes back all or a part of it. Only a key of both places, or of the network, may."""
    async with session(request, "statements:write") as s:
        row = await _line(s, number)
        if row["corrects"] is not None:
            raise Conflict("This line takes back another one itself.")
        count = row["remaining"] if body.count is None else body.count
        if not 0 < count <= row["remaining"]:
            raise BadField("count", f"{row['remaining']} of this line can be taken back")
        values = {**row, "count": -count, "amount_cents": -count * row["price_cents"], "reason": body.reason}
        made = await s.row(rows.TAKE_BACK, values)
        assert made is not None
        written = line_json(await _line(s, made["id"]))
    answer = json_answer(written, status=201)
    answer.headers["Location"] = f"/v1/clearing/lines/{made['id']}"
    return answer


async def _line(s: Session, number: int) -> DictRow:
    row = await s.row(rows.LINES, {"id": number, "month": None, "place": None})
    if row is None:
        raise NotFound(f"There is no clearing line {number} that this key reaches.")
    return row
