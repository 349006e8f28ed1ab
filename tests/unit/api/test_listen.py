"""A look at the rows that notifications named: how much of it was news decides how soon the next may follow."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from api.present import listen, load
from api.present.board import Board
from api.present.listen import Listener
from api.present.occupancy import GatewayState, SpaceState
from tests.unit.api.network_of import NOW, a_network, a_state


def test_what_was_no_news_is_the_part_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[SpaceState] = []
    asked: list[Mapping[int, int]] = []

    async def states_of(_conn: Any, known: Mapping[int, int]) -> list[SpaceState]:
        asked.append(dict(known))
        return [row for row in rows if row.space in known and row.revision > known[row.space]]

    monkeypatch.setattr(load, "load_states_of", states_of)
    monkeypatch.setattr(listen, "now_us", lambda: NOW)
    board = Board(boot="b")
    board.set_network(a_network(1), NOW)
    listener = Listener("", board, lambda: None)

    def look(*payloads: str) -> float:
        listener._note([SimpleNamespace(channel="maillage_occupancy", payload=one) for one in payloads])  # type: ignore[misc]
        return asyncio.run(listener._look(None))  # type: ignore[arg-type]

    rows[:] = [a_state(10, 1, 3)]
    one = 10
    assert look(str(one)) == 0.0
    assert look(str(one)) == 1.0, "the same again, as anybody may send it"
    rows[:] = [a_state(10, 3, 4)]
    assert look(str(one), str(one)) == 0.0, "named twice, read once: the newest"
    assert asked == [{one: 0}, {one: 1}, {one: 1}]
    assert board.revisions([one]) == {one: 3}


def test_learned_weeks_are_no_change_of_the_network() -> None:
    heard: list[None] = []
    listener = Listener("", Board(boot="b"), lambda: None, lambda: heard.append(None))
    listener._note([SimpleNamespace(channel="maillage_forecast", payload="")])  # type: ignore[list-item]
    assert (len(heard), listener._network) == (1, False)


def test_a_gateways_state_is_news_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gateways report every ten seconds: their rows must not keep the next look at the numbers waiting."""
    rows = [GatewayState(gateway=7, place=1, online=True, heard=NOW, spool_depth=0)]

    async def gateways_of(_conn: Any, _known: list[int]) -> list[GatewayState]:
        return rows

    monkeypatch.setattr(load, "load_gateways_of", gateways_of)
    monkeypatch.setattr(listen, "now_us", lambda: NOW)
    listener = Listener("", Board(boot="b"), lambda: None)

    def look() -> float:
        listener._gateways.add(7)
        return asyncio.run(listener._look(None))  # type: ignore[arg-type]

    assert look() == 0.0
    assert look() == 1.0, "the same again, as anybody may send it"
    rows[:] = [replace(rows[0], heard=NOW + 1)]
    assert look() == 0.0
