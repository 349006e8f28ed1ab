"""Who asks: the key of a request, checked against the database and believed for a few seconds."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

import psycopg
from fastapi import Request
from psycopg.rows import class_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from api.errors import KeyMissing, KeyRefused, ScopeMissing, Unavailable
from api.keys import PREFIX, digest_of
from api.roles import Permission, permissions_of

BELIEVED_S: Final = 10.0
_CACHE: Final = 10_000

# Whose key it is; it notes that the key is used. What it tells the transaction ends with it.
_FIND: Final = "SELECT id, role, scopes, places FROM enter(%s, '', '')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who a key stands for."""

    id: int
    role: str | None
    scopes: list[str]
    places: list[int] | None
    """The only places that may be seen; None: all."""


class Keys:
    """Checks keys; remembers each verdict, also a refusal, for ``BELIEVED_S``."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool
        self._known: OrderedDict[bytes, tuple[float, Caller | None]] = OrderedDict()

    async def caller(self, request: Request, *permissions: Permission) -> Caller:
        """Who sent ``request``, if their key's role or scopes hold one of ``permissions``.

        Raises:
            KeyMissing, KeyRefused, ScopeMissing: they may not.
            Unavailable: the database is away, and the key is not known from before.
        """
        caller = await self.known(request)
        if permissions_of(caller.role, caller.scopes, bound=caller.places is not None).isdisjoint(permissions):
            raise ScopeMissing(permissions[0])
        return caller

    async def known(self, request: Request) -> Caller:
        """Who sent ``request``, whatever they may do.

        Raises:
            KeyMissing, KeyRefused: no key, or none that is good.
            Unavailable: the database is away, and the key is not known from before.
        """
        caller = await self._find(key_of(request))
        if caller is None:
            raise KeyRefused("This key is unknown, expired or revoked. Make one with `maillage key create`.")
        return caller

    async def _find(self, key: str) -> Caller | None:
        digest = digest_of(key)
        known = self._known.get(digest)
        if known is not None and monotonic() < known[0]:
            return known[1]
        try:
            async with self._pool.connection(timeout=2) as conn, conn.cursor(row_factory=class_row(Caller)) as cursor:
                caller: Caller | None = await (await cursor.execute(_FIND, (key,))).fetchone()
        except (psycopg.Error, PoolTimeout, OSError) as error:
            raise Unavailable("The key can't be checked: the database is away.") from error
        self._known[digest] = (monotonic() + BELIEVED_S, caller)
        self._known.move_to_end(digest)
        while len(self._known) > _CACHE:
            self._known.popitem(last=False)
        return caller


def key_of(request: Request) -> str:
    """Read the key of ``request``: ``Authorization: Bearer mk_…`` or ``X-Api-Key``.

    Raises:
        KeyMissing, KeyRefused: none, or something that is no key.
    """
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        key = request.headers.get("x-api-key", "")
    key = key.strip()
    if not key:
        raise KeyMissing("This needs a key: send `Authorization: Bearer mk_…`. Make one with `maillage key create`.")
    if not key.startswith(PREFIX) or len(key) > 200:
        raise KeyRefused("This isn't a key of this network: they begin with `mk_`.")
    return key
