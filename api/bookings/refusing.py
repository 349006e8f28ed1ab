"""Refuses a booking with the rule, the reason, and to whom to turn."""

from __future__ import annotations

from typing import Final

from api.http.errors import RuleRefused
from api.http.session import Session
from booking.limits import Refusal

_CONTACT: Final = "SELECT name, phone, email FROM place WHERE id = %(place_id)s"


async def refused(s: Session, place_id: int, refusal: Refusal) -> RuleRefused:
    """Return the exception for ``refusal``, with the place's contact."""
    place = await s.row(_CONTACT, {"place_id": place_id})
    assert place is not None
    reached = [str(place[name]) for name in ("phone", "email") if place[name]]
    turn_to = f"{place['name']} ({', '.join(reached)})" if reached else f"the front desk of {place['name']}"
    return RuleRefused(
        f"{refusal.why}. Questions: {turn_to}",
        rule=refusal.rule,
        field=refusal.field,
        contact={name: place[name] for name in ("name", "phone", "email")},
    )
