"""Writes a feed as an iCalendar object, in UTC. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, timedelta
from typing import Any

from icalendar import Calendar, Event


def calendar_of(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Return the calendar of a feed's rows (``calendar_feed_rows``); the same rows give the same bytes.

    A member's has their bookings, cancelled ones too; a resource's only when which unit is taken.
    """
    calendar = Calendar()
    calendar.add("VERSION", "2.0")
    calendar.add("PRODID", "-//Maillage//Bookings//FR")
    calendar.add("METHOD", "PUBLISH")
    calendar.add("X-WR-CALNAME", rows[0]["title"])
    calendar.add("REFRESH-INTERVAL", timedelta(minutes=15), parameters={"VALUE": "DURATION"})
    for row in rows:
        if row["starts_at"] is not None:
            calendar.add_component(_event(row))
    written: bytes = calendar.to_ical()
    return written


def _event(row: Mapping[str, Any]) -> Event:
    event = Event()
    event.add("UID", f"{row['ref']}@maillage")
    event.add("DTSTAMP", row["made"].astimezone(UTC))
    event.add("SEQUENCE", row["revision"])
    event.add("DTSTART", row["starts_at"].astimezone(UTC))
    event.add("DTEND", row["ends_at"].astimezone(UTC))
    if row["own"]:
        event.add("SUMMARY", " · ".join(part for part in (row["what"], row["place"]) if part))
        event.add("LOCATION", row["place"])
        event.add("STATUS", "CANCELLED" if row["cancelled"] else "CONFIRMED")
    else:
        event.add("SUMMARY", f"Réservé ({row['what']})")
        event.add("CLASS", "PRIVATE")
    event.add("TRANSP", "TRANSPARENT" if row["cancelled"] else "OPAQUE")
    return event
