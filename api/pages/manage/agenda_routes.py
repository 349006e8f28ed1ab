"""All pages below ``/manage/{place}/bookings`` and ``/manage/{place}/hours``, in the order of their routes."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from api.pages.manage import (
    booking_changes,
    booking_page,
    booking_rules,
    bookings_grid,
    calendars,
    closures,
    hours,
    new_booking,
    place_rules,
    resources,
    schedules,
    series,
)

_BOOKINGS: Final = (bookings_grid, new_booking, booking_rules, resources, calendars, series)
_ONE_BOOKING: Final = (booking_page, booking_changes)
"""After those: ``/manage/{place}/bookings/{ref}`` would take their paths."""
_HOURS: Final = (hours, closures, schedules, place_rules)

router: Final = APIRouter()
for pages in (*_BOOKINGS, *_ONE_BOOKING, *_HOURS):
    router.routes.extend(pages.router.routes)
