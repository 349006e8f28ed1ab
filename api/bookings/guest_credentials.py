"""How a guest gets in: a keypad code, or a QR on a page of their own. The guest is written to here, too."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, Literal

from fastapi import Request

from access.schedules import zone_named
from api.cards.cards import CardMade
from api.cards.issuing import credential_of
from api.devices.drivers import drivers_that
from api.http.errors import BadField, Conflict, Taken, Unavailable
from api.http.links import address_of_links
from api.http.session import Session
from api.http.state import card_keys
from database.mail import QUEUE, Language, mail, time_in_mail
from gateway.contract.guest_qr import number_of

Kind = Literal["code", "qr"]
LONGEST: Final = timedelta(days=7)
"""Of a visit with a QR: at a gateway without a line, a QR that was called off opens until the visit ends."""
_CODE: Final = CardMade(code_digits=6)
_TRIES: Final = 20
"""How often the server chooses another code if the first is taken."""

GIVE_CODE: Final = "SELECT guest_code_make(%(guest)s, %(lookup)s, %(format)s, %(sealed)s) AS given"
_GIVE_QR: Final = """
SELECT guest_qr_make(%(guest)s, %(lookup)s, %(sealed)s, %(link)s, %(drivers)s) AS given
"""
# What a mail says of the place.
_PLACE: Final = """
SELECT name, concat_ws(', ', address, concat_ws(' ', postcode, commune)) AS address, time_zone FROM place
WHERE id = %(place_id)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """Who comes, and when."""

    ref: str
    """Of the visit."""
    member: str
    """The guest's reference."""
    name: str
    place: int
    starts: datetime
    ends: datetime
    email: str | None
    language: Language | None


async def give_code(s: Session, request: Request, guest: str, query: str = GIVE_CODE) -> str:
    """Give a guest a new code and return it.

    Raises:
        Taken: no code was free.
    """
    for _ in range(_TRIES):
        chosen = await credential_of(s, request, _CODE)
        values = {"guest": guest, "lookup": chosen.lookup, "format": chosen.format, "sealed": chosen.sealed}
        row = await s.row(query, values)
        if row is not None and row["given"]:
            assert chosen.shown is not None
            return chosen.shown
    raise Taken("No code of six digits is available: ask the front desk for a card.")


async def give_qr(s: Session, request: Request, invited: Invited) -> str:
    """Give a guest a QR and return the path of the page that shows it, once the rights process has signed it.

    Raises:
        BadField: the visit is too long.
        Conflict: no reader of the place reads QR codes.
        Unavailable: this server has no keys for cards.
    """
    if invited.ends - invited.starts > LONGEST:
        raise BadField("credential", f"a visit with a QR lasts {LONGEST.days} days at most")
    keys, number, token = card_keys(request), number_of(invited.member), secrets.token_urlsafe(32)
    values = {
        "guest": invited.ref,
        "lookup": keys.found_by(number),
        "sealed": keys.seal(number),
        "link": link_digest(token),
        "drivers": drivers_that("reads_qr"),
    }
    row = await s.row(_GIVE_QR, values)
    if row is None or not row["given"]:
        raise Conflict("This place has no reader for QR codes: give a keypad code.", field="credential")
    return f"/guest/{token}"


def link_digest(token: str) -> bytes:
    """Return what is stored of the secret in a guest's link."""
    return sha256(token.encode()).digest()


async def write_to(s: Session, request: Request, invited: Invited, *, code: str | None, path: str | None) -> None:
    """Queue the guest's mail, if there is an address: with the code, with the link to the QR, or about a card.

    Raises:
        Unavailable: a link is to be sent and this server doesn't know its own address.
    """
    if invited.email is None:
        return
    place = await s.row(_PLACE, {"place_id": invited.place})
    assert place is not None
    zone = zone_named(place["time_zone"])
    values: dict[str, str] = {
        "name": invited.name,
        "place": place["name"],
        "address": place["address"] or place["name"],
        "starts": time_in_mail(invited.starts, zone),
        "ends": time_in_mail(invited.ends, zone),
    }
    more: Mapping[str, str] = {} if code is None else {"code": code}
    if path is not None:
        base = address_of_links(request)
        if base is None:
            raise Unavailable("This server can't send links: it was started without MAILLAGE_PUBLIC_URL.")
        more = {"link": f"{base}{path}"}
    queued = mail(
        kind="guest_qr" if path is not None else "guest_code" if code is not None else "guest_card",
        values={**values, **more},
        to_member=invited.member,
        to_address=invited.email,
        language=invited.language,
        not_after=invited.ends,
    )
    await s.run(QUEUE, queued)
