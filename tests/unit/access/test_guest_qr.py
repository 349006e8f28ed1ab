"""A guest's QR: the newer of QR and list decides, and nothing but the list's rules is different from a card."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from access import AccessList, Attempt, Decision, Entry, Member, Right, State, after, decide, explain
from access.guest_qr import GuestQr, list_for
from access.rules import DoorRules, Terms
from access.state import Tries
from tests.unit.access.place_parts import ANNA, HOUR, MINUTE, NOON, place

QR = GuestQr(
    token="9" * 64,
    member="m-0123456789abcdef",
    doors=frozenset({"entry"}),
    starts=NOON - HOUR,
    ends=NOON + HOUR,
    version=12,
)


def held(version: int, *entries: Entry) -> AccessList:
    one = place(entry=DoorRules(to_space="place", passback="hard")).held
    return replace(one, version=version, entries={**one.entries, **{entry.token: entry for entry in entries}})


def listed(visitor: str = "expected", **changes: datetime) -> Entry:
    right = Right(
        doors=frozenset({"entry"}),
        schedule=None,
        valid_from=changes.get("starts", NOON - HOUR),
        valid_until=changes.get("ends", NOON + HOUR),
        terms=Terms(visitor=visitor),  # type: ignore[arg-type]
    )
    member = Member(ref=QR.member, status="active", rights=(right,))
    return Entry(token=QR.token, member=member, status="active", valid_until=changes.get("ends", NOON + HOUR))


def scan(
    one: AccessList | None, qr: GuestQr = QR, at: datetime = NOON, door: str = "entry", state: State | None = None
) -> Decision:
    used, fault = list_for(one, qr, at)
    now = state or State()
    decision = decide(used, qr.token, door, "in", at, state=now, by="qr", fault=fault)
    steps = explain(used, qr.token, door, "in", at, state=now, by="qr", fault=fault)
    assert steps[-1].decision == decision
    return decision


def test_a_gateway_whose_list_is_older_believes_the_qr() -> None:
    assert scan(held(11)) == Decision(granted=True, reason="granted", rule="right", member=QR.member)
    assert scan(held(11), door="lab").reason == "no_right_here"
    assert scan(held(11), at=NOON - HOUR - MINUTE).reason == "pass_not_started"
    assert scan(held(11), at=NOON + HOUR).reason == "card_expired"
    assert scan(None).reason == "list_too_old"


def test_a_list_that_has_the_visit_decides_alone() -> None:
    assert scan(held(12, listed())).granted
    assert scan(held(12)).reason == "qr_void"  # the visit, or its guest, was erased since
    assert scan(held(13, listed("cancelled"))).reason == "qr_void"
    assert scan(held(13, listed("left"))).reason == "pass_used_up"
    moved = listed(starts=NOON + 3 * HOUR, ends=NOON + 5 * HOUR)
    assert scan(held(13, moved)).reason == "pass_not_started"
    assert scan(held(13, moved), at=NOON + 4 * HOUR).granted  # a QR printed before the visit moved
    assert scan(held(13), at=NOON + 2 * HOUR).reason == "card_expired"  # it has left the list: the reason is its end
    assert scan(held(13, listed("cancelled")), at=NOON + 2 * HOUR).reason == "card_expired"


def test_a_qr_that_was_made_again_after_the_list_is_believed() -> None:
    assert not scan(held(12, listed("cancelled"))).granted
    assert scan(held(12, listed("cancelled")), replace(QR, version=14)).granted


@pytest.mark.parametrize("fault", ["qr_unsigned", "qr_elsewhere"])
def test_what_is_wrong_with_the_qr_is_the_reason(fault: str) -> None:
    decision = scan(held(11), GuestQr(token="8" * 64, fault=fault))  # type: ignore[arg-type]
    assert (decision.granted, decision.reason, decision.rule) == (False, fault, "qr")
    used, found = list_for(held(11), GuestQr(token="8" * 64, fault=fault), NOON)  # type: ignore[arg-type]
    assert decide(used, "8" * 64, "entry", "out", NOON, by="qr", fault=found).granted  # the way out is free


def test_reasons_by_name() -> None:
    assert scan(held(11), GuestQr(token="8" * 64, fault="qr_unsigned")).reason == "qr_unsigned"
    assert scan(held(11), GuestQr(token="8" * 64, fault="qr_elsewhere")).reason == "qr_elsewhere"


def test_one_person_comes_in_before_and_after_the_list_has_the_visit() -> None:
    one = held(11)
    used, _ = list_for(one, QR, NOON)
    attempt = Attempt(card_token=QR.token, door="entry", side="in", at=NOON, by="qr")
    state = after(scan(one), attempt, used, State())
    assert state.movements[QR.member].space == "place"
    assert scan(one, at=NOON + MINUTE, state=state).reason == "anti_passback"
    assert scan(held(12, listed()), at=NOON + MINUTE, state=state).reason == "anti_passback"


def test_qrs_earn_no_pause_and_wait_for_none() -> None:
    paused = State(tries={"cards:entry": Tries(count=99, last_at=NOON)})
    assert decide(held(11), ANNA, "entry", "in", NOON, state=paused).reason == "too_many_tries"
    assert scan(held(11), state=paused).granted
    forged = GuestQr(token="8" * 64, fault="qr_unsigned")
    attempt = Attempt(card_token=forged.token, door="entry", side="in", at=NOON, by="qr", fault="qr_unsigned")
    assert after(scan(held(11), forged), attempt, held(11), State()) == State()


def test_a_lockdown_shuts_out_guests() -> None:
    assert scan(held(11), state=State(lockdown=True)).reason == "lockdown"
    assert scan(replace(held(11), lockdown=True)).reason == "lockdown"
