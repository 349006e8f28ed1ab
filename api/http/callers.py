"""Checks the API key of a request against the database and caches the result for a few seconds."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final, TypeVar

import psycopg
from fastapi import Request
from psycopg.rows import class_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from api.http.clients import Clients
from api.http.errors import KeyMissing, KeyRefused, ScopeMissing, Unavailable
from api.http.key_text import PREFIX, digest_of
from api.http.roles import Permission, permissions_of

CACHED_S: Final = 10.0
_CACHE: Final = 10_000
_REFUSALS: Final = 2_000
"""Cached wrong keys. They have their own cache, so that they never evict valid ones."""
_UNKNOWN_AT_ONCE: Final = 2
"""Connections that may be used at once to check keys that have never been valid; the others are for known keys."""
_WAIT_S: Final = 2.0

SESSION_COOKIE: Final = "__Host-maillage"
"""Holds a session's key: ``__Host-`` lets only our own pages set it, over HTTPS or from this machine."""
_SAFE: Final = frozenset(("GET", "HEAD", "OPTIONS"))

_Value = TypeVar("_Value")

# Finds the holder of a key and records its use. The session variables that it sets end with the transaction.
_FIND: Final = "SELECT id, role, scopes, places, member, operator FROM enter(%s, '', '')"


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedCaller:
    """The holder of a key, as cached."""

    id: int
    role: str | None
    scopes: list[str]
    places: list[int] | None
    """The only places that the key reaches; None: all."""
    member: str | None = None
    """The member whose own key it is."""
    operator: str | None = None
    """The operator whose own key it is."""


class KeyChecker:
    """Checks keys and caches each result, also a refusal, for ``CACHED_S``."""

    def __init__(self, pool: AsyncConnectionPool[Any], clients: Clients) -> None:
        self._pool = pool
        self._clients = clients
        self._known: OrderedDict[bytes, tuple[float, CachedCaller]] = OrderedDict()
        self._refused: OrderedDict[bytes, float] = OrderedDict()
        self._unknown = asyncio.Semaphore(_UNKNOWN_AT_ONCE)
        self._under_way: dict[bytes, asyncio.Future[CachedCaller | None]] = {}
        """By digest: requests with the same key share one look-up."""

    async def caller(self, request: Request, *permissions: Permission) -> CachedCaller:
        """Return the caller of ``request`` if the key's role or scopes include one of ``permissions``.

        Raises:
            KeyMissing, KeyRefused, ScopeMissing: the caller may not do this.
            LimitReached: too many requests with this key, or too many wrong keys from this address.
            Unavailable: the database is down, and the key is not cached.
        """
        caller = await self.known(request)
        self._clients.uses(caller.id, _host_of(request))
        if permissions_of(caller.role, caller.scopes, bound=caller.places is not None).isdisjoint(permissions):
            raise ScopeMissing(permissions[0])
        return caller

    async def viewer(self, request: Request) -> CachedCaller:
        """Return the caller of ``request``, whatever its permissions; counts the use of the key.

        While the database is down a key counts that was valid when it was last asked: what is in memory is still shown.

        Raises:
            KeyMissing, KeyRefused: no key, or an invalid one.
            LimitReached: too many requests with this key, or too many wrong keys from this address.
            Unavailable: the database is down, and the key was not used before.
        """
        try:
            caller = await self.known(request)
        except Unavailable:
            before = self._known.get(digest_of(key_of(request)))
            if before is None:
                raise
            caller = before[1]
        self._clients.uses(caller.id, _host_of(request))
        return caller

    async def known(self, request: Request) -> CachedCaller:
        """Return the caller of ``request``, whatever its permissions.

        Raises:
            KeyMissing, KeyRefused: no key, or an invalid one.
            LimitReached: too many wrong keys from this address.
            Unavailable: the database is down, and the key is not cached.
        """
        caller = await self._find(key_of(request), _host_of(request))
        if caller is None:
            raise KeyRefused("This key is unknown, expired or revoked. Create one with `maillage key create`.")
        return caller

    async def holder(self, key: str, request: Request) -> CachedCaller | None:
        """Return who holds ``key``, whatever its permissions; None: it is unknown, expired or revoked.

        The database is asked, whatever was cached: a browser that has signed out sees nothing from then on.

        Raises:
            LimitReached: too many wrong keys from this address.
            Unavailable: the database is down, and the key is not cached.
        """
        if not key.startswith(PREFIX) or len(key) > 200:
            return None
        return await self._find(key, _host_of(request), fresh=True)

    def has_known(self, key: str) -> bool:
        """Whether ``key`` was valid when it was last asked for, not long ago."""
        return digest_of(key) in self._known

    def found(self, key: str, caller: CachedCaller) -> None:
        """Cache that the database has just found ``caller`` by ``key``."""
        _keep(self._known, digest_of(key), (monotonic() + CACHED_S, caller), _CACHE)

    def forget(self, key: str) -> None:
        """Ask the database again for this key: it has ended."""
        self._known.pop(digest_of(key), None)

    async def _find(self, key: str, host: str, *, fresh: bool = False) -> CachedCaller | None:
        digest = digest_of(key)
        known = self._known.get(digest)
        now = monotonic()
        if known is not None and now < known[0] and not fresh:
            return known[1]
        if known is None and now < self._refused.get(digest, 0.0):
            return None
        look_up = self._under_way.get(digest)
        if look_up is None:
            if known is not None:
                look_up = asyncio.ensure_future(self._look_up(key, digest))
            else:
                client = self._clients.shows_unknown_key(host)
                look_up = asyncio.ensure_future(self._look_up_unknown(key, digest, client))
            self._under_way[digest] = look_up
            look_up.add_done_callback(lambda done: self._done(digest, done))
        return await asyncio.shield(look_up)  # other requests wait for it too

    def _done(self, digest: bytes, look_up: asyncio.Future[CachedCaller | None]) -> None:
        del self._under_way[digest]
        if not look_up.cancelled():
            look_up.exception()  # read, also where no request waits for it any more

    async def _look_up_unknown(self, key: str, digest: bytes, client: str) -> CachedCaller | None:
        try:
            async with asyncio.timeout(_WAIT_S):
                await self._unknown.acquire()
        except TimeoutError:
            self._clients.was_good(client)  # not known to be wrong
            raise Unavailable("Too many unknown keys are waiting to be checked.") from None
        try:
            caller = await self._look_up(key, digest)
        except Unavailable:
            self._clients.was_good(client)  # not known to be wrong
            raise
        finally:
            self._unknown.release()
        if caller is not None:
            self._clients.was_good(client)
        return caller

    async def _look_up(self, key: str, digest: bytes) -> CachedCaller | None:
        try:
            async with (
                self._pool.connection(timeout=_WAIT_S) as conn,
                conn.cursor(row_factory=class_row(CachedCaller)) as cursor,
            ):
                caller: CachedCaller | None = await (await cursor.execute(_FIND, (key,))).fetchone()
        except (psycopg.Error, PoolTimeout, OSError) as error:
            raise Unavailable("The key can't be checked: the database is down.") from error
        until = monotonic() + CACHED_S
        if caller is None:
            self._known.pop(digest, None)
            _keep(self._refused, digest, until, _REFUSALS)
        else:
            _keep(self._known, digest, (until, caller), _CACHE)
        return caller


