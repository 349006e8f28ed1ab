"""Whether a place lets one book from one moment on, by what binds everybody, and how many units are free then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from api.bookings.bookable import refused_by_hours
from api.bookings.free_slots import Bookable
from api.bookings.targets import Target
from booking.limits import Held, Refusal, refused_by_rule, refused_window
from booking.slots import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What a booking would meet that begins at one moment."""

    units: int
    """How many are free throughout, whatever the rules say."""
    refusal: Refusal | None
    """The rule that refuses it; None: it is a question of what is free."""
    since: datetime | None
    """When it can first be made, where it is too early now."""
    until: datetime | None
    """Until when it could be made, where it is too late now."""


def check(bookable: Bookable, target: Target, window: Window, units: int, now: datetime) -> Check:
    """Hold a window against the rules of a place that bind everybody, in the order in which a booking is refused.

    A member's own bookings, quotas and passes are left out.
    """
    wish = Held(own=True, place=target.place_id, under=None, kind=target.kind, starts=window[0], ends=window[1])
    refusal = (
        refused_window(*window, now)
        or refused_by_rule(bookable.rule, wish, (), now, target.zone)
        or refused_by_hours(bookable.opening, target, window)
    )
    rule = None if refusal is None else refusal.rule
    none = timedelta(0)
    return Check(
        units=units,
        refusal=refusal,
        since=window[0] - (bookable.rule.ahead or none) if rule == "ahead" else None,
        until=window[0] - (bookable.rule.notice or none) if rule == "notice" else None,
    )
