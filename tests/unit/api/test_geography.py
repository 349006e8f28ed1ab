"""Points, boxes and distances."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.present.geography import Box, Point, around, distance_km, parse_box, parse_point

LIMOGES, PAU = Point(latitude=45.8336, longitude=1.2611), Point(latitude=43.2951, longitude=-0.3708)
_POINTS = st.builds(Point, latitude=st.floats(-90, 90), longitude=st.floats(-180, 180))


def test_the_distance_from_limoges_to_pau() -> None:
    assert distance_km(LIMOGES, PAU) == pytest.approx(310, abs=3)
    assert distance_km(PAU, LIMOGES) == distance_km(LIMOGES, PAU)


@given(a=_POINTS, b=_POINTS, radius_km=st.floats(0.01, 5000))
def test_the_box_around_a_point_holds_all_within_the_radius(a: Point, b: Point, radius_km: float) -> None:
    if distance_km(a, b) <= radius_km:
        assert around(a, radius_km).holds(b)


def test_a_box_across_the_180th_meridian() -> None:
    box = Box(west=170, south=-20, east=-170, north=20)
    assert box.holds(Point(latitude=0, longitude=179))
    assert box.holds(Point(latitude=0, longitude=-179))
    assert not box.holds(Point(latitude=0, longitude=0))


@pytest.mark.parametrize("text", ["", "1", "1,2,3", "a,b", "91,0", "0,181", "nan,0", "inf,0", "1;2"])
def test_what_is_no_point(text: str) -> None:
    with pytest.raises(ValueError, match=r"latitude|longitude"):
        parse_point(text)


@pytest.mark.parametrize("text", ["1,2,3", "0,5,1,4", "0,-91,1,0", "0,0,181,1", "nan,0,1,1"])
def test_what_is_no_box(text: str) -> None:
    with pytest.raises(ValueError, match=r"west|south|east|north"):
        parse_box(text)


def test_points_and_boxes_are_read_in_their_orders() -> None:
    assert parse_point("45.8336, 1.2611") == LIMOGES
    assert parse_box("-1.79,42.78,2.61,47.18") == Box(west=-1.79, south=42.78, east=2.61, north=47.18)