def _keep(cache: OrderedDict[bytes, _Value], digest: bytes, value: _Value, most: int) -> None:
    cache[digest] = value
    cache.move_to_end(digest)
    while len(cache) > most:
        cache.popitem(last=False)


def _host_of(request: Request) -> str:
    return request.client.host if request.client else ""


def key_of(request: Request) -> str:
    """Read the key of ``request``: ``Authorization: Bearer mk_…``, ``X-Api-Key``, or the cookie of a signed-in browser.

    Raises:
        KeyMissing, KeyRefused: there is none, it doesn't look like a key, or another site makes a browser send it.
    """
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        key = request.headers.get("x-api-key", "")
    key = key.strip()
    if not key and (cookie := session_cookie_of(request)):
        if request.method not in _SAFE and not is_from_our_page(request):
            raise KeyRefused("A signed-in browser changes things from our own pages only. For a program, create a key.")
        key = cookie
    if not key:
        raise KeyMissing("A key is required: send `Authorization: Bearer mk_…`. Create one with `maillage key create`.")
    if not key.startswith(PREFIX) or len(key) > 200:
        raise KeyRefused("This is not a key of this network: keys begin with `mk_`.")
    return key


def session_cookie_of(request: Request) -> str:
    """Return the key in the cookie of a signed-in browser; empty: there is none."""
    return request.cookies.get(SESSION_COOKIE, "")


def is_from_our_page(request: Request) -> bool:
    """Whether a browser says that one of our own pages sends this request.

    By ``Sec-Fetch-Site`` (W3C Fetch Metadata), which no page can set; where a browser sends none, by ``Origin``
    (RFC 6454). A request with neither isn't.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin", "")
    return origin.partition("://")[2] == request.headers.get("host")
