"""``/v1/cards``: issue, find, change and replace cards, their history, and which gateways have a change."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from time import monotonic
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from psycopg.rows import DictRow
from starlette.responses import Response

from access.cards import BEFORE, OVER, CardLife
from api.audit.entries import note_reading
from api.cards import cards as rows
from api.cards import spread as spreading
from api.cards.cards import (
    Card,
    CardChanged,
    CardHistory,
    CardMade,
    CardPage,
    CardReissued,
    Cards,
    CardSought,
    CardsQuestion,
    IssuedCard,
    card_json,
    card_resource,
    step_json,
)
from api.cards.issuing import credential_of, issued_json, names_a_card, put_card, taking
from api.cards.numbers import Credential
from api.cards.spread import MemberSpread, Spread, SpreadQuestion, expects_news, spread_json
from api.http.answers import json_answer
from api.http.cursors import make_cursor, read_cursor
from api.http.errors import ApiError, Conflict, NotFound
from api.http.models import sent
from api.http.references import member_of_path
from api.http.revisions import expected_revisions, explain_refusal, read, read_to_change, with_etag
from api.http.session import Session, guarded, session

router: Final = APIRouter(tags=["cards"])
_ASK_AGAIN_S: Final = 0.2


@router.get(
    "/v1/members/{ref}/cards", summary="A member's cards", **guarded("members:read", "own", answers={200: Cards})
)
async def cards_of_member(ref: str, request: Request) -> Response:
    """Newest first, former cards included."""
    async with session(request, "members:read", "own") as s:
        await member_of_path(s, ref)
        found = await s.rows(rows.OF_MEMBER, {"member": ref})
    return json_answer({"cards": [card_json(row) for row in found]})


@router.post(
    "/v1/members/{ref}/cards",
    status_code=201,
    summary="Issue a card or a keypad code to a member",
    **guarded("cards:write", answers={201: IssuedCard}, problems=(409, 429)),
)
async def issue(ref: str, request: Request, body: CardMade) -> Response:
    """By card number, enrolment at a reader, or keypad code. A returned or lost card can be issued again."""
    async with taking(request, "cards:write") as s:
        await member_of_path(s, ref)
        credential = await credential_of(s, request, body)
        times = {"valid_from": body.valid_from, "valid_until": body.valid_until}
        return _made(await put_card(s, request, credential, member=ref, status=body.status, replaces=None, **times))


@router.get("/v1/cards", summary="Cards", **guarded("members:read", answers={200: CardPage}))
async def all_cards(request: Request, question: Annotated[CardsQuestion, Query()]) -> Response:
    """Newest first. Filter by place, status or the last four digits."""
    after = None if question.cursor is None else read_cursor(question.cursor, str, str)
    values = question.model_dump(exclude={"cursor"}) | {"before": after and after[0], "before_ref": after and after[1]}
    async with session(request, "members:read") as s:
        found = await s.rows(rows.LIST, {**values, "limit": question.limit + 1})
    page, more = found[: question.limit], len(found) > question.limit
    following = make_cursor(page[-1]["issued_at"].isoformat(), page[-1]["ref"]) if more else None
    return json_answer({"cards": [card_json(row) for row in page], "next": following})


@router.post(
    "/v1/cards/find",
    summary="Find the holder of a card",
    **guarded("members:read", answers={200: Card}, problems=(429,)),
)
async def find(request: Request, body: CardSought) -> Response:
    """By card number (not stored), by an enrolment at a reader, or by keypad code."""
    async with session(request, "members:read") as s:
        credential = await credential_of(s, request, body)
        row = await s.row(rows.WHOSE, {"lookup": credential.lookup})
        # so that tried codes leave a trace
        await note_reading(s, "read card by number", f"card {row['ref'] if row else 'unknown'}")
    if row is None:  # after the commit, so that the look-up stays in the audit
        raise NotFound("No card that this key reaches has this number.")
    return with_etag(card_json(row), row["revision"])


@router.get("/v1/cards/{ref}", summary="One card", **guarded("members:read", "own", answers={200: Card}))
async def card(ref: str, request: Request) -> Response:
    """By its reference. Card numbers are not stored."""
    async with session(request, "members:read", "own") as s:
        row = await read(s, card_resource(ref))
    return with_etag(card_json(row), row["revision"])


@router.patch(
    "/v1/cards/{ref}",
    summary="Suspend, activate or retire a card",
    **guarded("cards:write", answers={200: Card}, changes=True),
)
async def change_card(ref: str, request: Request, body: CardChanged) -> Response:
    """`lost` and `returned` are final. In an emergency, send `If-Match: *`. `…/spread` shows which gateways have it."""
    async with session(request, "cards:write") as s:
        wanted, fields = expected_revisions(request), sent(body)
        status = fields.get("status")
        values = {
            "ref": ref,
            "revisions": wanted,
            "status": status,
            "before": list(BEFORE[status]) if status else [],
            "valid_from": fields.get("valid_from"),
            "valid_until": fields.get("valid_until"),
            **{f"has_{name}": name in fields for name in ("status", "valid_from", "valid_until")},
        }
        row = await s.row(rows.UPDATE, values)
        if row is None:
            raise await _why_not(s, ref, status, wanted)
    answer = with_etag(card_json(row), row["revision"])
    answer.headers["Link"] = f'</v1/cards/{ref}/spread?wait=10>; rel="monitor"'
    return answer


@router.post(
    "/v1/cards/{ref}/lost",
    summary="Report a card of your own lost",
    **guarded("own", answers={200: Card}, problems=(409,)),
)
async def report_lost(ref: str, request: Request) -> Response:
    """By the member. Every door that is online refuses it within a second; `…/spread` shows which gateways have it.

    It is final: a card that is found is given back into use by the front desk.
    """
    async with session(request, "own") as s:
        was = await read(s, card_resource(ref))
        if was["status"] != "lost":
            made = await s.row(rows.REPORT_LOST, {"ref": ref})
            if made is None or not made["lost"]:
                raise Conflict(f"This card is {was['status']}, and opens no door.", field="status")
        row = await read(s, card_resource(ref))
    return with_etag(card_json(row), row["revision"])


@router.post(
    "/v1/cards/{ref}/reissue",
    status_code=201,
    summary="Replace a card",
    **guarded("cards:write", answers={201: IssuedCard}, problems=(409, 429)),
)
async def reissue(ref: str, request: Request, body: CardReissued) -> Response:
    """The old card becomes lost or returned and stays in the history; the new one refers to it in `replaces`."""
    async with taking(request, "cards:write") as s:
        old = await read(s, card_resource(ref))
        if names_a_card(body):
            credential = await credential_of(s, request, body)
            if old["status"] not in OVER:
                await _retire(s, old, body.old)
        elif old["must_be_presented"]:
            raise Conflict(
                "This card was issued before numbers were kept. Send its number, or an enrolment of it at a reader.",
                field="number",
            )
        elif old["status"] in OVER:
            was = await read(s, replace(card_resource(ref), find=rows.NUMBER))
            shown = {"last4": was["last4"], "kind": was["kind"], "format": was["format"]}
            credential = Credential(lookup=bytes(was["lookup"]), **shown)
        else:
            what = f"This card is {old['status']}, so that it can't be reissued. Send the number of its replacement."
            raise Conflict(what, field="number")
        until = old["valid_until"] if old["status"] != "expired" else None
        kept = {"member": old["member"], "valid_from": old["valid_from"], "valid_until": until}
        return _made(await put_card(s, request, credential, status="active", replaces=ref, **kept))


@router.get(
    "/v1/cards/{ref}/history", summary="History of a card", **guarded("members:read", answers={200: CardHistory})
)
async def history(ref: str, request: Request) -> Response:
    """Each change of status, with its time and author."""
    async with session(request, "members:read") as s:
        await read(s, card_resource(ref))
        steps = await s.rows(rows.HISTORY, {"ref": ref})
    return json_answer({"card": ref, "steps": [step_json(row) for row in steps]})


@router.get(
    "/v1/cards/{ref}/spread",
    summary="Which gateways have a card's current status",
    **guarded("members:read", "own", answers={200: Spread}),
)
async def spread(ref: str, request: Request, question: Annotated[SpreadQuestion, Query()]) -> Response:
    """With `wait`, answers when every online gateway has it. Offline gateways continue with their last list."""
    deadline = monotonic() + question.wait
    while True:
        async with session(request, "members:read", "own") as s:
            row = await read(s, replace(card_resource(ref), find=spreading.PENDING))
            found = await s.rows(spreading.FIND, {"ref": ref})
        if monotonic() >= deadline or not (row["pending"] or expects_news(found)):
            return json_answer(spread_json(found, pending=row["pending"], card=ref))
        await asyncio.sleep(_ASK_AGAIN_S)


@router.get(
    "/v1/members/{ref}/spread",
    summary="Which gateways have a member's current status",
    **guarded("members:read", answers={200: MemberSpread}),
)
async def spread_of_member(ref: str, request: Request, question: Annotated[SpreadQuestion, Query()]) -> Response:
    """After a suspension: by all their cards. With `wait`, answers when every online gateway has it."""
    deadline = monotonic() + question.wait
    while True:
        async with session(request, "members:read") as s:
            await member_of_path(s, ref)
            row = await s.row(spreading.PENDING_OF_MEMBER, {"ref": ref})
            found = await s.rows(spreading.OF_MEMBER, {"ref": ref})
        assert row is not None
        if monotonic() >= deadline or not (row["pending"] or expects_news(found)):
            return json_answer(spread_json(found, pending=row["pending"], member=ref))
        await asyncio.sleep(_ASK_AGAIN_S)


async def _retire(s: Session, old: DictRow, status: CardLife) -> None:
    unchanged = ("valid_from", "valid_until")
    values: dict[str, Any] = dict.fromkeys(unchanged) | {f"has_{name}": False for name in unchanged}
    values |= {"ref": old["ref"], "revisions": [old["revision"]], "before": list(BEFORE[status])}
    if await s.row(rows.UPDATE, {**values, "status": status, "has_status": True}) is None:
        raise await _why_not(s, old["ref"], status, [old["revision"]])


async def _why_not(s: Session, ref: str, status: CardLife | None, wanted: Sequence[int] | None) -> ApiError:
    """Return why a card wasn't changed: changed by another request, an impossible status, or no access."""
    resource = card_resource(ref)
    was = (await read_to_change(s, resource, wanted))["status"]
    if status is not None and status != was and was not in BEFORE[status]:
        if was in ("lost", "returned"):
            again = f"If it was found: POST /v1/cards/{ref}/reissue."
            return Conflict(f"This card is {was}, which is final. {again}", field="status")
        return Conflict(f"A card that is {was} can't become {status}.", field="status")
    return await explain_refusal(s, resource, wanted)


def _made(row: dict[str, Any]) -> Response:
    return with_etag(issued_json(row), row["revision"], status=201, location=f"/v1/cards/{row['ref']}")
