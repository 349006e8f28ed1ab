"""The gateway's memory outlives a restart, whole or not at all."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from access import ListError, State
from access.rules import DoorRules
from access.state import Tries
from access.state_json import state_from_json, state_to_json
from tests.unit.access.place_parts import ANNA, BEN, HOST, MINUTE, NOON, WORK, place
from tests.unit.access.test_passes import counted


def busy() -> State:
    door = place(counted("hour", 9), entry=DoorRules(to_space="place", pin=True, first_card=WORK))
    door.held = replace(door.held, rules=replace(door.held.rules, doors={**door.held.rules.doors}))
    for card in (ANNA, HOST):
        door.read(card, pin="0" * 32)
        door.read(card, NOON + MINUTE, "lab")
    door.read(ANNA, NOON + 2 * MINUTE, "lab", "out")
    door.read(BEN, NOON + 3 * MINUTE, pin="0" * 32, door="lab", taken=False)
    kept = {"door:lab": Tries(count=2, last_at=NOON, recent=((NOON, None), (NOON + MINUTE, "0a1b2c3d")))}
    return replace(
        door.state,
        lockdown=True,
        locked_doors=frozenset({"lab"}),
        evacuated_doors=frozenset({"entry"}),
        tries={**door.state.tries, **kept},
        held_open={"entry": (NOON.date(), WORK.days[1][0])},
    )


@pytest.mark.parametrize("state", [State(), busy()], ids=["empty", "busy"])
def test_it_comes_back_as_it_was(state: State) -> None:
    assert state_from_json(state_to_json(state)) == state
    assert state_to_json(state_from_json(state_to_json(state))) == state_to_json(state)


def test_an_older_memory_is_read_as_well() -> None:
    body = json.loads(state_to_json(State()))
    del body["unseen"]
    assert state_from_json(json.dumps(body)) == State()


def test_busy_holds_something_of_everything() -> None:
    assert all(
        getattr(busy(), name) for name in ("movements", "unseen", "counts", "used", "tries", "held_open", "hosts")
    )


@pytest.mark.parametrize(
    "change",
    [
        {"lockdown": None},
        {"hosts": -1},
        {"movements": []},
        {"movements": {"m-1": ["place", "entry", None, None, False, None]}},
        {"movements": {"m-1": ["place", "entry", 1, None, False]}},
        {"unseen": {"m-1": ["place", 1, 1, None, False, None]}},
        {"unseen": None},
        {"counts": {"place": -1}},
        {"used": {"p-1": ["1"]}},
        {"tries": {"door:lab": [1]}},
        {"tries": {"door:lab": [1, 1, {}]}},
        {"tries": {"door:lab": [1, 1, [1]]}},
        {"tries": {"door:lab": [1, 1, [["soon", None]]]}},
        {"held_open": {"entry": ["soon", 1, 2]}},
        {"held_open": {"entry": ["2026-03-03", 5, 2]}},
    ],
)
def test_what_makes_no_sense_is_refused_whole(change: dict[str, Any]) -> None:
    with pytest.raises(ListError):
        state_from_json(json.dumps({**json.loads(state_to_json(State())), **change}))


@pytest.mark.parametrize("text", ["", "[]", "{", "null"])
def test_what_is_no_state(text: str) -> None:
    with pytest.raises(ListError):
        state_from_json(text)
