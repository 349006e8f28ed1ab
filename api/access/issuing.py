"""From what a request names as a card to the row that is kept of it."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from psycopg.errors import UniqueViolation
from psycopg.rows import DictRow

from access.cards import OVER
from access.errors import CardError
from api.access.cards import ENROLLED, INSERT, RELEASE, CardMade, CardReissued, CardSought
from api.access.notation import NeedsFormat, read_notation
from api.access.numbers import Credential, read_keypad_code, read_number
from api.cardkey import card_key
from api.errors import BadField, Conflict, FormatNeeded
from api.session import Session


def names_a_card(body: CardMade | CardReissued | CardSought, within: str = "") -> bool:
    """Whether ``body`` names one: by a number, an enrolment or a code.

    Raises:
        BadField: it names two, or the format of nothing.
    """
    given = [name for name in ("number", "enrolment", "code") if getattr(body, name) is not None]
    if len(given) > 1:
        raise BadField(within + given[1], f"send one of number, enrolment and code, not {' and '.join(given)}")
    if body.format is not None and body.number is None:
        raise BadField(f"{within}format", "it says of which format `number` is, which is missing")
    return bool(given)


async def credential_of(
    s: Session, request: Request, body: CardMade | CardReissued | CardSought, *, within: str = ""
) -> Credential:
    """What to keep of the card that ``body`` names; ``within`` is where in the request it stands.

    Raises:
        BadField: none, two, or what is no number, no code, no enrolment that has read a card.
        Unavailable: this server has no key for card tokens.
    """
    if not names_a_card(body, within):
        raise BadField(f"{within}number", "send one of number, enrolment and code")
    if body.enrolment is not None:
        return await _enrolled(s, body.enrolment, f"{within}enrolment")
    if body.number is not None:
        return numbered(request, body.number, body.format, within=within)
    assert body.code is not None
    try:
        return read_keypad_code(card_key(request), body.code)
    except CardError as error:
        raise BadField(f"{within}code", str(error)) from None


def numbered(request: Request, number: str, format_: str | None, *, within: str = "") -> Credential:
    """What to keep of the card with this number.

    Raises:
        FormatNeeded: it may be decimal or hexadecimal.
        BadField: there is no such format, or the number isn't of it.
        Unavailable: this server has no key for card tokens.
    """
    try:
        read_notation(format_ or "")
    except CardError as error:
        raise BadField(f"{within}format", str(error)) from None
    try:
        return read_number(card_key(request), number, format_)
    except NeedsFormat as error:
        choices = [(one.format, one.reader_sends) for one in error.choices]
        raise FormatNeeded(f"{within}number", str(error), choices) from None
    except CardError as error:
        raise BadField(f"{within}number", str(error)) from None


async def put_card(s: Session, credential: Credential, **values: Any) -> DictRow:
    """Issue a card; where its number is that of a card whose life is over, that one leaves it to this."""
    await s.run(RELEASE, {"token": credential.token, "over": list(OVER)})
    kept = {"last4": credential.last4, "kind": credential.kind, "format": credential.format}
    try:
        row = await s.row(INSERT, {"token": credential.token, **kept, **values})
    except UniqueViolation:
        if credential.kind == "code":
            raise Conflict("This code can't be had. Choose another, of more digits.", field="code") from None
        raise
    assert row is not None
    return row


async def _enrolled(s: Session, enrolment: str, field: str) -> Credential:
    row = await s.row(ENROLLED, {"id": enrolment})
    if row is None:
        raise BadField(field, "there is no such enrolment")
    if row["token"] is None:
        what = "its card is of a format that nobody knows" if row["read_at"] else "no card has been presented yet"
        raise BadField(field, what)
    return Credential(token=bytes(row["token"]), last4=row["last4"], kind="card", format=row["format"])
