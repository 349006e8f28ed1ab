"""Which places fit a question, in which order, and pages without gaps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.cursors import make_cursor, read_cursor
from api.http.errors import BadQuery
from api.present.geography import Box, Point
from api.present.network import Network
from api.present.search import find_places, page_after
from tests.unit.api.network_of import a_network, a_place


def codes(network: Network, **question: object) -> list[str]:
    return [one.place.code for one in find_places(network, **question)]  # type: ignore[arg-type]


@pytest.mark.parametrize("words", ["cremieu", "CRÉMIEU", "tiers lieu crém", "l'oeuvre", "L’ŒUVRE", "38460 oeuvre"])
def test_words_are_found_without_accents_and_case(words: str) -> None:
    place = a_place(1, name="Tiers-Lieu L’Œuvre", commune="Crémieu", postcode="38460")
    assert codes(Network([place, a_place(2)]), words=words) == ["place-1"]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("gironde", [1]),
        ("33", [1]),  # a number begins a word, so not 87330
        ("33 bordeaux", [1]),
        ("nouvelle aquitaine", [1, 2]),
        ("Nouvelle-Aquitaine haute vienne", [2]),
        ("2a", [3]),
        ("2A corse", [3]),
        ("ile de france", []),
    ],
)
def test_places_are_found_by_department_and_region(words: str, found: list[int]) -> None:
    region = "Nouvelle-Aquitaine"
    network = Network(
        [
            a_place(1, commune="Bordeaux", postcode="33000", department="33", region=region),
            a_place(2, commune="Mézières-sur-Issoire", postcode="87330", department="87", region=region),
            a_place(3, commune="Ajaccio", postcode="20000", department="2A", region="Corse"),
        ]
    )
    assert codes(network, words=words) == [f"place-{number}" for number in found]


def test_every_word_must_be_there() -> None:
    assert codes(a_network(2), words="place 2") == ["place-2"]
    assert codes(a_network(2), words="place 3") == []
    assert codes(a_network(2), words="  ") == ["place-1", "place-2"]


def test_filters_are_joined() -> None:
    network = Network([a_place(1), a_place(2, department="2A"), a_place(3)])
    assert codes(network, department="2A") == ["place-2"]
    assert codes(network, box=Box(west=0, south=45.25, east=2, north=46)) == ["place-3"]
    assert codes(network, kind="open_space") == ["place-1", "place-2", "place-3"]
    assert codes(network, kind="fab_lab") == []


def test_near_orders_by_distance_and_ends_at_the_radius() -> None:
    point = Point(latitude=45.3, longitude=1.0)
    assert codes(a_network(3), point=point) == ["place-3", "place-2", "place-1"]
    assert codes(a_network(3), point=point, radius_km=12) == ["place-3", "place-2"]


@given(count=st.integers(0, 23), limit=st.integers(1, 9), near=st.booleans())
def test_pages_hold_everything_once(count: int, limit: int, near: bool) -> None:
    found = find_places(a_network(count), point=Point(latitude=46, longitude=1) if near else None)
    key: tuple[float, str] | None = None
    seen: list[str] = []
    while True:
        page, more = page_after(found, key, limit)
        seen += [one.place.code for one in page]
        if not more:
            break
        distance, code = read_cursor(make_cursor(*page[-1].key), float, str)
        key = (distance, code)
    assert seen == [one.place.code for one in found]


@pytest.mark.parametrize(
    "text", ["", "x", "é", "W10", make_cursor("a"), make_cursor("a", "b"), make_cursor(1.0, 2.0), "A" * 299]
)
def test_a_foreign_cursor_is_refused(text: str) -> None:
    with pytest.raises(BadQuery):
        read_cursor(text, float, str)
