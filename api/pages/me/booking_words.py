"""What the member's pages of bookings say: why a booking was refused, and what was done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import Request

from api.pages.asking import Answer
from api.pages.refusals import refusal
from api.pages.rendering import say, text

REFUSED: Final[Mapping[str, str]] = {
    "rule window": text("The end is before the beginning."),
    "rule past": text("This time is past. Choose one to come."),
    "rule farthest": text("This date is too far away. Choose an earlier one."),
    "rule longest": text("A booking can't last that long here. Choose a shorter time."),
    "rule shortest": text("A booking must last longer here. Choose a longer time."),
    "rule place_status": text("This place isn't open yet, or no longer."),
    "rule opening_hours": text("The place is closed for a part of this time."),
    "rule suspended": text("Your membership is suspended. Talk to the front desk."),
    "rule sign_up": text("Sign-up is closed."),
    "rule taken": text("Another booking has it for a part of this time."),
    "rule full": text("All seats are booked for a part of this time."),
    "rule notice": text("It is too late to book this time. Choose a later one."),
    "rule ahead": text("It is too early to book this date."),
    "rule open_bookings": text("You have as many bookings as this place allows. Cancel one first."),
    "rule at_once": text("You have another booking at the same time, and this place allows no more."),
    "rule rolling": text("You have booked all the time that this place allows within these days."),
    "rule cancel": text("It is too late to cancel. Talk to the front desk."),
    "rule override": text("This place lets nobody book beyond its rules."),
    "rule quota_pass": text("Your pass allows no further booking in this period."),
    "rule quota_organisation": text("Your organisation has booked all that it may in this period."),
    "rule pass": text("None of your passes opens this place for all of this time."),
    "rule category": text("Only members of other categories may book this."),
    "rule free": text("It is free at this time: you can book it at once."),
    "rule waiting": text("You are on 20 waiting lists already. Leave one first."),
    "conflict": text("This was done already, or it isn't possible any more. Look at what is there now."),
}
"""By rule (docs/bookings.md)."""
DONE: Final[Mapping[str, str]] = {
    "booked": text("It is booked."),
    "changed": text("The new time is saved."),
    "cancelled": text("Your booking is cancelled."),
    "again": text("It is booked again."),
    "waiting": text("You are on the waiting list. We write to you when it becomes free."),
    "left": text("You have left the waiting list."),
    "accepted": text("The offer is accepted: it is booked."),
    "declined": text("The offer is declined. The next in line gets it."),
    "feed": text("The calendar's address has ended: it shows nothing any more."),
    "subscribed": text("We read your calendar from now on, every 15 minutes."),
    "unsubscribed": text("We don't read this calendar any more. Its bookings stay."),
}
"""By the key in the address of the page that is shown next."""
WRONG: Final[Mapping[str, str]] = {
    "day": text("Write the day like 2026-12-31."),
    "from": text("Write the hour like 09:30."),
    "until": text("Write an hour like 11:30, after the beginning."),
}
"""By field, where it can't be read."""
FULL: Final = ("taken", "full")
"""The rules for which one can wait."""


def done(request: Request) -> tuple[str, str] | None:
    """Return what was just done, its key and its sentence, by the address of the page; None: nothing."""
    key = request.query_params.get("done", "")
    return (key, say(request, DONE[key])) if key in DONE else None


def why(request: Request, answer: Answer) -> dict[str, Any]:
    """Return why a booking was refused: the sentence, the rule, and to whom to turn."""
    body = answer.body if isinstance(answer.body, dict) else {}
    contact = body.get("contact") or {}
    return {
        "text": refusal(request, answer, REFUSED),
        "rule": str(body.get("rule") or ""),
        "contact": contact if contact.get("phone") or contact.get("email") else None,
    }


def why_not(request: Request, rule: str | None) -> str:
    """Return the sentence for a rule that refuses a time which is only looked at; empty: none does."""
    if rule is None:
        return ""
    return say(request, REFUSED.get(f"rule {rule}", REFUSED["conflict"]))


def wrong_fields(request: Request, names: frozenset[str]) -> dict[str, str]:
    """Return what stands beside the fields that can't be read, by field."""
    return {name: say(request, WRONG[name]) for name in sorted(names)}
