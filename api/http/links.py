"""What links begin with that we send to people by mail, and what passkeys are bound to."""

from __future__ import annotations

from fastapi import Request

from api.http.state import shared

_HERE = ("127.0.0.1", "localhost", "::1")


def address_of_links(request: Request) -> str | None:
    """Return what links in mails begin with; None: this server has not been given it.

    Not the ``Host`` of the request: who asks for a link chooses it, and would be sent another person's token by them.
    """
    given = shared(request).settings.public_url
    if given is None and request.url.hostname in _HERE:
        return f"{request.url.scheme}://{request.url.netloc}"
    return given
