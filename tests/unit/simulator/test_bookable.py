"""What can be booked at sample places, and the bookings: none that the database would refuse."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from simulator.sample.bookable import DAYS, bookable_of, bookings_of
from simulator.sample.community import community_of
from simulator.sample.equipment import equip

PLACES = tuple(f"lieu-{number}" for number in range(40))


@pytest.mark.parametrize("today", [date(2026, 11, 26), date(2027, 1, 2), date(2028, 2, 29)])
def test_no_two_bookings_of_a_unit_overlap_and_all_are_of_members_within_the_week(today: date) -> None:
    kinds, booked = set(), 0
    for code in PLACES:
        equipment = equip(code, seed=1, typology="fab_lab")
        community = community_of(code, equipment, department="87", seed=1)
        bookable = bookable_of(code, equipment, seed=1, today=today)
        assert len({one.code for one in bookable}) == len(bookable)
        spaces = {space.code for space in equipment.spaces}
        assert {one.space for one in bookable} <= spaces
        kinds |= {one.kind for one in bookable}
        bookings = bookings_of(code, bookable, community, seed=1, today=today)
        assert bookings == bookings_of(code, bookable, community, seed=1, today=today), "by the seed alone"
        units = {one.code: one.units for one in bookable}
        hours = set()
        for one in bookings:
            assert today < one.day <= today + timedelta(days=DAYS)
            assert one.day.weekday() < 5
            assert 1 <= one.unit <= units[one.resource]
            for hour in range(one.hour, one.hour + one.hours):
                assert (one.resource, one.unit, one.day, hour) not in hours
                hours.add((one.resource, one.unit, one.day, hour))
        troubled = {one.ref for one, its in zip(community.people, community.entitlements, strict=True) if its.trouble}
        assert troubled.isdisjoint(one.member for one in bookings)
        booked += len(bookings)
    assert kinds == {"room", "machine", "equipment", "event"}
    assert booked > 5 * len(PLACES)
