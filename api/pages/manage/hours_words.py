"""The words of the pages of hours, closures, schedules and rules of doors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from api.pages.rendering import text

DAY_NAMES: Final[Mapping[str, str]] = {
    "mon": text("Monday"),
    "tue": text("Tuesday"),
    "wed": text("Wednesday"),
    "thu": text("Thursday"),
    "fri": text("Friday"),
    "sat": text("Saturday"),
    "sun": text("Sunday"),
}
HOURS_DONE: Final[Mapping[str, str]] = {
    "hours": text("The opening hours are saved. Doors follow them as soon as they have the new list."),
    "limits": text("The numbers are saved."),
    "closed": text("The closure is saved. On these days doors open only to passes that hold outside the hours."),
    "closed_some_stay": text(
        "The closure is saved, but some of the bookings could not be cancelled: look at them again."
    ),
    "reopened": text("The closure is cancelled: the usual hours hold."),
    "schedule": text("The schedule is saved."),
    "schedule_gone": text("The schedule is removed."),
    "door": text("The rules of the door are saved."),
    "policy": text("The rules of the place are saved."),
}
HOURS_REFUSED: Final[Mapping[str, str]] = {
    "unreadable": text("These hours can't be read. Write them like 09:00-12:00, 14:00-18:00, one after the other."),
    "number": text("Write a whole number, or nothing."),
    "bad-field first": text("Choose the first day; the last one is not before it."),
    "bad-field last": text("Choose the first day; the last one is not before it."),
    "bad-field code": text("A code has small letters, digits, points and hyphens only, at most 64."),
    "bad-field name": text("Give it a name."),
    "bad-field linked": text("This schedule can't be included: it includes this one, or is too deep."),
    "bad-field passback_s": text("Say for how many seconds."),
    "conflict first": text("The place is closed on exactly these days already."),
    "conflict code": text("There is one with this code already."),
    "conflict": text("It is in use: by a pass, a door or another schedule."),
}
