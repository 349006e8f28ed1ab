"""Who may join a waiting list, and until when an offer can be accepted. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from booking.limits import Refusal

MOST: Final = 20
"""Entries of a member that wait or have an offer, at all places together."""


def refused_joining(waiting: int, *, free: bool) -> Refusal | None:
    """Refuse to wait for what is free, and a member who waits for too much already.

    Args:
        waiting: entries of the member that wait or have an offer.
        free: whether it can be booked now.
    """
    if free:
        return Refusal(rule="free", field="from", why="it is free for this time: book it (POST /v1/bookings)")
    if waiting >= MOST:
        why = f"a member waits for at most {MOST} things at the same time; leave a list first"
        return Refusal(rule="waiting", field="member", why=why)
    return None


def refused_answer(status: str, until: datetime | None, now: datetime) -> str | None:
    """Return why an offer can't be accepted or declined at ``now`` (aware); None: it can."""
    if status == "offered" and until is not None:
        return None if now < until else "This offer has lapsed. Join the list again."
    return {
        "waiting": "Nothing is offered yet: all of it is still taken.",
        "accepted": "This offer is accepted already.",
        "declined": "This offer was declined. Join the list again.",
        "lapsed": "This offer has lapsed. Join the list again.",
        "left": "The member has left this list. Join it again.",
    }.get(status, "This list has ended: its time can't be booked any more.")
