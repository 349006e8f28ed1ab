"""``/v1/statements`` and ``/v1/members/{ref}/account``: what members and organisations owe, closed and to come."""

from __future__ import annotations

from collections import defaultdict
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from psycopg.rows import DictRow, tuple_row
from starlette.responses import Response

from api.http.answers import json_answer
from api.http.csv_cells import as_csv
from api.http.errors import BadField, Conflict
from api.http.language import language_of
from api.http.models import time_of
from api.http.references import member_of_path
from api.http.revisions import read
from api.http.session import Session, guarded, session
from api.statements import statements as rows
from api.statements.counter_entries import counter_entry
from api.statements.papers import statement_paper
from api.statements.pdf import pdf_answer
from api.statements.statements import (
    Account,
    AccountQuestion,
    CounterEntry,
    ExportQuestion,
    FormatQuestion,
    Statement,
    Statements,
    StatementsQuestion,
    first_of,
    head_json,
    line_json,
    month_text,
    open_line_json,
    statement_resource,
)
from booking.items import item_of
from booking.rates import PriceList, price_of
from booking.statements import bill
from database.billing import BADGED, BOOKINGS, IS_BADGED, ITEMS, PRICES
from gateway.contract.stored_events import KINDS

router: Final = APIRouter(tags=["statements"])
_EXPORTED: Final = (
    *("statement", "closed_month", "closed_at", "biller", "payer", "payer_member", "organisation", "organisation_name"),
    *("corrects", "number", "kind", "month", "member", "place", "rate", "category", "unit", "count", "price_cents"),
    *("funded_cents", "net_cents", "vat_permille", "vat_cents", "reason"),
)
_KINDS: Final = {"access": KINDS["access"], "not_taken": KINDS["access_not_taken"]}
_COLUMNS: Final = (
    "statement",
    "month",
    "number",
    "kind",
    "member",
    "member_name",
    "place",
    "rate",
    "category",
    "unit",
    "count",
    "price_cents",
    "funded_cents",
    "net_cents",
    "vat_permille",
    "vat_cents",
    "reason",
)


@router.get(
    "/v1/members/{ref}/account",
    summary="What a member's month comes to so far",
    **guarded("statements:read", "own", answers={200: Account}),
)
async def account(ref: str, request: Request, question: Annotated[AccountQuestion, Query()]) -> Response:
    """What isn't on a closed statement yet, until the end of the month. A member's own key sees that member's."""
    async with session(request, "statements:read", "own") as s:
        await member_of_path(s, ref)
        values = {"member": ref, "home": None, "month": first_of(question.month), **_KINDS}
        cursor = s.conn.cursor(row_factory=tuple_row)
        prices = PriceList([price_of(row) async for row in await cursor.execute(PRICES.encode())])
        (badged,) = await (await cursor.execute(IS_BADGED.encode(), values)).fetchone() or (False,)
        queries = (ITEMS, *([BADGED] if badged else ()), BOOKINGS)
        items = [item_of(row) for query in queries async for row in await cursor.execute(query.encode(), values)]
        lines = [line for one in bill(items, prices) if one.payer.kind != "funder" for line in one.lines]
        named = await s.rows(rows.NAMES, {"places": [line.place for line in lines if line.place is not None]})
    places = {row["id"]: row["code"] for row in named}
    net, vat = sum(line.net_cents for line in lines), sum(line.vat_cents for line in lines)
    amounts = {"net_cents": net, "vat_cents": vat, "total_cents": net + vat}
    written = [open_line_json(line, places) for line in lines]
    return json_answer({"member": ref, "month": question.month, "lines": written, **amounts})


@router.get(
    "/v1/statements",
    summary="Closed statements",
    **guarded("statements:read", "own", answers={200: Statements}),
)
async def statements(request: Request, question: Annotated[StatementsQuestion, Query()]) -> Response:
    """Latest first: of the key's places; to a member's own key theirs, and those of organisations they manage."""
    values = {"ref": None, **question.model_dump(), "month": first_of(question.month)}
    async with session(request, "statements:read", "own") as s:
        found = await s.rows(rows.FIND, values)
    return json_answer({"statements": [head_json(row) for row in found]})


