"""Places: codes, shards, regions, selections."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contract.shards import shard
from maillage.network.codes import assign, slug
from maillage.network.errors import SelectionError
from maillage.network.importing import in_region
from maillage.network.inventory import BUNDLED, read_inventory
from maillage.network.territory import REGION_OF, REGIONS, find_region
from maillage.sample.creating import draw
from simulator.sample.equipment import gateway_code


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Cowork'in Bourges", "cowork-in-bourges"),
        ("L’Œuf à la côte & Cie", "l-oeuf-a-la-cote-cie"),
        ("日本", ""),
        (
            "PALAIS DES CONGRES ET DES EXPOSITIONS DE LA BAIE DE SAINT BRIEUC",
            "palais-des-congres-et-des-expositions-de-la-baie",
        ),
        ("x" * 80, "x" * 48),
    ],
)
def test_slugs(name: str, expected: str) -> None:
    assert slug(name) == expected


def test_codes_are_unique_and_kept() -> None:
    places = [("1", "La Cordée", "Lyon"), ("2", "La cordée", "Paris"), ("3", "LA CORDÉE", "Paris"), ("4", "日本", None)]
    codes = assign(places, known={})
    assert codes == {"1": "la-cordee", "2": "la-cordee-paris", "3": "la-cordee-paris-2", "4": "place-4"}
    assert assign(list(reversed(places)), known=codes) == codes
    assert assign([("9", "La Cordée", "Lyon")], known=codes) == {"9": "la-cordee-lyon"}
    assert assign([("1", "La Cordée", "Lyon")], known={}, taken=frozenset({"la-cordee"})) == {"1": "la-cordee-lyon"}


@given(st.text(max_size=300), st.text(max_size=60))
def test_any_name_gives_codes_that_fit_topics(name: str, commune: str) -> None:
    codes = assign([("1", name, commune), ("2", name, commune), ("3", name, commune)], known={})
    assert len(set(codes.values())) == 3
    for code in codes.values():
        assert 0 < len(code) <= 52
        assert code.replace("-", "").isalnum()
        assert code.isascii()
        assert 0 <= shard(code) < 64
        assert len(gateway_code(code)) <= 64


def test_shards_stay_where_they_are() -> None:
    assert [shard(code) for code in ("la-cordee", "ade-coworking", "anticafe")] == [48, 51, 20]
    assert gateway_code("x" * 64) == "x" * 61 + "-g1"


def test_regions_are_found_however_written() -> None:
    for text in ("Nouvelle-Aquitaine", "nouvelle aquitaine", "NOUVELLE  AQUITAINE"):
        assert find_region(text) == "Nouvelle-Aquitaine"
    assert find_region("Bourgogne et Franche-Comté") == "Bourgogne-Franche-Comté"
    assert find_region("ile de france") == "Île-de-France"
    with pytest.raises(SelectionError, match="did you mean Bretagne"):
        find_region("Bretange")
    with pytest.raises(SelectionError, match="there are Auvergne-Rhône-Alpes, "):
        find_region("Quebec")


def test_every_department_is_in_one_region() -> None:
    assert len(REGION_OF) == 101 == sum(map(len, REGIONS.values()))


def test_a_smaller_selection_is_part_of_a_larger_one() -> None:
    everything = read_inventory(BUNDLED).places
    few = draw(in_region(everything, "Bretagne"), places=5, seed=1)
    more = draw(in_region(everything, "Bretagne"), places=20, seed=1)
    assert len(few) == 5
    assert {one.source_id for one in few} < {one.source_id for one in more}
    assert len(draw(in_region(everything, None), places=5_000, seed=1)) == len(everything)
    with pytest.raises(SelectionError, match="no place in Mayotte"):
        draw(in_region(everything, "Mayotte"), places=None, seed=1)
