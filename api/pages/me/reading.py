"""All that is held about a member as tables to be read: columns with names, times as people write them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from fastapi import Request

from api.own_access.words import WHY
from api.page import language_for
from api.pages.rendering import say, text

_MOST: Final = 200
"""Rows of a kind on the page, the last; the download has all."""

_KINDS: Final = {
    "cards": text("Cards"),
    "card_changes": text("Changes of cards"),
    "passes": text("Passes"),
    "uses": text("Uses of passes"),
    "categories": text("Categories"),
    "consent": text("Consents"),
    "statement_lines": text("Lines of statements"),
    "manages": text("Organisations I manage"),
    "bookings": text("Bookings"),
    "attendance": text("Seen at bookings"),
    "booking_steps": text("Steps of bookings"),
    "guest_of": text("Guest of"),
    "booking_series": text("Series of bookings"),
    "waiting": text("Waiting lists"),
    "booking_quotas": text("Quotas"),
    "events": text("At doors"),
    "unlocks": text("Doors opened by phone"),
    "audit": text("Audit"),
    "keys": text("Keys"),
    "sessions": text("Sessions"),
    "mail": text("Mails"),
    "calendar_feeds": text("Calendar feeds"),
    "member_calendars": text("My calendars"),
    "invitations": text("Invitations"),
    "appointments": text("Appointments"),
}
_COLUMNS: Final = {
    "at": text("When"),
    "place": text("Place"),
    "home": text("Home place"),
    "door": text("Door"),
    "ref": text("Reference"),
    "name": text("Name"),
    "email": text("E-mail"),
    "label": text("Label"),
    "kind": text("Kind"),
    "format": text("Format"),
    "last4": text("Last digits"),
    "status": text("State"),
    "valid_from": text("From"),
    "valid_until": text("Until"),
    "starts_at": text("From"),
    "ends_at": text("Until"),
    "issued_at": text("Issued"),
    "created_at": text("Created"),
    "made_at": text("Created"),
    "expires_at": text("Expires"),
    "revoked_at": text("Ended"),
    "cancelled_at": text("Cancelled"),
    "last_used_at": text("Last used"),
    "ordered_at": text("Asked"),
    "outcome": text("Outcome"),
    "queued_at": text("Written"),
    "sent_at": text("Sent"),
    "was": text("Before"),
    "became": text("After"),
    "by": text("By"),
    "card": text("Card"),
    "pass": text("Pass"),
    "booking": text("Booking"),
    "everywhere": text("Everywhere"),
    "places": text("Places"),
    "space": text("Space"),
    "rate": text("Rate"),
    "category": text("Category"),
    "allowance": text("Allowance"),
    "unit": text("Unit"),
    "side": text("Side"),
    "granted": text("Let in"),
    "reason": text("Reason"),
    "actor": text("Who"),
    "action": text("What"),
    "subject": text("Of what"),
    "detail": text("Details"),
    "agent": text("Browser"),
    "from_addr": text("Network address"),
    "to_address": text("To"),
    "language": text("Language"),
    "organisation": text("Organisation"),
    "month": text("Month"),
    "count": text("Count"),
    "first": text("First day"),
    "last": text("Last day"),
}


def tables(request: Request, held: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return each kind that has rows: ``name``, ``columns`` (those with a value), ``rows`` of cells, ``more``.

    A cell is ``(kind, value)``: ``time``, ``text``, or ``many`` for what is itself made of names and values.
    """
    found = []
    for kind, rows in held.items():
        if not isinstance(rows, list) or not rows:
            continue
        columns = [key for key in rows[0] if any(row[key] not in (None, "", [], {}) for row in rows)]
        found.append({
            "kind": kind,
            "name": say(request, _KINDS[kind]) if kind in _KINDS else kind,
            "columns": [_label(request, key) for key in columns],
            "rows": [[_cell(request, key, row[key]) for key in columns] for row in reversed(rows[-_MOST:])],
            "many": len(rows),
            "more": len(rows) > _MOST,
        })  # fmt: skip
    return found


def facts(request: Request, member: Mapping[str, Any]) -> list[tuple[str, tuple[str, Any]]]:
    """Return what is known of the member, by name."""
    return [(_label(request, key), _cell(request, key, value)) for key, value in member.items() if value is not None]


def _label(request: Request, key: str) -> str:
    return say(request, _COLUMNS[key]) if key in _COLUMNS else key.replace("_", " ")


def _cell(request: Request, key: str, value: Any) -> tuple[str, Any]:
    if isinstance(value, bool):
        return "text", say(request, "yes") if value else say(request, "no")
    if isinstance(value, dict):
        return "many", value
    if isinstance(value, list):
        return "text", ", ".join(map(str, value))
    if isinstance(value, str) and key == "reason" and value in WHY:
        return "text", WHY[value]._asdict()[language_for(request)]  # type: ignore[index]
    if isinstance(value, str) and (key == "at" or key.endswith("_at") or key in ("valid_from", "valid_until")):
        try:
            datetime.fromisoformat(value)
        except ValueError:
            return "text", value
        return "time", value
    return "text", "" if value is None else value
