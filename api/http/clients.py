"""Limits by client: connections, streams, requests and wrong keys of one address, requests with one key.

A client is the address that a connection comes from, of IPv6 its /64 (one home has that many). Behind a trusted proxy
it is the last address in ``X-Forwarded-For`` that is none of the proxies'. Nothing here grows without an end: what is
counted in a span of time is forgotten after it, and counts of what is open are gone with it.
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
PROXIED: Final = "maillage.proxied"
"""In the ASGI scope: the request came through a trusted proxy."""
_FORWARDED: Final = b"x-forwarded-for"
_LONGEST_ADDRESS: Final = 64


class Proxies:
    """The proxies whose ``X-Forwarded-For`` is believed."""

    def __init__(self, given: str) -> None:
        """``given``: addresses and networks with commas.

        Raises:
            ValueError: something in it is neither.
        """
        self._networks = [ip_network(one.strip(), strict=False) for one in given.split(",") if one.strip()]
        self._trusts = lru_cache(maxsize=1024)(self._looked_up)

    def __bool__(self) -> bool:
        return bool(self._networks)

    def trusts(self, host: str) -> bool:
        """Whether ``host`` is one of them."""
        return bool(self._networks) and len(host) <= _LONGEST_ADDRESS and self._trusts(host)

    def client_of(self, headers: Iterable[tuple[bytes, bytes]], proxy: str) -> str:
        """Return whom ``proxy`` sent the request for; where it names nobody, the proxy itself."""
        said = b",".join(value for name, value in headers if name == _FORWARDED).decode("latin-1")
        client = proxy
        for one in reversed(said.split(",")):
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
    """What one client may do at once, and in a span of time."""

    def __init__(self, settings: ApiSettings) -> None:
        self.proxies = Proxies(settings.trusted_proxies)
        self.refused: Counter[str] = Counter()
        """How often, by limit: connections, streams, requests, wrong_keys, key_requests."""
        self._connections = Open(settings.client_connections)
        self._streams = Open(settings.client_streams)
        self._requests = Window(settings.client_requests, REQUESTS_S)
        self._wrong_keys = Window(settings.client_wrong_keys, WRONG_KEYS_S)
        self._of_key = Window(settings.key_requests, REQUESTS_S)
        self._logged = Window(1, WRONG_KEYS_S)

    def connects(self, host: str) -> bool:
        """Whether ``host`` may have one more connection; it is counted until ``disconnects``. A proxy may have any."""
        if self.proxies.trusts(host) or self._connections.take(client_of(host)):
            return True
        self._refuse("connections", host)
        return False

    def disconnects(self, host: str) -> None:
        """A connection that was counted is closed."""
        if not self.proxies.trusts(host):
            self._connections.give_back(client_of(host))

    def resolve(self, scope: Scope) -> str:
        """Return the host that a request is from; behind a trusted proxy the scope's client becomes that."""
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
            LimitReached: it has all that it may have.
        """
        client = client_of(host)
        if not self._streams.take(client):
            self._refuse("streams", host)
            raise LimitReached("Your address has all live streams that one address may have. Close some.", retry_s=5)
        return client

    def ends(self, client: str) -> None:
        """A stream that was counted is closed."""
        self._streams.give_back(client)

    def shows_unknown_key(self, host: str) -> str:
        """Count a key that was never seen to be good; return what ``was_good`` takes if it proves to be.

        Raises:
            LimitReached: this address has shown too many wrong keys.
        """
        client = client_of(host)
        if wait_s := self._wrong_keys.take(client):
            self._refuse("wrong_keys", host)
            raise LimitReached("Your address has shown too many wrong keys. Wait, and check the key.", retry_s=wait_s)
        return client

    def was_good(self, client: str) -> None:
        """The key was good after all."""
        self._wrong_keys.give_back(client)

    def uses(self, key: int, host: str) -> None:
        """Count a request with a key.

        Raises:
            LimitReached: it was used too often.
        """
        if wait_s := self._of_key.take(key):
            self._refuse("key_requests", host, key=key)
            raise LimitReached("This key has sent too many requests. Wait before you send more.", retry_s=wait_s)

    def _refuse(self, limit: str, host: str, **more: Any) -> None:
        self.refused[limit] += 1
        if not self._logged.take((limit, client_of(host))):
            log.warning("client_limited", extra={"limit": limit, "client": host, **more})


@lru_cache(maxsize=4096)
def client_of(host: str) -> str:
    """Return as what ``host`` is counted: an IPv4 address as it is, an IPv6 address as its /64."""
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
    """Read what a proxy writes of an address: bare, as ``192.0.2.7:4711`` or ``[2001:db8::7]:4711``."""
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
