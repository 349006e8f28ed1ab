"""The database transaction of one request, in which the database itself knows the caller.

``enter()`` checks the key and sets the caller, the address and the request's id for the transaction; row-level security
and the audit use them. Without it the API's database user sees no members, cards or passes: no route can skip it.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from types import UnionType
from typing import Any, Final, TypedDict

import psycopg
from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import DictRow, dict_row
from psycopg_pool import PoolTimeout, TooManyRequests
from pydantic import BaseModel
from starlette.responses import Response

from api.http.callers import key_of
from api.http.clients import PROXIED
from api.http.database_errors import as_problem
from api.http.errors import DatabaseFault, KeyRefused, ScopeMissing, Unavailable
from api.http.joined import JOINED, Joined
from api.http.middleware import REQUEST_ID
from api.http.openapi import problem_responses
from api.http.roles import Permission, permissions_of
from api.http.state import shared

_GIVEN_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")

# Sets the caller of the transaction.
_ENTER: Final = "SELECT id, name, role, scopes, places, member, gateway, operator FROM enter(%s, %s, %s)"

_IF_MATCH: Final = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "The `ETag` of the version that this change is based on.",
    "schema": {"type": "string"},
    "example": '"3"',
}
_BEARER: Final = HTTPBearer(auto_error=False, description="A key whose role has the permission (docs/api.md, Roles).")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The caller of a request, as ``enter()`` returns it: a key with its role, and the person whose own key it is."""

    id: int
    name: str
    role: str | None
    scopes: Sequence[str]
    places: Sequence[int] | None
    """Ids of the only places that the key reaches; None: the whole network."""
    member: str | None
    """The member whose own key it is."""
    gateway: int | None
    operator: str | None = None
    """The operator whose own key it is."""
    permissions: frozenset[Permission] = field(default=frozenset(), repr=False)

    @property
    def actor(self) -> str:
        """The name in the audit and in histories, for example ``key:7 accueil`` or ``key:9 operator:u-0a1b``."""
        return f"key:{self.id} {self.name if self.operator is None else f'operator:{self.operator}'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """An open transaction of a caller; a failure rolls it back."""

    conn: AsyncConnection[Any]
    caller: Caller
    request_id: str
    found: dict[object, asyncio.Task[DictRow | None]] | None = field(default=None, repr=False)
    """What the reads of a page look up again and again; None: something may be changed in this transaction."""

    async def row(self, query: str, values: Mapping[str, Any] | Sequence[Any] | None = None) -> DictRow | None:
        """Return the first row of a query by column name; None: there is none."""
        return await (await self._execute(query, values)).fetchone()

    async def row_once(self, query: str, values: Sequence[Any]) -> DictRow | None:
        """Return the first row of a query; within one page the database is asked once for the same."""
        if self.found is None:
            return await self.row(query, values)
        asked = (query, *values)
        finding = self.found.get(asked)
        if finding is None:
            finding = self.found[asked] = asyncio.ensure_future(self.row(query, values))
        return await finding

    async def rows(self, query: str, values: Mapping[str, Any] | Sequence[Any] | None = None) -> list[DictRow]:
        """Return all rows of a query by column name."""
        return await (await self._execute(query, values)).fetchall()

    async def run(self, query: str, values: Mapping[str, Any] | Sequence[Any] | None = None) -> int:
        """Run a statement and return the number of rows it changed."""
        return (await self.conn.execute(query.encode(), values)).rowcount

    async def _execute(self, query: str, values: Mapping[str, Any] | Sequence[Any] | None) -> AsyncCursor[DictRow]:
        return await self.conn.cursor(row_factory=dict_row).execute(query.encode(), values)


@asynccontextmanager
async def session(request: Request, *permissions: Permission) -> AsyncIterator[Session]:
    """Open the transaction of ``request``; it commits when the block ends.

    The key must have one of ``permissions``; with none given, any valid key will do.

    Raises:
        KeyMissing, KeyRefused: no key, or an invalid one.
        ScopeMissing, NotYours: the role never allows this, or not for this row (SQLSTATE 42501).
        Conflict, BadField: the database refuses it.
        Unavailable: the database is down or too busy.
    """
    joined: Joined[Session] | None = request.scope.get(JOINED)
    try:
        opening = _opened(request) if joined is None else joined.use(lambda: _opened(request, shares=True))
        async with opening as opened:
            if permissions and opened.caller.permissions.isdisjoint(permissions):
                raise ScopeMissing(permissions[0])
            yield opened
    except psycopg.Error as error:
        problem = as_problem(error)
        if problem is None:  # without its text and cause: they quote the row, and names must not be logged
            raise DatabaseFault(f"SQLSTATE {error.sqlstate}, {type(error).__name__}") from None
        raise problem from error
    except (PoolTimeout, TooManyRequests, OSError) as error:
        raise Unavailable("The database is down or too busy.") from error


async def joining(request: Request, key: str, joined: Joined[Session]) -> Caller:
    """Enter the database with ``key`` in the transaction that the reads of a page will share.

    Raises:
        KeyRefused: this key is invalid.
        Unavailable: the database is down or too busy.
    """
    try:
        async with joined.use(lambda: _opened(request, key, shares=True)) as opened:
            return opened.caller
    except (psycopg.Error, PoolTimeout, TooManyRequests, OSError) as error:
        raise Unavailable("The database is down or too busy.") from error


@asynccontextmanager
async def _opened(request: Request, key: str | None = None, *, shares: bool = False) -> AsyncIterator[Session]:
    request_id = request_id_of(request)
    key = key_of(request) if key is None else key
    async with shared(request).turns.connection() as conn:
        caller = await _enter(conn, key, _address_of(request), request_id)
        yield Session(conn=conn, caller=caller, request_id=request_id, found={} if shares else None)


async def _enter(conn: AsyncConnection[Any], key: str, address: str, request_id: str) -> Caller:
    cursor = await conn.cursor(row_factory=dict_row).execute(_ENTER, (key, address, request_id))
    found = await cursor.fetchone()
    if found is None or found["id"] is None:
        raise KeyRefused("This key is unknown, expired or revoked. Create one with `maillage key create`.")
    return Caller(
        **found, permissions=permissions_of(found["role"], found["scopes"] or (), bound=found["places"] is not None)
    )


def _address_of(request: Request) -> str:
    """Return the client's address: the peer's, or the one from a trusted proxy (``api.http.clients``)."""
    try:
        return str(ip_address(request.client.host if request.client else ""))
    except ValueError:
        return ""


def request_id_of(request: Request) -> str:
    """Return the request's id: the one from a trusted proxy (1 to 64 letters, digits, ``. _ -``), or a new one."""
    known = request.scope.get(REQUEST_ID)
    if isinstance(known, str):
        return known
    given = request.headers.get("x-request-id", "") if PROXIED in request.scope else ""
    request_id = given if _GIVEN_ID.fullmatch(given) else uuid.uuid4().hex
    request.scope[REQUEST_ID] = request_id
    return request_id


