"""A card's life, and what a list says of it."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from access import CardError
from access.cards import MAY_BECOME, CardLife, change, listed
from tests.unit.access.place_parts import ANNA, place

LIVES: tuple[CardLife, ...] = get_args(CardLife)


@pytest.mark.parametrize("status", LIVES)
def test_only_an_active_card_opens(status: CardLife) -> None:
    door = place()
    entry = replace(door.held.entries[ANNA], status=listed(status))
    door.held = replace(door.held, entries={**door.held.entries, ANNA: entry})
    assert door.read(ANNA).granted == (status == "active")


def test_every_life_has_ways_on_and_none_loses_its_history() -> None:
    assert MAY_BECOME.keys() == set(LIVES)
    assert all(MAY_BECOME.values())
    assert change("active", "lost") == "lost"
    assert change("lost", "lost") == "lost"
    for was, becomes in (("lost", "suspended"), ("active", "issued"), ("returned", "lost")):
        with pytest.raises(CardError):
            change(was, becomes)  # type: ignore[arg-type]
