"""A place's state from its stored readings is the gateway's own, whatever the contacts tell and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access.aftermath import Attempt, after
from access.decision import decide
from access.inside import muster
from access.model import AccessList, Entry, Member, Right, State
from access.rules import DoorRules, PlaceRules, SpaceRules
from api.explain.card_reads import ACCESS, NOT_TAKEN, TAKEN, StoredCardRead, state_after
from api.explain.muster import muster_json
from api.explain.steps import comparison, steps_json, steps_of
from api.explain.words import CHECKS, REASONS, UNKNOWN_TO_CENTRE

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
RULES = PlaceRules(
    doors={
        "entry": DoorRules(to_space="place"),
        "lab": DoorRules(from_space="place", to_space="lab", passback="soft"),
    },
    spaces={"place": SpaceRules(), "lab": SpaceRules(parent="place")},
)
CONTACTS = frozenset({"lab"})
"""Doors whose contact is heard: the reader's own, or a device beside it. No row of the centre's says which."""
CARDS = [f"{number:064x}" for number in range(4)]
LIST = AccessList(
    place="gare",
    version=7,
    made_at=AT,
    time_zone="Europe/Paris",
    entries={
        card: Entry(
            token=card,
            status="active" if number else "lost",
            member=Member(ref=f"m-{number}", status="active", rights=(Right(doors=None, schedule=None),)),
        )
        for number, card in enumerate(CARDS)
    },
    rules=RULES,
)


def us(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def told(at: datetime, card: str, door: str, side: Literal["in", "out"], state: State) -> tuple[StoredCardRead, Any]:
    decision = decide(LIST, card, door, side, at, state=state)
    detail: dict[str, Any] = {"rule": decision.rule} | ({"noted": decision.noted} if decision.noted else {})
    if decision.granted and door in CONTACTS:
        detail["awaits"] = True
    row = StoredCardRead(
        kind=ACCESS, at=at, told_at=at, door=door, side=side, state=int(decision.granted), reason=decision.reason,
        card=card, member=decision.member, list_version=7, detail=detail, seq=us(at),
    )  # fmt: skip
    return row, decision


walk = st.tuples(
    st.sampled_from(CARDS),
    st.sampled_from(["entry", "lab"]),
    st.sampled_from(["in", "out"]),
    st.sampled_from(["taken", "not", "silent"]),
    st.integers(1, 5000),
)


@given(st.lists(walk, max_size=30))
def test_the_fold_of_what_is_stored_is_the_gateways_own_memory(walks: list[Any]) -> None:
    state, rows, at = State(), list[StoredCardRead](), AT
    for card, door, side, contact, seconds in walks:
        at += timedelta(seconds=seconds)
        row, decision = told(at, card, door, side, state)
        rows.append(row)
        attempt = Attempt(card_token=card, door=door, side=side, at=at)
        has_contact = door in CONTACTS
        state = after(decision, attempt, LIST, state, taken=not has_contact)
        if has_contact and decision.granted and contact != "silent":
            if contact == "taken":
                state = after(decision, attempt, LIST, state, taken=True)
            later = at + timedelta(milliseconds=500)
            kind = TAKEN if contact == "taken" else NOT_TAKEN
            rows.append(
                StoredCardRead(
                    kind=kind, at=later, told_at=later, door=door, side=side, state=None, reason=None, card=None,
                    member=None, detail={"access_at": us(at)},
                )
            )  # fmt: skip
    mine = state_after(rows, RULES, place="gare", time_zone="Europe/Paris")
    assert mine.movements == state.movements
    assert (mine.counts, mine.hosts, mine.unseen) == (state.counts, state.hosts, state.unseen)
    assert muster(mine, at) == muster(state, at)


@pytest.mark.parametrize(("kind", "sure"), [(TAKEN, "badged"), (NOT_TAKEN, "not_seen")])
def test_of_a_gateway_that_does_not_say_whether_it_waits_the_answer_decides(kind: int, sure: str) -> None:
    """Rows of an older gateway, at a door whose reader has a contact of its own (case 4)."""
    row, _ = told(AT, CARDS[1], "entry", "in", State())
    answer = StoredCardRead(
        kind=kind, at=AT + timedelta(seconds=7), told_at=AT + timedelta(seconds=7), door="entry", side="in", state=None,
        reason=None, card=None, member=None, detail={"access_at": us(AT)},
    )  # fmt: skip
    state = state_after([row, answer], RULES, place="gare", time_zone="Europe/Paris")
    assert {ref: one.sure for ref, one in muster(state, AT).items()} == {"m-1": sure}
    alone = state_after([row], RULES, place="gare", time_zone="Europe/Paris")
    assert muster(alone, AT)["m-1"].sure == "badged", "a door without a contact: the grant is all that is known"


@given(st.sampled_from(CARDS), st.sampled_from(["entry", "lab", "attic"]), st.sampled_from(["in", "out"]))
def test_an_explanation_ends_with_what_the_door_decides(card: str, door: str, side: Literal["in", "out"]) -> None:
    steps = steps_of(LIST, Attempt(card_token=card, door=door, side=side, at=AT), state=State(), pin=None)
    decision = decide(LIST, card, door, side, AT)
    assert steps[-1].decision == decision
    assert [one["answer"] for one in steps_json(steps)[:-1]] == ["passed"] * (len(steps) - 1)
    row, _ = told(AT, card, door, side, State())
    assert comparison(row, decision)["agrees"]


def test_every_check_and_reason_has_its_words_in_both_languages() -> None:
    from typing import get_args

    from access import checks
    from access.model import Reason

    assert list(CHECKS) == [name for name, _ in checks.CHECKS]
    assert set(REASONS) == set(get_args(Reason))
    assert set(UNKNOWN_TO_CENTRE) <= set(CHECKS)
    for words in (*CHECKS.values(), *REASONS.values()):
        assert words.en
        assert words.fr
        assert words.en != words.fr


@pytest.mark.parametrize(
    ("complete_at", "complete", "unknown_after"),
    [
        ((AT,), True, None),
        ((AT, None), False, None),
        ((AT, AT - timedelta(hours=1)), False, "2026-11-20T08:00:00.000Z"),
    ],
)
def test_since_when_nothing_is_known(complete_at: tuple[Any, ...], complete: bool, unknown_after: str | None) -> None:
    gateways = [
        {"gateway": f"g{n}", "online": n == 0, "changed_at": AT, "complete_at": at, "complete": n == 0}
        for n, at in enumerate(complete_at)
    ]
    body = muster_json("gare", State(), AT, names={}, gateways=gateways, occupancy=None)
    assert (body["complete"], body["unknown_after"], body["without_badge"]) == (complete, unknown_after, None)
