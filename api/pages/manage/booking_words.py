"""The words of the pages of bookings: kinds, states, what was done, and why a booking is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from api.pages.rendering import text

DONE: Final[Mapping[str, str]] = {
    "made": text("The booking is made."),
    "moved": text("The booking is changed."),
    "back": text("The booking is as it was before."),
    "cancelled": text("The booking is cancelled."),
    "again": text("The booking is made again."),
}
KINDS: Final[Mapping[str, str]] = {
    "all": text("Everything"),
    "seat": text("Seats"),
    "desk": text("Work desks"),
    "room": text("Rooms"),
    "machine": text("Machines"),
    "equipment": text("Equipment to borrow"),
    "event": text("Events"),
}
STATUS: Final[Mapping[str, str]] = {
    "offered": text("offered from the waiting list"),
    "booked": text("booked"),
    "checked_in": text("has come"),
    "ended": text("over"),
    "no_show": text("did not come"),
    "lapsed": text("lapsed"),
    "cancelled": text("cancelled"),
}
REFUSED: Final[Mapping[str, str]] = {
    "rule window": text("The end must be after the beginning."),
    "bad-field until": text("The end must be after the beginning."),
    "rule past": text("This time is over."),
    "rule farthest": text("This is more than two years ahead."),
    "rule longest": text("This is longer than a booking may be here."),
    "rule shortest": text("This is shorter than a booking must be here."),
    "rule place_status": text("This place is not open: it takes no booking."),
    "rule opening_hours": text("The place is closed for a part of this time."),
    "rule suspended": text("This membership is suspended: it books nothing."),
    "rule sign_up": text("The sign-up for this event is over."),
    "rule taken": text("It is taken for a part of this time."),
    "conflict from": text("It is taken for a part of this time."),
    "conflict unit": text("It is taken for a part of this time."),
    "conflict until": text("It is taken for a part of this time."),
    "rule full": text("All seats are taken for a part of this time."),
    "rule notice": text("This is too late: the place asks for more notice."),
    "rule ahead": text("This is too early: the place takes bookings later."),
    "rule open_bookings": text("This member has as many bookings to come as the place allows."),
    "rule at_once": text("This member has as many bookings at this time as the place allows."),
    "rule rolling": text("This member has booked as much within these days as the place allows."),
    "rule cancel": text("It is too late to cancel this booking."),
    "rule override": text("This place lets nobody go beyond its rules."),
    "rule quota_pass": text("The quota of this member's pass is used up."),
    "rule quota_organisation": text("The quota of this member's organisation is used up."),
    "rule pass": text("This member has no pass for this time."),
    "rule free": text("It is free: book it."),
    "rule waiting": text("This member waits for as many things as one may."),
    "rule category": text("This is for members of other categories."),
    "bad-field member": text("Choose the member."),
    "bad-field from": text("Give the day, the beginning and the end."),
    "bad-field rule": text("This repetition comes never, or too often."),
    "bad-field unit": text("This is not one of its units in service."),
    "bad-field resource": text("This can't be booked any more."),
}
OVERRIDABLE: Final = frozenset(
    (
        "notice",
        "ahead",
        "shortest",
        "longest",
        "open_bookings",
        "at_once",
        "rolling",
        "quota_pass",
        "quota_organisation",
    )
)
"""The rules that staff may go beyond where the place lets them."""
