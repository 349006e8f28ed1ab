"""``/v1/password`` and ``/v1/second-factor``: how the person who asks signs in, beside links and passkeys."""

from __future__ import annotations

import time
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Request
from psycopg.rows import DictRow
from pydantic import Field
from starlette.responses import Response

from api.http.answers import json_answer
from api.http.errors import BadField, Conflict, LimitReached
from api.http.models import Answer, Body, time_of
from api.http.session import Session, guarded, session
from api.sign_in import passwords, totp
from api.sign_in.factors import open_secret, seal_secret

router: Final = APIRouter(tags=["sessions"])

_OWN: Final = "SELECT kind, may_change, password_at, factor_at, recovery_codes FROM own_sign_in()"
_SELF: Final = "SELECT ref, name, email FROM sign_in_self()"
# Refuses who may not change how they sign in.
_MAY: Final = "SELECT ref FROM pending_own_factor()"
_TRY: Final = "SELECT sign_in_try(%(who)s, %(who)s, %(most)s, %(most)s, interval '15 minutes') AS may"
_MOST: Final = 10
"""New passwords of one person in 15 minutes: each takes a processor for a while, and 64 MiB."""
_SET: Final = "SELECT set_own_password(%(hash)s)"
_REMOVE: Final = "SELECT remove_own_password()"
_BEGIN: Final = "SELECT begin_own_factor(%(sealed)s)"
_PENDING: Final = "SELECT ref, sealed FROM pending_own_factor()"
_CONFIRM: Final = "SELECT confirm_own_factor(%(step)s, %(digests)s) AS done"
_CODES: Final = "SELECT set_own_recovery_codes(%(digests)s) AS done"
_REMOVE_FACTOR: Final = "SELECT remove_own_factor()"
_NOBODYS: Final = "This key belongs to nobody: people sign in, keys don't."


class OwnSignIn(Answer):
    """How you sign in."""

    kind: Literal["member", "operator"] | None = Field(description="null: this key is nobody's.")
    may_change: bool = Field(
        description="Whether you may change it now: a browser within an hour of signing in; of a member also a key."
    )
    password_at: datetime | None = Field(description="When the password was set; null: there is none.")
    factor_at: datetime | None = Field(description="When the second factor was confirmed; null: there is none.")
    recovery_codes: int = Field(description="Recovery codes that are left.")


class NewPassword(Body):
    """A password."""

    password: str = Field(
        max_length=passwords.LONGEST,
        description="15 characters and more, of any kind.",
        examples=["quatre mots au hasard"],
    )


class FactorBegun(Answer):
    """A second factor that doesn't count yet."""

    secret: str = Field(description="To be typed into an authenticator: base32.")
    address: str = Field(description="The same for a QR code: `otpauth://…`.")


class FactorCode(Body):
    """A code of the authenticator."""

    code: Annotated[str, Field(max_length=20, examples=["492039"])]


class RecoveryCodes(Answer):
    """Shown once; each signs in once in place of the authenticator's code."""

    recovery_codes: list[str]


@router.get("/v1/password", summary="How you sign in", **guarded(answers={200: OwnSignIn}))
async def own(request: Request) -> Response:
    """Whether the person behind this key or session has a password and a second factor."""
    async with session(request) as s:
        return json_answer(await _own(s))


@router.put("/v1/password", summary="Set your password", **guarded(answers={200: OwnSignIn}, problems=(409, 429)))
async def set_password(request: Request, body: NewPassword) -> Response:
    """A new one, or another. An operator's is of no use without a second factor."""
    if passwords.is_short(body.password):
        raise BadField("password", f"a password has {passwords.SHORTEST} characters and more: four words will do")
    async with session(request) as s:
        await s.rows(_MAY)
        person = await _person(s)
    if passwords.is_common(body.password, person["name"], person["email"]):
        raise BadField("password", "this is easy to guess: take words that nobody expects beside each other")
    async with session(request) as s:  # counted before the hash is made, whatever becomes of it
        row = await s.row(_TRY, {"who": sha256(f"new password\0{person['ref']}".encode()).digest(), "most": _MOST})
        if row is None or not row["may"]:
            raise LimitReached("You have set many passwords just now. Wait a quarter of an hour.", retry_s=900)
    hash_ = await passwords.hashed(body.password)  # outside of a transaction, since it takes a while
    async with session(request) as s:
        await s.run(_SET, {"hash": hash_})
        return json_answer(await _own(s))


@router.delete("/v1/password", summary="Remove your password", **guarded(answers={200: OwnSignIn}, problems=(409,)))
async def remove_password(request: Request) -> Response:
    """Links by mail and passkeys remain."""
    async with session(request) as s:
        await s.run(_REMOVE)
        return json_answer(await _own(s))


@router.post(
    "/v1/second-factor", summary="Begin with a second factor", **guarded(answers={200: FactorBegun}, problems=(409,))
)
async def begin(request: Request) -> Response:
    """The secret is shown only here. It counts once `/v1/second-factor/confirm` was sent a code of it."""
    async with session(request) as s:
        person, secret = await _person(s), totp.new_secret()
        await s.run(_BEGIN, {"sealed": seal_secret(request, person["ref"], secret)})
    account = person["email"] or person["name"] or person["ref"]
    return json_answer({"secret": totp.written(secret), "address": totp.address_of(secret, account)})


@router.post(
    "/v1/second-factor/confirm",
    summary="Confirm your second factor",
    **guarded(answers={200: RecoveryCodes}, problems=(409,)),
)
async def confirm(request: Request, body: FactorCode) -> Response:
    """With a code of it; the recovery codes are shown only here."""
    codes = totp.new_recovery_codes()
    async with session(request) as s:
        pending = await s.row(_PENDING)
        if pending is None:
            raise Conflict("There is no second factor to confirm: begin with POST /v1/second-factor.")
        secret = open_secret(request, pending["ref"], bytes(pending["sealed"]))
        step = totp.step_of(secret, "".join(body.code.split()), time.time())
        if step is None:
            raise BadField("code", "this is not the code that the authenticator shows now")
        await s.run(_CONFIRM, {"step": step, "digests": [totp.recovery_digest(one) for one in codes]})
    return json_answer({"recovery_codes": codes})


@router.post(
    "/v1/second-factor/recovery-codes",
    summary="New recovery codes",
    **guarded(answers={200: RecoveryCodes}, problems=(409,)),
)
async def recovery_codes(request: Request) -> Response:
    """Shown only here; the ones before are of no use any more."""
    codes = totp.new_recovery_codes()
    async with session(request) as s:
        row = await s.row(_CODES, {"digests": [totp.recovery_digest(one) for one in codes]})
        if row is None or not row["done"]:
            raise Conflict("You have no second factor.")
    return json_answer({"recovery_codes": codes})


@router.delete(
    "/v1/second-factor", summary="Remove your second factor", **guarded(answers={200: OwnSignIn}, problems=(409,))
)
async def remove_factor(request: Request) -> Response:
    """With its recovery codes. An operator's password is of no use from then on."""
    async with session(request) as s:
        await s.run(_REMOVE_FACTOR)
        return json_answer(await _own(s))


async def _own(s: Session) -> dict[str, object]:
    row = await s.row(_OWN)
    assert row is not None  # of any caller there is one
    return {
        "kind": row["kind"],
        "may_change": row["may_change"],
        "password_at": time_of(row["password_at"]),
        "factor_at": time_of(row["factor_at"]),
        "recovery_codes": row["recovery_codes"],
    }


async def _person(s: Session) -> DictRow:
    row = await s.row(_SELF)
    if row is None:
        raise Conflict(_NOBODYS)
    return row
