"""A member's own order to open a door is decided on as their card read outside, and counts as one."""

from __future__ import annotations

import pytest

from access.rules import DoorRules
from tests.unit.gateway.hall import ANNA, Hall, S, token

TIMED = DoorRules(to_space="hall", passback="timed", passback_s=3600)
OPEN = ("gare/in/cmd", {"cmd": "opendoor", "doorip": "in"})


@pytest.fixture
def hall() -> Hall:
    return Hall()


def test_an_order_opens_once_and_leaves_what_a_card_read_leaves(hall: Hall) -> None:
    decision = hall.place.admit("entry", token(ANNA), hall.at)
    assert decision is not None
    assert decision.granted
    assert hall.commands == [OPEN]
    (event,) = hall.told("access")
    assert (event["by"], event["device"], event["side"]) == ("order", "reader-in", "in")
    assert (event["member"], event["card"], event["pass_ref"]) == ("m-anna", token(ANNA), "p-anna")
    assert event["slots"], "it uses the pass"
    assert hall.place.memory.state.movements["m-anna"].space == "hall", "she is on the evacuation list"
    assert hall.badge(ANNA, after_s=10)["reason"] == "anti_passback"


def test_with_a_contact_it_counts_when_the_door_was_passed(hall: Hall) -> None:
    hall.rules(entry=TIMED)
    hall.contact(is_open=False)
    hall.place.admit("entry", token(ANNA), hall.at)
    assert hall.place.memory.state.movements == {}
    hall.contact(is_open=True)
    assert [one["access_at"] for one in hall.told("access_taken")] == [hall.at - S]
    assert hall.place.memory.state.movements["m-anna"].space == "hall"
    assert not [one for one in hall.told("door") if one["state"] == "forced"], "its opening is explained"


@pytest.mark.parametrize("card", [token("04FFFFFF"), "00" * 32])
def test_an_unknown_card_opens_nothing(hall: Hall, card: str) -> None:
    decision = hall.place.admit("entry", card, hall.at)
    assert decision is not None
    assert decision.reason == "unknown_card"
    assert hall.commands == []


def test_the_gateways_own_state_decides(hall: Hall) -> None:
    hall.place.lock_down(True)
    decision = hall.place.admit("entry", token(ANNA), hall.at)
    assert decision is not None
    assert decision.reason == "lockdown"
    hall.place.release()
    hall.rules(entry=DoorRules(to_space="hall", pin=True))
    decision = hall.place.admit("entry", token(ANNA), hall.at)
    assert decision is not None
    assert decision.reason == "pin_required", "who asks by phone types no PIN"
    assert hall.commands == []


def test_a_door_without_a_reader_outside_isn_t_opened(hall: Hall) -> None:
    assert hall.place.admit("cellar", token(ANNA), hall.at) is None
    assert hall.told("access") == []
