"""A card's life, and what a list says of it."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from access.cards import BEFORE, OVER, CardLife, listed
from access.model import CardStatus
from tests.unit.access.place_parts import ANNA, place

LIVES: tuple[CardLife, ...] = get_args(CardLife)


@pytest.mark.parametrize("life", LIVES)
def test_only_an_active_card_opens(life: CardLife) -> None:
    door = place()
    entry = replace(door.held.entries[ANNA], status=listed(life))
    door.held = replace(door.held, entries={**door.held.entries, ANNA: entry})
    assert door.read(ANNA).granted == (life == "active")


def test_a_life_goes_on_until_it_is_over() -> None:
    assert BEFORE.keys() == set(LIVES)
    assert {listed(life) for life in LIVES} == set(get_args(CardStatus))
    comes_after = {was: {life for life in LIVES if was in BEFORE[life]} for was in LIVES}
    assert comes_after["lost"] == comes_after["returned"] == set()
    assert "active" in comes_after["issued"] & comes_after["suspended"] & comes_after["expired"]
    assert all(comes_after[life] for life in LIVES if life not in OVER)
    assert not any("issued" in after for after in comes_after.values())
