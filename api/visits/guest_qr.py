"""A guest's QR as a picture: for who manages the place, and for the page that the guest's link leads to."""

from __future__ import annotations

from io import BytesIO
from typing import Any, Final

import segno
from fastapi import Request
from psycopg.rows import DictRow

from api.bookings.guest_credentials import link_digest
from api.http.public_rows import public_rows
from api.http.state import card_keys, shared
from rights.sealing import reply_key, unseal

OF_VISIT: Final = "SELECT place, visitor, ends_at, sealed FROM guest_qr_of(%(ref)s)"
_PAGE: Final = """
SELECT pass, name, host, visitor, starts_at, ends_at, place, address, time_zone, phone, email, latitude, longitude,
  space, sealed
FROM guest_page(%s)
"""
_BORDER: Final = 4
"""Modules of white around it, as its standard asks for."""


def text_of(request: Request, visit: str, sealed: bytes | None) -> str | None:
    """Return the text of a visit's QR; None: it isn't signed yet, or isn't in force any more.

    Raises:
        Unavailable: this server has no keys for cards.
    """
    if sealed is None:
        return None
    return unseal(reply_key(card_keys(request).lookup), bytes(sealed), about=f"qr {visit}")


def svg_of(text: str, *, inline: bool = False) -> str:
    """Return the QR of ``text`` as SVG, black on white whatever the page's colours; ``inline``: for HTML."""
    made = segno.make(text, error="m", boost_error=False, micro=False)
    how: dict[str, Any] = {"border": _BORDER, "dark": "#000", "light": "#fff", "omitsize": True}
    if inline:
        return made.svg_inline(**how, svgclass="qr", lineclass=None)
    out = BytesIO()
    made.save(out, kind="svg", **how, svgclass=None, lineclass=None)
    return out.getvalue().decode()


async def guest_of(request: Request, token: str) -> DictRow | None:
    """Return what the page with this link shows; None: there is none, or the visit was over a day ago.

    Raises:
        Unavailable: the database is down or too busy.
    """
    found = await public_rows(shared(request).pool, _PAGE, (link_digest(token),))
    return found[0] if found else None
