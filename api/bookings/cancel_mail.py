"""Writes to the member whose booking staff cancel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from psycopg.rows import DictRow

from access.schedules import zone_named
from api.http.session import Session
from database.mail import QUEUE, Value, mail, time_in_mail

# What the booking is of and whom to ask.
_ABOUT: Final = """
SELECT p.name AS place, p.time_zone, concat_ws(', ', p.phone, p.email) AS contact, coalesce(r.name, s.name) AS what
FROM booking b JOIN place p ON p.id = b.place LEFT JOIN space s ON s.id = b.space
LEFT JOIN resource_unit u ON u.id = b.unit LEFT JOIN resource r ON r.id = u.resource WHERE b.ref = %(ref)s
"""


async def write_to_holder(s: Session, booking: DictRow) -> None:
    """Queue the mail, once for each booking; a member without an address gets none."""
    about = await s.row(_ABOUT, {"ref": booking["ref"]})
    assert about is not None
    zone = zone_named(about["time_zone"])
    what: Value = about["what"] or {"fr": "une place", "en": "a seat"}
    values: Mapping[str, Value] = {
        "place": about["place"],
        "what": what,
        "contact": about["contact"] or about["place"],
        "starts": time_in_mail(booking["starts_at"], zone),
        "ends": time_in_mail(booking["ends_at"], zone),
    }
    once = f"booking cancelled {booking['ref']}"
    await s.run(QUEUE, mail(kind="booking_cancelled", values=values, to_member=booking["member"], once=once))
