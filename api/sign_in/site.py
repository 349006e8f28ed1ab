"""The server's address as browsers know it: what passkeys are bound to, and what links in mails begin with."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request

from api.http.state import shared

_THIS_MACHINE: Final = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What a passkey is made for, and works with alone (WebAuthn, "relying party")."""

    origin: str
    host: str


def address_of(request: Request) -> str | None:
    """Return what links begin with; None: this server has not been given it.

    Not the ``Host`` of the request: who asks for a link chooses it, and would be sent another person's token by them.
    """
    given = shared(request).settings.public_url
    if given is None and request.url.hostname in _THIS_MACHINE:
        return f"{request.url.scheme}://{request.url.netloc}"
    return given


def site_of(request: Request) -> Site | None:
    """Return what passkeys are bound to; None: there are none, since the server's address is a number or missing."""
    address = address_of(request)
    host = urlsplit(address).hostname if address else None
    if address is None or host is None:
        return None
    try:
        ip_address(host)
    except ValueError:
        return Site(origin=address, host=host)
    return None
