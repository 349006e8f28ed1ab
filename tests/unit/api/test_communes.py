"""A commune is found as people write it; a name that several have asks back."""

from __future__ import annotations

import pytest

from api.http.errors import Ambiguous
from api.present.asking import commune_of
from api.present.communes import Commune, Communes
from api.present.geography import Point


def a_commune(code: str, name: str, postcodes: str, population: int = 100) -> Commune:
    department = code[:3] if code.startswith("97") else code[:2]
    point = Point(latitude=45.0, longitude=1.0)
    return Commune(
        code=code,
        name=name,
        department=department,
        postcodes=postcodes,
        population=population,
        point=point,
        exact=True,
    )


COMMUNES = Communes(
    [
        a_commune("87085", "Limoges", "87000 87100 87280", 130_000),
        a_commune("93066", "Saint-Denis", "93200 93210", 149_000),
        a_commune("97411", "Saint-Denis", "97400", 155_000),
        a_commune("11339", "Saint-Denis", "11310", 500),
        a_commune("38138", "Crémieu", "38460"),
        a_commune("2A004", "Ajaccio", "20000 20090", 76_000),
        a_commune("33529", "La Teste-de-Buch", "33260"),
        a_commune("76351", "Le Havre", "76600 76620"),
        a_commune("38421", "Saint-Martin-d'Hères", "38400"),
        a_commune("75056", "Paris", "75001 75002"),
    ]
)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Limoges", "87085"),
        ("LIMOGES", "87085"),
        ("limoges 87000", "87085"),
        ("87000 Limoges", "87085"),
        ("cremieu", "38138"),
        ("Saint-Denis (93)", "93066"),
        ("Saint-Denis (93 Seine-Saint-Denis)", None),
        ("st denis 974", "97411"),
        ("St-Denis 97400", "97411"),
        ("Ajaccio 2A", "2A004"),
        ("teste de buch", "33529"),
        ("havre", "76351"),
        ("Saint Martin d’Hères", "38421"),
        ("st martin d'heres", "38421"),
        ("38460", "38138"),
        ("87085", "87085"),
    ],
)
def test_a_name_as_people_write_it(text: str, code: str | None) -> None:
    if code is None:
        with pytest.raises(Ambiguous):
            commune_of(text, COMMUNES)
    else:
        assert commune_of(text, COMMUNES).code == code


def test_a_name_of_several_asks_back_with_names_that_are_taken() -> None:
    with pytest.raises(Ambiguous, match="3 communes are called 'st denis'") as caught:
        commune_of("st denis", COMMUNES)
    asked = [str(one["near"]) for one in caught.value.candidates]
    assert [commune_of(text, COMMUNES).code for text in asked] == ["97411", "93066", "11339"]


def test_a_misspelt_name_is_asked_back_too() -> None:
    with pytest.raises(Ambiguous, match="no commune is called 'Limoge'; perhaps 'Limoges"):
        commune_of("Limoge", COMMUNES)
    with pytest.raises(Ambiguous, match="no commune is called 'Xyz' of France"):
        commune_of("Xyz", COMMUNES)
