"""The index of places finds what a look at every place finds."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.present.geography import Point, distance_km
from api.present.nearby import Nearby
from api.present.network import Place
from tests.unit.api.network_of import a_place

POINTS = st.builds(
    Point,
    latitude=st.floats(-90, 90, allow_nan=False).map(lambda value: round(value, 4)),
    longitude=st.floats(-180, 180, allow_nan=False).map(lambda value: round(value, 4)),
)


def places_at(points: list[Point]) -> list[Place]:
    return [a_place(number, point=point) for number, point in enumerate(points, 1)]


@given(points=st.lists(POINTS, max_size=60), here=POINTS, radius=st.sampled_from((None, 5.0, 300.0, 9_000.0)))
def test_the_nearest_come_first_and_none_is_missed(points: list[Point], here: Point, radius: float | None) -> None:
    places = places_at(points)
    expected = sorted((round(distance_km(here, one.point), 3), one.code) for one in places)
    found = [(km, one.code) for km, one in Nearby(places).around(here, radius)]
    assert found == [one for one in expected if radius is None or one[0] <= radius]


@pytest.mark.parametrize("longitude", [179.99, -179.99])
def test_the_180th_meridian_is_no_border(longitude: float) -> None:
    places = places_at([Point(latitude=0.0, longitude=179.98), Point(latitude=0.0, longitude=-179.98)])
    found = list(Nearby(places).around(Point(latitude=0.0, longitude=longitude), 10))
    assert [round(km) for km, _ in found] == [1, 3]


def test_only_the_nearest_are_looked_at() -> None:
    grid = [Point(latitude=44 + row / 50, longitude=column / 50) for row in range(60) for column in range(60)]
    index = Nearby(places_at(grid))
    nearest = list(islice(index.around(Point(latitude=44.5, longitude=0.5)), 5))
    assert [km for km, _ in nearest] == sorted(km for km, _ in nearest)
    assert nearest[0][0] == 0.0
    assert index.nearest_km(Point(latitude=44.5, longitude=0.51)) == pytest.approx(0.793, abs=0.01)
    assert Nearby[Place]().nearest_km(Point(latitude=0.0, longitude=0.0)) is None
