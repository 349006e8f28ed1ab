"""Limits by client: connections, streams, requests and wrong keys of one address, requests with one key.

A client is the address that a connection comes from, for IPv6 its /64 (the size of one home's network). Behind a
trusted proxy it is the last address in ``X-Forwarded-For`` that is not a proxy's. Memory is bounded: counts in a time
span are forgotten after it, and counts of open connections end with them.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, Final

from starlette.types import Scope

from api.http.errors import LimitReached
from api.http.limits import Open, Window
from api.http.settings import ApiSettings

log = logging.getLogger(__name__)

REQUESTS_S: Final = 10.0
WRONG_KEYS_S: Final = 60.0
LINKS_S: Final = 600.0
PROXIED: Final = "maillage.proxied"
"""In the ASGI scope: the request came through a trusted proxy."""
_FORWARDED: Final = b"x-forwarded-for"
_LONGEST_ADDRESS: Final = 64


class Proxies:
    """The proxies whose ``X-Forwarded-For`` is trusted."""

    def __init__(self, given: str) -> None:
        """Parse ``given``: addresses and networks separated by commas.

        Raises:
            ValueError: an entry is neither.
        """
        self._networks = [ip_network(one.strip(), strict=False) for one in given.split(",") if one.strip()]
        self._trusts = lru_cache(maxsize=1024)(self._looked_up)

    def __bool__(self) -> bool:
        return bool(self._networks)

    def trusts(self, host: str) -> bool:
        """Whether ``host`` is a trusted proxy."""
        return bool(self._networks) and len(host) <= _LONGEST_ADDRESS and self._trusts(host)

    def client_of(self, headers: Iterable[tuple[bytes, bytes]], proxy: str) -> str:
        """Return the client that ``proxy`` forwards for; without a valid header, the proxy itself."""
        forwarded = b",".join(value for name, value in headers if name == _FORWARDED).decode("latin-1")
        client = proxy
        for one in reversed(forwarded.split(",")):
            host = _address(one.strip())
            if host is None:
                break
            client = host
            if not self.trusts(host):
                break
        return client

    def _looked_up(self, host: str) -> bool:
        try:
            address = ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self._networks)


class Clients:
    """Limits what one client may have open at once and do in a time span."""

    def __init__(self, settings: ApiSettings) -> None:
        self.proxies = Proxies(settings.trusted_proxies)
        self.refused: Counter[str] = Counter()
        """Refusals by limit: connections, streams, requests, wrong_keys, key_requests, links, sign_ins."""
        self._connections = Open(settings.client_connections)
        self._streams = Open(settings.client_streams)
        self._requests = Window(settings.client_requests, REQUESTS_S)
        self._wrong_keys = Window(settings.client_wrong_keys, WRONG_KEYS_S)
        self._of_key = Window(settings.key_requests, REQUESTS_S)
        self._links = Window(settings.client_links, LINKS_S)
        self._sign_ins = Window(settings.client_sign_ins, LINKS_S)
        self._logged = Window(1, WRONG_KEYS_S)

    def connects(self, host: str) -> bool:
        """Whether ``host`` may have one more connection, counted until ``disconnects``. Proxies have no limit."""
        if self.proxies.trusts(host) or self._connections.take(client_of(host)):
            return True
        self._refuse("connections", host)
        return False

    def disconnects(self, host: str) -> None:
        """Uncount a closed connection."""
        if not self.proxies.trusts(host):
            self._connections.give_back(client_of(host))

    def resolve(self, scope: Scope) -> str:
        """Return the client's address; behind a trusted proxy, also write it to the scope."""
        peer = scope["client"]
        host: str = peer[0] if peer else ""
        if self.proxies.trusts(host):
            scope[PROXIED] = True
            host = self.proxies.client_of(scope["headers"], host)
            scope["client"] = (host, 0)
        return host

    def asks(self, host: str, scope: Scope) -> int:
        """Count a request of ``host``; return 0, or in how many seconds to try again."""
        wait_s = self._requests.take(host if ":" not in host else client_of(host))
        if wait_s:
            forwarded = PROXIED not in scope and any(name == _FORWARDED for name, _ in scope["headers"])
            self._refuse("requests", host, forwarded=forwarded)
        return wait_s

    def streams(self, host: str) -> str:
        """Count one more stream of ``host``; return what ``ends`` takes.

        Raises:
            LimitReached: it has too many.
        """
        client = client_of(host)
        if not self._streams.take(client):
            self._refuse("streams", host)
            raise LimitReached("Your address has the maximum number of live streams. Close some.", retry_s=5)
        return client

    def ends(self, client: str) -> None:
        """Uncount a closed stream."""
        self._streams.give_back(client)

    def shows_unknown_key(self, host: str) -> str:
        """Count a key that has never been valid; return the argument of ``was_good`` in case it is.

        Raises:
            LimitReached: too many wrong keys from this address.
        """
        client = client_of(host)
        if wait_s := self._wrong_keys.take(client):
            self._refuse("wrong_keys", host)
            raise LimitReached("Your address has sent too many wrong keys. Wait, and check the key.", retry_s=wait_s)
        return client

    def was_good(self, client: str) -> None:
        """Uncount a key that proved valid."""
        self._wrong_keys.give_back(client)

    def uses(self, key: int, host: str) -> None:
        """Count a request with a key.

        Raises:
            LimitReached: too many requests with it.
        """
        if wait_s := self._of_key.take(key):
            self._refuse("key_requests", host, key=key)
            raise LimitReached("This key has sent too many requests. Wait before you send more.", retry_s=wait_s)

    def asks_link(self, host: str) -> int:
        """Count a link to sign in with; return 0, or in how many seconds to try again."""
        wait_s = self._links.take(client_of(host))
        if wait_s:
            self._refuse("links", host)
        return wait_s

    def signs_in(self, host: str) -> int:
        """Count a try to sign in with a passkey or a password; return 0, or in how many seconds to try again."""
        wait_s = self._sign_ins.take(client_of(host))
        if wait_s:
            self._refuse("sign_ins", host)
        return wait_s

    def _refuse(self, limit: str, host: str, **more: Any) -> None:
        self.refused[limit] += 1
        if not self._logged.take((limit, client_of(host))):
            log.warning("client_limited", extra={"limit": limit, "client": host, **more})


@lru_cache(maxsize=4096)
def client_of(host: str) -> str:
    """Return the client that ``host`` counts as: an IPv4 address itself, an IPv6 address its /64."""
    try:
        address = ip_address(host)
    except ValueError:
        return host[:_LONGEST_ADDRESS]
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ip_network((address.packed[:8] + bytes(8), 64)))
    return str(address)


def _address(text: str) -> str | None:
    """Parse an address as proxies write it: bare, as ``192.0.2.7:4711`` or ``[2001:db8::7]:4711``."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    if len(text) > _LONGEST_ADDRESS:
        return None
    try:
        return str(ip_address(text))
    except ValueError:
        return None
