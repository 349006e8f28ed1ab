"""Typed digits whose hash takes its time: what happens at the doors meanwhile, and how many hashes a flood costs."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest

from access.rules import DoorRules
from gateway.door import typed
from gateway.door.credentials import typed_code
from gateway.door.hashing import Hasher, Then, Turn, Work
from tests.unit.gateway.hall import ANNA, BEN, CODE, PIN, Hall
from tests.waiting import until

ASKS = DoorRules(from_space="hall", to_space="lab", pin=True)


@dataclass
class Later:
    """Hashes when it is asked to."""

    jobs: list[tuple[Turn, Work, Then]] = field(default_factory=list)

    def put(self, turn: Turn, work: Work, then: Then) -> None:
        self.jobs.append((turn, work, then))

    def run(self) -> None:
        jobs, self.jobs = self.jobs, []
        for turn, work, then in jobs:
            result = work()
            with turn:
                then(result)


@pytest.fixture
def later() -> Later:
    return Later()


@pytest.fixture
def hall(later: Later) -> Hall:
    return Hall(hashing=later)


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The codes that are hashed."""
    made: list[str] = []
    whole = typed_code

    def counted(key: bytes, digits: str) -> str:
        made.append(digits)
        return whole(key, digits)

    monkeypatch.setattr(typed, "typed_code", counted)
    return made


def test_other_doors_open_while_a_pin_is_hashed(hall: Hall, later: Later) -> None:
    hall.rules(lab=ASKS)
    hall.type(f"+{ANNA}")
    assert hall.type(PIN) == {}, "not decided yet"
    assert hall.badge(BEN)["decision"] == "granted"
    later.run()
    last = hall.told("access")[-1]
    assert (last["decision"], last["member"]) == ("granted", "m-anna")


def test_a_card_that_comes_meanwhile_is_asked_for_its_own_pin(hall: Hall, later: Later) -> None:
    hall.rules(lab=ASKS)
    hall.type(f"+{ANNA}")
    hall.type(PIN)
    assert hall.type(f"+{BEN}")["reason"] == "pin_required"
    later.run()
    assert hall.told("access")[-1]["member"] == "m-anna"
    hall.type("999999")
    later.run()
    last = hall.told("access")[-1]
    assert (last["reason"], last["member"]) == ("wrong_pin", "m-ben")


def test_a_flood_of_codes_costs_few_hashes(hall: Hall, later: Later, hashes: list[str]) -> None:
    for number in range(300):
        hall.type(f"{number:06}", after_s=0.01)
    assert len(later.jobs) <= 8, "what waits is bounded"
    later.run()
    assert hashes == [], "the door takes no codes for now: none of them needs a hash"
    assert len(hall.told("access")) == 300, "each is reported"
    assert {one["reason"] for one in hall.told("access")} == {"unknown_card", "too_many_tries"}
    hall.type(CODE)
    later.run()
    assert hall.told("access")[-1]["reason"] == "too_many_tries"


def test_codes_in_a_row_cost_a_hash_each_until_the_pause(hall: Hall, later: Later, hashes: list[str]) -> None:
    for number in range(15):
        hall.type(f"{number:06}")
        later.run()
    assert len(hashes) == 5


def test_nobody_who_leaves_waits_for_a_hash_of_another(later: Later) -> None:
    keys = {"code": "keys-out", "kind": "keypad", "driver": "zigbee2mqtt", "address": "z/out", "door": "entry"}
    reader = {"code": "reader-in", "driver": "esp_rfid", "address": "gare/in#in", "door": "entry"}
    hall = Hall(hashing=later)
    hall.build(devices=[keys | {"side": "out"}, reader])
    hall.type("111111", topic="z/out")
    assert hall.type("222222", topic="z/out")["decision"] == "granted", "the first hash isn't made yet"
    later.run()
    assert [one["decision"] for one in hall.told("access")] == ["granted", "granted"]


def test_the_hasher_answers_in_order_in_the_turn_and_survives_a_failure() -> None:
    hasher, turn, answers = Hasher(), threading.Lock(), list[str | None]()
    assert hasher.alive, "nothing was typed yet"

    def fails() -> str:
        raise ValueError("123456")

    with turn:
        hasher.put(turn, lambda: "first", answers.append)
        hasher.put(turn, fails, answers.append)
        hasher.put(turn, lambda: "last", answers.append)
        assert answers == []
    until(lambda: len(answers) == 3, what="all are answered")
    assert answers == ["first", None, "last"]
    hasher.close()