class Guarded(TypedDict):
    """Arguments for the decorator of a route that opens a session."""

    dependencies: list[Any]
    openapi_extra: dict[str, Any]
    responses: dict[int | str, dict[str, Any]]
    response_class: type[Response]


PERMISSION_MARK: Final = "x-permission"


class _Allowed:
    """Checks the key before the body is validated, so that callers without a key learn nothing about it."""

    def __init__(self, permissions: Sequence[Permission]) -> None:
        self._permissions = permissions

    async def __call__(self, request: Request) -> None:
        request_id_of(request)  # so that a refusal has an id too
        keys = shared(request).keys
        await (keys.caller(request, *self._permissions) if self._permissions else keys.viewer(request))


def guarded(
    *permissions: Permission,
    answers: Mapping[int, type[BaseModel] | UnionType] | None = None,
    problems: Sequence[int] = (),
    changes: bool = False,
    csv: bool = False,
    pdf: bool = False,
    svg: bool = False,
) -> Guarded:
    """Return a route's permissions (one is enough), answers and problems, for its decorator, OpenAPI and the tests.

    For example ``@router.get("/v1/members", **guarded("members:read", answers={200: Members}))``. With ``changes`` it
    takes an ``If-Match``; with ``csv`` and ``pdf`` it can answer as these too, with ``svg`` it answers as that.
    Without a permission any valid key will do. The key is checked twice: here, where the result may be some seconds
    old, and by ``session``.
    """
    statuses = {401, 403, 404, 422, 503, *problems, *((409, 412, 428) if changes else ())}
    shapes: dict[int | str, dict[str, Any]] = {status: {"model": model} for status, model in (answers or {}).items()}
    if csv:
        shapes.setdefault(200, {})["content"] = {"text/csv": {"schema": {"type": "string"}}}
    if pdf:
        content = shapes.setdefault(200, {}).setdefault("content", {})
        content["application/pdf"] = {"schema": {"type": "string", "format": "binary"}}
    if svg:
        shapes.setdefault(200, {})["content"] = {"image/svg+xml": {"schema": {"type": "string"}}}
    extra: dict[str, Any] = {PERMISSION_MARK: list(permissions)}
    if changes:
        extra["parameters"] = [_IF_MATCH]
    return Guarded(
        dependencies=[Depends(_BEARER), Depends(_Allowed(permissions))],
        openapi_extra=extra,
        responses={**shapes, **problem_responses(*sorted(statuses))},
        response_class=Response,
    )
