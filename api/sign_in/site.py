"""The server's name as browsers know it: what passkeys are bound to."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from fastapi import Request

from api.http.links import address_of_links


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What a passkey is made for, and works with alone (WebAuthn, "relying party")."""

    origin: str
    host: str


def site_of(request: Request) -> Site | None:
    """Return what passkeys are bound to; None: there are none, since the server's address is a number or missing."""
    address = address_of_links(request)
    host = urlsplit(address).hostname if address else None
    if address is None or host is None:
        return None
    try:
        ip_address(host)
    except ValueError:
        return Site(origin=address, host=host)
    return None
