"""Issues cards: from the card in a request to its row."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

from fastapi import Request
from psycopg.errors import UniqueViolation

from access.cards import OVER
from access.errors import CardError
from access.formats import is_random
from access.readings import number_of
from api.audit.entries import note_reading
from api.cards.cards import ENROLLED, INSERT, RELEASE, SEAL, CardMade, CardReissued, CardSought, card_json
from api.cards.enrolments import bits_of
from api.cards.notation import RANDOM, NeedsFormat, read_notation
from api.cards.numbers import Credential, read_keypad_code, read_number
from api.http.errors import BadField, FormatNeeded, Taken
from api.http.limits import TAKEN
from api.http.roles import Permission
from api.http.session import Session, session
from api.http.state import card_keys, shared
from rights.card_secret import CardKeys

_NAMED: Final = "number, enrolment, code and code_digits"
_TRIES: Final = 20
"""How often the server chooses another code if the first is taken."""
CHOSEN: Final = (
    "the server chooses the codes of places: send code_digits (4 to 12, usually 6), and read the code in the answer. "
    "Only a key of the whole network chooses one itself"
)


def names_a_card(body: CardMade | CardReissued | CardSought, within: str = "") -> bool:
    """Whether ``body`` names a card: by a number, an enrolment or a code.

    Raises:
        BadField: it names two, or has a format without a number.
    """
    names = ("number", "enrolment", "code", "code_digits")
    given = [name for name in names if getattr(body, name, None) is not None]
    if len(given) > 1:
        raise BadField(within + given[1], f"send one of {_NAMED}, not {' and '.join(given)}")
    if body.format is not None and body.number is None:
        raise BadField(f"{within}format", "it says of which format `number` is, which is missing")
    return bool(given)


async def credential_of(
    s: Session, request: Request, body: CardMade | CardReissued | CardSought, *, within: str = ""
) -> Credential:
    """Return what to store of the card that ``body`` names; ``within``: the path of ``body`` in the request.

    Raises:
        BadField: no card or two; an invalid number, code or enrolment; a code that this caller may not choose.
        LimitReached: this key has named too many cards of others.
        Unavailable: this server has no keys for cards.
    """
    if not names_a_card(body, within):
        raise BadField(f"{within}number", f"send one of {_NAMED}")
    if isinstance(body, CardSought):
        if body.code is not None:  # a code that is found could be used
            tries = shared(request).tries
            tries.check(TAKEN, s.caller.id)
            tries.count(TAKEN, s.caller.id)
    elif body.code_digits is not None:
        return _new_code(card_keys(request), body.code_digits)
    elif body.code is not None and s.caller.places is not None:
        raise BadField(f"{within}code", CHOSEN)
    if body.enrolment is not None:
        return await _enrolled(s, request, body.enrolment, f"{within}enrolment")
    if body.number is not None:
        return numbered(request, body.number, body.format, within=within)
    assert body.code is not None
    try:
        return read_keypad_code(card_keys(request), body.code)
    except CardError as error:
        raise BadField(f"{within}code", str(error)) from None


def numbered(request: Request, number: str, format_: str | None, *, within: str = "") -> Credential:
    """Return what to store of the card with this number.

    Raises:
        FormatNeeded: it may be decimal or hexadecimal.
        BadField: there is no such format, or the number isn't of it.
        Unavailable: this server has no keys for cards.
    """
    try:
        read_notation(format_ or "")
    except CardError as error:
        raise BadField(f"{within}format", str(error)) from None
    try:
        return read_number(card_keys(request), number, format_)
    except NeedsFormat as error:
        choices = [(one.format, one.reader_sends) for one in error.choices]
        raise FormatNeeded(f"{within}number", str(error), choices) from None
    except CardError as error:
        raise BadField(f"{within}number", str(error)) from None


async def put_card(s: Session, request: Request, credential: Credential, **values: Any) -> dict[str, Any]:
    """Issue a card and return its row; a lost or returned card with this number releases it.

    Raises:
        Taken: another card has this number, at any place.
    """
    for _ in range(_TRIES):
        await s.run(RELEASE, {"lookup": credential.lookup, "over": list(OVER)})
        kept = {"last4": credential.last4, "kind": credential.kind, "format": credential.format}
        try:
            async with s.conn.transaction():
                row = await s.row(INSERT, {"lookup": credential.lookup, **kept, **values})
                if credential.sealed is not None:
                    await s.run(SEAL, {"lookup": credential.lookup, "sealed": credential.sealed})
        except UniqueViolation as error:
            if error.diag.constraint_name != "card_pkey":
                raise
            if credential.shown is None:
                break
            credential = _new_code(card_keys(request), len(credential.shown))
        else:
            assert row is not None
            return row | {"code": credential.shown}
    if credential.kind == "code":
        raise Taken("This code is not available: choose one with more digits.", field="code")
    raise Taken(
        "This card is already enrolled. Reissue a lost or returned card; if you don't find it, ask a network "
        "administrator.",
        field="number",
    )


@asynccontextmanager
async def taking(request: Request, *permissions: Permission, takes: bool = True) -> AsyncIterator[Session]:
    """Open a session that assigns a card, a code or an address (``takes``) that another member may have.

    A try for one that is taken is counted and audited, though nothing is stored.

    Raises:
        LimitReached: this key has tried too many that are taken.
    """
    tries = shared(request).tries
    try:
        async with session(request, *permissions) as s:
            if takes:
                tries.check(TAKEN, s.caller.id)
            yield s
    except Taken as error:
        async with session(request, *permissions) as s:
            tries.count(TAKEN, s.caller.id)
            what = "address" if error.field == "email" else "card"
            await note_reading(s, f"tried {what}", f"{what} in use")
        raise


def issued_json(row: dict[str, Any]) -> dict[str, Any]:
    """Format the result of ``put_card`` for an answer."""
    return card_json(row) | ({} if row["code"] is None else {"code": row["code"]})


async def _enrolled(s: Session, request: Request, enrolment: str, field: str) -> Credential:
    row = await s.row(ENROLLED, {"id": enrolment})
    if row is None:
        raise BadField(field, "there is no such enrolment")
    if row["lookup"] is None:
        what = "its card has an unknown format" if row["read_at"] else "no card has been presented yet"
        raise BadField(field, what)
    key = card_keys(request).lookup
    bits = None if row["sealed"] is None else bits_of(key, enrolment, row["sealed"])
    number = None if bits is None else number_of(key, row["lookup"].hex(), bits)
    if number is not None and row["format"] == "MIFARE4" and is_random(number):
        raise BadField(field, RANDOM)
    return Credential(lookup=bytes(row["lookup"]), last4=row["last4"], kind="card", format=row["format"])


def _new_code(keys: CardKeys, digits: int) -> Credential:
    chosen = "".join(secrets.choice("0123456789") for _ in range(digits))
    return replace(read_keypad_code(keys, chosen), shown=chosen)
