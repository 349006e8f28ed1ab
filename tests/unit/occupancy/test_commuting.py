"""What commuting visits saved, worked out by hand, and what is withheld."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from jobs.commuting import months_due
from occupancy.commuting import Saved, Visits, by_road_km, hours, saved, saved_by

HOME, NEAR, FAR = (45.0, 1.0), (45.05, 1.0), (45.4, 1.0)
"""One degree of latitude is 111.19 km: 5.56 km and 44.48 km, by road 7.23 and 57.82 km."""


def visits(days: int = 4, *, home: tuple[float, float] = HOME, work: tuple[float, float] = FAR) -> Visits:
    return Visits(days=days, home=home, work=work, place=NEAR)


def test_a_visit_saves_the_way_to_work_less_the_way_to_the_place_both_ways() -> None:
    assert by_road_km(HOME, NEAR) == pytest.approx(7.23, abs=0.01)
    assert by_road_km(HOME, FAR) == pytest.approx(57.82, abs=0.01)
    assert saved_by(visits()) == pytest.approx(4 * 2 * (57.82 - 7.23), abs=0.1)
    assert saved_by(visits(work=HOME)) == pytest.approx(-4 * 2 * 7.23, abs=0.1)  # the place is the longer way
    assert saved_by(visits(work=(46.1, 1.0))) is None  # 159 km: nobody's daily way
    assert saved_by(visits(home=(46.1, 1.0), work=(46.1, 1.0))) is None


def test_sums_are_rounded_and_hours_follow_from_them() -> None:
    # 7 × 404.7 km = 2,833 km
    assert saved([visits()] * 7) == Saved(members=5, visit_days=30, km=2750)
    # ten who work at home lose 57.8 km each: days on which the way was longer count
    assert saved([visits()] * 7 + [visits(work=HOME)] * 10) == Saved(members=15, visit_days=70, km=2250)
    assert (hours(2750), hours(-490), hours(0)) == (56, -10, 0)


def test_fewer_than_five_members_or_one_who_stands_out_are_withheld() -> None:
    assert saved([visits()] * 5) == Saved(members=5, visit_days=20, km=2000)
    assert saved([visits()] * 4) is None
    assert saved([]) is None
    assert saved([visits()] * 4 + [visits(work=(46.1, 1.0))]) is None  # the fifth isn't counted
    assert saved([visits()] * 4 + [visits(0)]) is None
    assert saved([visits(1)] * 5 + [visits(6)]) is None  # more than half is one member's
    assert saved([visits(1)] * 6 + [visits(6)]) is not None


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (datetime(2026, 3, 11, tzinfo=UTC), [date(2026, 1, 1), date(2026, 2, 1)]),
        (datetime(2026, 3, 10, 23, 59, 58, tzinfo=UTC), [date(2026, 1, 1)]),
        (datetime(2028, 3, 31, tzinfo=UTC), [date(2028, 2, 1)]),  # events of 1 January are gone
        (datetime(2026, 1, 11, tzinfo=UTC), [date(2025, 11, 1), date(2025, 12, 1)]),
    ],
)
def test_months_are_due_when_they_are_complete_and_their_events_are_kept(now: datetime, due: list[date]) -> None:
    assert list(months_due(now, timedelta(days=90))) == due
