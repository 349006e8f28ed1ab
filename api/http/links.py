"""What links begin with that we send to people by mail, and what passkeys are bound to."""

from __future__ import annotations

import re
from typing import Final

from fastapi import Request

from api.http.state import shared

_HERE: Final = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?")
"""The whole ``Host``: of ``evil.example\\@localhost`` browsers take what stands before the backslash."""


def address_of_links(request: Request) -> str | None:
    """Return what links in mails begin with; None: this server has not been given it.

    Not the ``Host`` of the request: who asks for a link chooses it, and would be sent another person's token by them.
    """
    given = shared(request).settings.public_url
    host = request.headers.get("host", "")
    if given is None and _HERE.fullmatch(host):
        return f"{request.url.scheme}://{host}"
    return given
