"""The curve of people over time: gaps, closed hours, the usual band."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from reports.curves import Point, curve

POINTS = st.builds(
    Point,
    people=st.none() | st.floats(0, 5_000),
    usual=st.none() | st.tuples(st.floats(0, 50), st.floats(50, 500)),
    open=st.none() | st.booleans(),
    to_come=st.booleans(),
)


def _lines(svg: str) -> list[str]:
    return re.findall(r'<path d="([^"]+)" fill="none"', svg)


def test_what_is_unknown_is_a_hatched_gap_and_never_zero() -> None:
    known = Point(people=2.0)
    svg = curve([known, known, Point(people=None), known], [(0, "0 h")], "fr")
    assert len(_lines(svg)) == 2, "a line before and one after the gap"
    assert svg.count("url(#unknown)") == 2, "the gap, and the key"


def test_what_is_to_come_or_closed_is_not_hatched_and_closed_hours_are_shaded() -> None:
    svg = curve([Point(people=1.0), Point(people=None, open=False), Point(people=None, to_come=True)], [], "en")
    assert svg.count("url(#unknown)") == 1, "only the key"
    assert svg.count("#e6e4da") == 2, "the closed hour, and the key"
    assert ">closed<" in svg and ">usual<" in svg


def test_nothing_at_all_is_still_a_plot() -> None:
    for points in ([], [Point(people=None)], [Point(people=0.0)]):
        ET.fromstring(curve(points, [], "fr"))


@given(st.lists(POINTS, max_size=100))
def test_any_points_make_an_image_within_its_bounds(points: list[Point]) -> None:
    svg = curve(points, [(n, str(n)) for n in range(0, len(points), 12)], "fr")
    ET.fromstring(svg)
    for line in _lines(svg):
        for y in re.findall(r"[\d.]+ ([\d.]+)", line):
            assert 27.9 <= float(y) <= 220.1