@router.get(
    "/v1/statements/export",
    summary="Every line of a month's statements, for accounts",
    **guarded("statements:read", csv=True),
)
async def export(request: Request, question: Annotated[ExportQuestion, Query()]) -> Response:
    """CSV: one line for each line of a statement, with who bills and who pays."""
    async with session(request, "statements:read") as s:
        found = await s.rows(rows.EXPORT, {"month": first_of(question.month), "place": question.place})
    lines = [
        {
            **row,
            "closed_month": month_text(row["closed_month"]),
            "month": month_text(row["month"]),
            "closed_at": time_of(row["closed_at"]),
        }
        for row in found
    ]
    headers = {
        "Content-Disposition": f'attachment; filename="statements-{question.month}.csv"',
        "Cache-Control": "no-store",
    }
    return Response(as_csv(_EXPORTED, lines), media_type="text/csv; charset=utf-8", headers=headers)


@router.get(
    "/v1/statements/{ref}",
    summary="One closed statement with its lines",
    **guarded("statements:read", "own", answers={200: Statement}, csv=True, pdf=True),
)
async def statement(ref: str, request: Request, question: Annotated[FormatQuestion, Query()]) -> Response:
    """Each line with the badge-ins that it counts, as long as these are kept (three months)."""
    async with session(request, "statements:read", "own") as s:
        head, lines = await _whole(s, ref)
    if question.format == "csv":
        month = head["month"]
        table = as_csv(_COLUMNS, ({**line, "statement": ref, "month": month} for line in lines))
        headers = {"Content-Disposition": f'attachment; filename="{ref}.csv"', "Cache-Control": "no-store"}
        return Response(table, media_type="text/csv; charset=utf-8", headers=headers)
    if question.format == "pdf":
        language = language_of(request.headers.get("accept-language"))
        paper = statement_paper(head, lines, language)
        return await pdf_answer(paper, ref)
    return json_answer({**{name: value for name, value in head.items() if name != "place_name"}, "lines": lines})


@router.post(
    "/v1/statements/{ref}/counter-entries",
    status_code=201,
    summary="Take back lines of a closed statement",
    **guarded("statements:write", answers={201: Statement}, problems=(409,)),
)
async def take_back(ref: str, request: Request, body: CounterEntry) -> Response:
    """A closed statement never changes: this makes another one, with the amounts taken back."""
    async with session(request, "statements:write") as s:
        head = await read(s, statement_resource(ref))
        if head["corrects"] is not None:
            raise Conflict("This is a counter-entry itself. Only a statement of a month can be corrected.")
        lines = {row["number"]: row for row in await s.rows(rows.LINES, {"ref": ref})}
        taken: list[tuple[DictRow, int]] = []
        for place, one in enumerate(body.lines):
            line = lines.get(one.number)
            if line is None:
                raise BadField(f"lines.{place}.number", f"the statement has no line {one.number}")
            count = line["remaining"] if one.count is None else one.count
            if not 0 < count <= line["remaining"]:
                raise BadField(f"lines.{place}.count", f"{line['remaining']} of line {one.number} can be taken back")
            taken.append((line, count))
        made = await counter_entry(s, head, taken, body.reason)
        head_, lines_ = await _whole(s, made)
    head_.pop("place_name")
    answer = json_answer({**head_, "lines": lines_}, status=201)
    answer.headers["Location"] = f"/v1/statements/{made}"
    return answer


async def _whole(s: Session, ref: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    head = await read(s, statement_resource(ref))
    found = await s.rows(rows.LINES, {"ref": ref})
    uses: defaultdict[int, list[DictRow]] = defaultdict(list)
    for use in await s.rows(rows.USES, {"ref": ref, "kinds": rows.ENTRIES}):
        uses[use["line"]].append(use)
    return {**head_json(head), "place_name": head["place_name"]}, [line_json(row, uses[row["id"]]) for row in found]
