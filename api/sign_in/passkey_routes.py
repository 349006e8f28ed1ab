"""``/v1/passkeys``: the passkeys of the person who asks."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request
from psycopg.rows import DictRow
from pydantic import Field
from starlette.responses import Response

from api.http.answers import json_answer
from api.http.errors import BadField, Conflict, NotFound
from api.http.models import Answer, Body, Name, time_of
from api.http.session import Session, guarded, session
from api.sign_in import passkeys
from api.sign_in.site import Site, site_of

router: Final = APIRouter(tags=["sessions"])

_OWN: Final = "SELECT id, name, created_at, last_used_at, credential FROM own_passkeys()"
_SELF: Final = "SELECT ref, name, email FROM sign_in_self()"
_CHALLENGE: Final = "SELECT passkey_challenge(%(digest)s)"
_ADD: Final = "SELECT passkey_add(%(challenge)s, %(credential)s, %(public_key)s, %(sign_count)s, %(name)s) AS id"
_NAME: Final = "SELECT name_own_passkey(%(id)s, %(name)s) AS done"
_REMOVE: Final = "SELECT remove_own_passkey(%(id)s) AS done"
_NONE: Final = "You have no such passkey. List them with /v1/passkeys."

Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
PasskeyName = Annotated[Name, Field(max_length=100, examples=["Téléphone"])]


class Passkey(Answer):
    """A passkey of yours."""

    id: int
    name: str
    created_at: datetime
    last_used_at: datetime | None


class Passkeys(Answer):
    """Newest first."""

    passkeys: list[Passkey]


class PasskeyOptions(Answer):
    """What a browser makes a passkey by (WebAuthn, ``PublicKeyCredentialCreationOptionsJSON``)."""

    options: dict[str, Any]


class PasskeyMade(Body):
    """A passkey that a browser made."""

    name: PasskeyName
    credential: str = Field(
        max_length=passkeys.LONGEST, description="The browser's answer as JSON text (`RegistrationResponseJSON`)."
    )


class PasskeyNamed(Body):
    """Another name for a passkey."""

    name: PasskeyName


class PasskeyGone(Answer):
    """A passkey that is no more."""

    id: int


@router.get("/v1/passkeys", summary="Your passkeys", **guarded(answers={200: Passkeys}))
async def list_passkeys(request: Request) -> Response:
    """The passkeys by which the person behind this key or session can sign in."""
    async with session(request) as s:
        found = await s.rows(_OWN)
    return json_answer({"passkeys": [_json(row) for row in found]})


@router.post(
    "/v1/passkeys/options",
    summary="Begin to add a passkey",
    **guarded(answers={200: PasskeyOptions}, problems=(409,)),
)
async def options(request: Request) -> Response:
    """What the browser makes it by; good once, for five minutes. An operator adds one within an hour of signing in."""
    site, challenge = _site(request), passkeys.new_challenge()
    async with session(request) as s:
        await s.run(_CHALLENGE, {"digest": sha256(challenge).digest()})
        person = await s.row(_SELF)
        assert person is not None  # `passkey_challenge` refuses nobody's key
        there = [bytes(row["credential"]) for row in await s.rows(_OWN)]
    name = person["name"] or person["ref"]
    made = passkeys.to_make(site, challenge, ref=person["ref"], name=name, account=person["email"] or name, there=there)
    return json_answer({"options": made})


@router.post(
    "/v1/passkeys", status_code=201, summary="Add a passkey", **guarded(answers={201: Passkey}, problems=(409,))
)
async def add(request: Request, body: PasskeyMade) -> Response:
    """The one that the browser made by the options. The audit names it, without what it is."""
    site = _site(request)
    try:
        claim = passkeys.claim_of(body.credential)
        made = passkeys.made(site, claim.challenge, body.credential)
    except passkeys.PasskeyRefused as error:
        raise BadField("credential", str(error)) from error
    values = {
        "challenge": sha256(claim.challenge).digest(),
        "credential": made.credential,
        "public_key": made.public_key,
        "sign_count": made.sign_count,
        "name": body.name,
    }
    async with session(request) as s:
        row = await s.row(_ADD, values)
        if row is None or row["id"] is None:
            raise Conflict("These options were used already, or they are older than five minutes. Ask for new ones.")
        answer = await _one(s, row["id"])
    return json_answer(answer, status=201)


@router.patch("/v1/passkeys/{number}", summary="Rename a passkey", **guarded(answers={200: Passkey}))
async def rename(number: Number, request: Request, body: PasskeyNamed) -> Response:
    """One of your own."""
    async with session(request) as s:
        row = await s.row(_NAME, {"id": number, "name": body.name})
        if row is None or not row["done"]:
            raise NotFound(_NONE)
        answer = await _one(s, number)
    return json_answer(answer)


@router.delete(
    "/v1/passkeys/{number}", summary="Remove a passkey", **guarded(answers={200: PasskeyGone}, problems=(409,))
)
async def remove(number: Number, request: Request) -> Response:
    """One of your own; nobody signs in with it from then on. Sessions that began with it go on."""
    async with session(request) as s:
        row = await s.row(_REMOVE, {"id": number})
        if row is None or not row["done"]:
            raise NotFound(_NONE)
    return json_answer({"id": number})


def _site(request: Request) -> Site:
    site = site_of(request)
    if site is None:
        raise Conflict("This server has no address that passkeys can be bound to: set MAILLAGE_PUBLIC_URL to its name.")
    return site


async def _one(s: Session, number: int) -> dict[str, Any]:
    return next(_json(row) for row in await s.rows(_OWN) if row["id"] == number)


def _json(row: DictRow) -> dict[str, Any]:
    times = ("created_at", "last_used_at")
    return {"id": row["id"], "name": row["name"], **{name: time_of(row[name]) for name in times}}
