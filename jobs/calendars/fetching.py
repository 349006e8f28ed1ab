"""Fetches a calendar over HTTPS: bounded in size, time and redirects, and never from an address inside the network.

The address comes from outside, so it must not lead to what only this machine can reach: each address of the host is
checked, after each redirect again, and the connection goes to the address that was checked.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urljoin, urlsplit

from jobs.calendars.expanding import CalendarUnreadable

LARGEST: Final = 2 * 2**20
_REDIRECTS: Final = 3
_WHOLE_S: Final = 30.0
_STEP_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A calendar as it came; ``text`` is None where it hasn't changed."""

    text: bytes | None
    etag: str | None
    modified: str | None


def fetch(url: str, *, etag: str | None, modified: str | None, private: bool) -> Fetched:
    """Fetch ``url``; ``private`` allows addresses inside the network, and http.

    Raises:
        CalendarUnreadable: it can't be had.
    """
    end = time.monotonic() + _WHOLE_S
    headers = {"User-Agent": "Maillage", "Accept": "text/calendar", "Accept-Encoding": "identity"}
    headers |= {"If-None-Match": etag} if etag else {}
    headers |= {"If-Modified-Since": modified} if modified else {}
    for _ in range(_REDIRECTS + 1):
        connection, path = _connect(url, private=private)
        hang_up = threading.Timer(max(0.0, end - time.monotonic()), connection.hang_up)
        hang_up.daemon = True
        try:
            hang_up.start()
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            if answer.status in (301, 302, 303, 307, 308):
                url = _joined(url, answer.getheader("Location", ""))
                continue
            if answer.status == 304:
                return Fetched(text=None, etag=etag, modified=modified)
            if answer.status != 200:
                raise CalendarUnreadable(f"its server answers with {answer.status}")
            text = _body(answer, end)
            tags = answer.getheader("ETag"), answer.getheader("Last-Modified")
            kept = [tag if tag is not None and len(tag) <= 100 else None for tag in tags]
            return Fetched(text=text, etag=kept[0], modified=kept[1])
        except (OSError, http.client.HTTPException) as error:
            raise CalendarUnreadable(f"its server can't be reached ({type(error).__name__})") from error
        finally:
            hang_up.cancel()
            connection.close()
    raise CalendarUnreadable(f"its server redirects more than {_REDIRECTS} times")


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise CalendarUnreadable("its server redirects to an address that isn't valid") from None


def _body(answer: http.client.HTTPResponse, end: float) -> bytes:
    parts, size = [], 0
    while part := answer.read1(65536):
        size += len(part)
        if size > LARGEST:
            raise CalendarUnreadable(f"it is larger than {LARGEST // 2**20} MB")
        if time.monotonic() > end:
            raise CalendarUnreadable(f"its server takes longer than {_WHOLE_S:g} s")
        parts.append(part)
    return b"".join(parts)


def _connect(url: str, *, private: bool) -> tuple[_Pinned, str]:
    try:
        where = urlsplit(url)
        port = where.port
    except ValueError:
        raise CalendarUnreadable("its address isn't valid, or its port") from None
    if not url.isascii():
        raise CalendarUnreadable("its address has letters that must be percent-encoded")
    if where.scheme != "https" and not (private and where.scheme == "http"):
        raise CalendarUnreadable("its address must begin with https://")
    if not where.hostname or where.username is not None:
        raise CalendarUnreadable("its address needs a host, and no user or password")
    secure = where.scheme == "https"
    address = _checked(where.hostname, port or (443 if secure else 80), private=private)
    connection = _Pinned(where.hostname, port or (443 if secure else 80), address, secure=secure)
    return connection, (where.path or "/") + (f"?{where.query}" if where.query else "")


def _checked(host: str, port: int, *, private: bool) -> str:
    try:
        found = {str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        raise CalendarUnreadable("its server's name is unknown") from None
    if not private and not all(_is_public(one) for one in found):
        raise CalendarUnreadable("its server is inside a private network")
    return min(found)


def _is_public(address: str) -> bool:
    found = ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None) or getattr(found, "sixtofour", None)
    return found.is_global and not found.is_multicast and (mapped is None or mapped.is_global)


class _Pinned(http.client.HTTPConnection):
    """A connection to the address that was checked, under the host's name."""

    def __init__(self, host: str, port: int, address: str, *, secure: bool) -> None:
        super().__init__(host, port, timeout=_STEP_S)
        self._address = address
        self._secure = secure

    def hang_up(self) -> None:
        """End what another thread waits for: a server may send a byte a second for ever."""
        with suppress(OSError, AttributeError):
            self.sock.shutdown(socket.SHUT_RDWR)

    def connect(self) -> None:
        """Connect to the checked address; the certificate must be the host's."""
        self.sock = socket.create_connection((self._address, self.port), timeout=_STEP_S)
        if self._secure:
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)
