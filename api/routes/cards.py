"""``/v1/cards``: their life, their history, and when every door knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from fastapi import APIRouter, Request
from psycopg.rows import DictRow
from starlette.responses import Response

from access.errors import CardError
from api.access import cards as rows
from api.access import spread as spreading
from api.access.cards import (
    BEFORE,
    OVER,
    Card,
    CardChanged,
    CardHistory,
    CardMade,
    CardReissued,
    Cards,
    CardStatus,
    card_json,
    step_json,
)
from api.access.fields import sent
from api.access.named import member_of_path
from api.access.numbers import Credential, read_keypad_code, read_number
from api.access.spread import Spread, spread_json
from api.answers import json_answer
from api.cardkey import card_key
from api.errors import ApiError, BadField, Conflict
from api.revisions import expected, explain_refusal, must_match, read, told
from api.session import Session, guarded, session

router: Final = APIRouter(tags=["cards"])


@router.get(
    "/v1/members/{ref}/cards", summary="A member's cards", **guarded("members:read", "own", answers={200: Cards})
)
async def cards_of_member(ref: str, request: Request) -> Response:
    """The newest first, those of old as well."""
    async with session(request, "members:read", "own") as s:
        await member_of_path(s, ref)
        found = await s.rows(rows.OF_MEMBER, {"member": ref})
    return json_answer({"cards": [card_json(row) for row in found]})


@router.post(
    "/v1/members/{ref}/cards",
    status_code=201,
    summary="Issue a card or a keypad code to a member",
    **guarded("cards:write", answers={201: Card}, problems=(409,)),
)
async def issue(ref: str, request: Request, body: CardMade) -> Response:
    """By its number, by what a reader has read for an enrolment, or a code. After the end of its life it may come again."""
    async with session(request, "cards:write") as s:
        await member_of_path(s, ref)
        credential = await _credential(s, request, body)
        if credential is None:
            raise BadField("number", "send one of number, enrolment and code")
        return _made(
            await _insert(
                s,
                credential,
                member=ref,
                status=body.status,
                valid_from=body.valid_from,
                valid_until=body.valid_until,
                replaces=None,
            )
        )


@router.get("/v1/cards/{ref}", summary="One card", **guarded("members:read", "own", answers={200: Card}))
async def card(ref: str, request: Request) -> Response:
    """By its reference; its number is known to nobody."""
    async with session(request, "members:read", "own") as s:
        row = await read(s, rows.FIND, {"ref": ref}, f"card {ref!r}")
    return told(card_json(row), row["revision"])


@router.patch(
    "/v1/cards/{ref}",
    summary="Change a card: suspend it, activate it, take it out of service",
    **guarded("cards:write", answers={200: Card}, changes=True),
)
async def change_card(ref: str, request: Request, body: CardChanged) -> Response:
    """`lost` and `returned` are the end of its life. In a hurry send `If-Match: *`; `…/spread` tells which doors know."""
    async with session(request, "cards:write") as s:
        wanted, fields = expected(request), sent(body)
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
    return told(card_json(row), row["revision"])


@router.post(
    "/v1/cards/{ref}/reissue",
    status_code=201,
    summary="Issue a card in another's place",
    **guarded("cards:write", answers={201: Card}, problems=(409,)),
)
async def reissue(ref: str, request: Request, body: CardReissued) -> Response:
    """The old one becomes lost or returned and stays in the history; the new one says that it `replaces` it."""
    async with session(request, "cards:write") as s:
        name = f"card {ref!r}"
        old = await read(s, rows.FIND, {"ref": ref}, name)
        credential = await _credential(s, request, body)
        if credential is None:
            if old["status"] not in OVER:
                raise Conflict(
                    f"This card is {old['status']}: it needs no new life. Send the number of what replaces it.",
                    field="number",
                )
            was = await read(s, rows.NUMBER, {"ref": ref}, name)
            credential = Credential(
                token=bytes(was["token"]), last4=was["last4"], kind=was["kind"], format=was["format"]
            )
        elif old["status"] not in OVER:
            await _end(s, old, body.old)
        return _made(
            await _insert(
                s,
                credential,
                member=old["member"],
                status="active",
                valid_from=old["valid_from"],
                valid_until=old["valid_until"] if old["status"] != "expired" else None,
                replaces=ref,
            )
        )


@router.get(
    "/v1/cards/{ref}/history", summary="A card's life so far", **guarded("members:read", answers={200: CardHistory})
)
async def history(ref: str, request: Request) -> Response:
    """Each step with its time and who made it."""
    async with session(request, "members:read") as s:
        await read(s, rows.FIND, {"ref": ref}, f"card {ref!r}")
        steps = await s.rows(rows.HISTORY, {"ref": ref})
    return json_answer({"card": ref, "steps": [step_json(row) for row in steps]})


@router.get(
    "/v1/cards/{ref}/spread",
    summary="When does every door know? Which gateways know the card's present state",
    **guarded("members:read", answers={200: Spread}),
)
async def spread(ref: str, request: Request) -> Response:
    """Ask again until `waiting` is empty. A gateway whose line is down goes on by its last list until that is too old."""
    async with session(request, "members:read") as s:
        row = await read(s, spreading.PENDING, {"ref": ref}, f"card {ref!r}")
        found = await s.rows(spreading.FIND, {"ref": ref})
    return json_answer(spread_json(ref, found, pending=row["pending"]))


async def _credential(s: Session, request: Request, body: CardMade | CardReissued) -> Credential | None:
    """What to keep of the card that ``body`` names; None: it names none."""
    given = [name for name in ("number", "enrolment", "code") if getattr(body, name) is not None]
    if len(given) > 1:
        raise BadField(given[1], f"send one of number, enrolment and code, not {' and '.join(given)}")
    if body.format is not None and body.number is None:
        raise BadField("format", "it says of which format `number` is, which is missing")
    try:
        if body.number is not None:
            return read_number(card_key(request), body.number, body.format)
        if body.code is not None:
            return read_keypad_code(card_key(request), body.code)
    except CardError as error:
        raise BadField(given[0], str(error)) from None
    return None if body.enrolment is None else await _enrolled(s, body.enrolment)


async def _enrolled(s: Session, enrolment: str) -> Credential:
    row = await s.row(rows.ENROLLED, {"id": enrolment})
    if row is None:
        raise BadField("enrolment", "there is no such enrolment")
    if row["token"] is None:
        what = "its card is of a format that nobody knows" if row["read_at"] else "no card has been presented yet"
        raise BadField("enrolment", what)
    return Credential(token=bytes(row["token"]), last4=row["last4"], kind="card", format=row["format"])


async def _insert(s: Session, credential: Credential, **values: Any) -> DictRow:
    """Issue a card; where its number is that of a card whose life is over, that one leaves it to this."""
    await s.run(rows.RELEASE, {"token": credential.token, "over": list(OVER)})
    kept = {"last4": credential.last4, "kind": credential.kind, "format": credential.format}
    row = await s.row(rows.INSERT, {"token": credential.token, **kept, **values})
    assert row is not None
    return row


async def _end(s: Session, old: DictRow, status: CardStatus) -> None:
    unchanged = ("valid_from", "valid_until")
    values: dict[str, Any] = dict.fromkeys(unchanged) | {f"has_{name}": False for name in unchanged}
    values |= {"ref": old["ref"], "revisions": [old["revision"]], "before": list(BEFORE[status])}
    if await s.row(rows.UPDATE, {**values, "status": status, "has_status": True}) is None:
        raise await _why_not(s, old["ref"], status, [old["revision"]])


async def _why_not(s: Session, ref: str, status: CardStatus | None, wanted: Sequence[int] | None) -> ApiError:
    """Why a card wasn't changed: changed meanwhile, no such step in its life, or not the caller's."""
    name = f"card {ref!r}"
    row = await read(s, rows.FIND, {"ref": ref}, name)
    must_match(row, wanted, name)
    was = row["status"]
    if status is not None and status != was and was not in BEFORE[status]:
        if was in ("lost", "returned"):
            again = f"Where it turned up again: POST /v1/cards/{ref}/reissue."
            return Conflict(f"This card is {was}, which is final. {again}", field="status")
        return Conflict(f"A card that is {was} doesn't become {status}.", field="status")
    return await explain_refusal(s, rows.FIND, {"ref": ref}, name, wanted)


def _made(row: DictRow) -> Response:
    return told(card_json(row), row["revision"], status=201, location=f"/v1/cards/{row['ref']}")
