"""Guests of a booking: their SQL and their shape in requests and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

from psycopg.rows import DictRow
from pydantic import Field

from api.bookings.guest_credentials import Kind
from api.cards.cards import CardMade, IssuedCard
from api.http.models import Answer, Body, Email, Name, Ref, time_of
from api.passes.passes import VisitorStatus

FIND: Final = "SELECT ref, member, name, visitor, starts_at, ends_at FROM booking_guests(%(ref)s)"
# The guest's reference, which is that of the pass; NULL: a member's own key may add no more.
ADD: Final = "SELECT booking_guest_add(%(ref)s, %(name)s) AS guest"
CODE: Final = "SELECT booking_guest_code(%(guest)s, %(lookup)s, %(format)s, %(sealed)s) AS given"
CANCEL: Final = "SELECT booking_guest_cancel(%(ref)s, %(guest)s) AS found"


class GuestMade(Body):
    """A guest of a booking."""

    name: Name
    email: Email | None = Field(
        default=None, description="Sent the place, the time and the code; kept with that mail only."
    )
    language: Literal["fr", "en"] | None = Field(default=None, description="Of the mails; null: the network's.")
    credential: Kind = Field(
        default="code",
        description="A keypad code of six digits, shown only in the answer, or a QR on a page of the guest's own.",
    )
    card: CardMade | None = Field(default=None, description="Staff only: instead of code and QR.")


class Guest(Answer):
    """A guest; the reference is that of the visitor's pass."""

    ref: Ref
    name: str | None
    starts: datetime = Field(alias="from", description="From when doors open, the place's margin included.")
    ends: datetime = Field(alias="until")
    status: VisitorStatus


class GuestAdded(Guest):
    """A new guest."""

    code: str | None = Field(description="Only in the answer that adds the guest.")
    path: str | None = Field(description="Of the page with the guest's QR: only in this answer, and in the mail.")
    card: IssuedCard | None = Field(description="The card that was sent.")


class Guests(Answer):
    """A booking's guests, oldest first."""

    guests: list[Guest]


def guest_json(row: DictRow) -> dict[str, Any]:
    """Format a row of ``FIND`` for an answer."""
    times = {"from": time_of(row["starts_at"]), "until": time_of(row["ends_at"])}
    return {"ref": row["ref"], "name": row["name"], **times, "status": row["visitor"]}
