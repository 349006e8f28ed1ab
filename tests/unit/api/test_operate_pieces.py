"""Small pieces: what was told lately, wrongly set readers, waiting for answers, readings decided again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from access.formats import Card, read_uid
from access.model import AccessList, Entry, Member, Right
from access.rules import DoorRules, PlaceRules, SpaceRules
from access.tokens import card_token
from api.audit import entries
from api.audit.entries import RecentEntries
from api.cards.enrolments import likely
from api.explain.card_reads import StoredCardRead
from api.explain.what_if import decide_again
from api.orders.answers import OrderAnswers

KEY = b"k" * 32
AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def test_a_reading_is_told_once_a_minute_and_again_where_it_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(entries, "monotonic", lambda: now[0])
    memory = RecentEntries()
    assert (memory.due(1, "x"), memory.due(1, "x")) == (True, True), "what wasn't committed is told again"
    memory.written(1, "x")
    assert (memory.due(1, "x"), memory.due(2, "x"), memory.due(1, "y")) == (False, True, True)
    now[0] += 59.9
    assert not memory.due(1, "x")
    now[0] += 0.1
    assert memory.due(1, "x")


@pytest.mark.parametrize(
    ("known", "shown", "how"),
    [
        ("0D387400", "0074380D", "in reversed byte order"),
        ("FF8BC7F2", "0074380D", "with its two data lines swapped"),
        ("04A2245A", "04A2245AC16D80", "cut to its first 4 bytes"),
        ("5AC16D80", "04A2245AC16D80", "cut to its last 4 bytes"),
    ],
)
def test_a_wrongly_set_reader_is_recognised_by_a_known_card(known: str, shown: str, how: str) -> None:
    card = read_uid(bytes.fromhex(shown))
    assert isinstance(card, Card)
    bits = f"{int(shown, 16):0{4 * len(shown)}b}"
    assert likely(KEY, card_token(KEY, card.number), bits)[card_token(KEY, known)] == how
    backwards = read_uid(bytes.fromhex(shown), reversed_bytes=True)
    assert isinstance(backwards, Card)
    # also where the reader's own setting reverses
    assert card_token(KEY, card.number) in likely(KEY, card_token(KEY, backwards.number), bits)
    assert likely(KEY, "00" * 32, bits) == {}


def test_who_waits_is_woken_by_the_last_answer_and_by_doubt() -> None:
    async def go() -> None:
        answers = OrderAnswers("postgresql://nowhere/nothing")
        with answers.expecting(["o-1", "o-2"]) as waiting, answers.expecting(["o-2"]) as other:
            assert not await waiting.wait(0.01)
            for one in answers._waiting["o-2"]:
                one.answered("o-2")
            assert await other.wait(1)
            assert not await waiting.wait(0.01)
            waiting.answered("o-1")
            assert await waiting.wait(1)
            waiting.wake()
            assert await waiting.wait(1)
        assert answers._waiting == {}

    asyncio.run(go())


def read(number: int, minutes: int, *, card: int = 0, side: str = "in", reason: str = "granted") -> StoredCardRead:
    at = AT + timedelta(minutes=minutes)
    return StoredCardRead(
        kind=1, at=at, told_at=at, door="entry", side=side, state=int(reason == "granted"), reason=reason,  # type: ignore[arg-type]
        card=f"{card:064x}", member=f"m-{card}", stream=1, seq=number,
    )  # fmt: skip


def a_list(**door: object) -> AccessList:
    entries = {
        f"{n:064x}": Entry(
            token=f"{n:064x}",
            status="active",
            member=Member(ref=f"m-{n}", status="active", pin="5" * 32, rights=(Right(doors=None, schedule=None),)),
        )
        for n in range(3)
    }
    rules = PlaceRules(
        doors={"entry": DoorRules(to_space="place", **door)},  # type: ignore[arg-type]
        spaces={"place": SpaceRules()},
    )
    return AccessList(
        place="gare",
        version=1,
        made_at=AT - timedelta(days=90),
        time_zone="Europe/Paris",
        entries=entries,
        rules=rules,
        max_age_s=3600,
    )


def test_each_side_goes_on_from_its_own_decisions() -> None:
    readings = [read(1, 0), read(2, 5), read(3, 6, side="out"), read(4, 7), read(5, 8, card=1)]
    outcome = decide_again(readings, a_list(), a_list(passback="hard"), breathe=lambda: None)
    assert (outcome.reads, outcome.refused, outcome.let_in) == (5, 1, 0)
    assert [(one.read.seq, one.becomes.reason) for one in outcome.first] == [(2, "anti_passback")]
    assert (outcome.by_hour, outcome.by_member) == ({10: 1}, {"m-0": 1})
    back = decide_again(readings, a_list(passback="hard"), a_list(), breathe=lambda: None)
    assert (back.refused, back.let_in, back.unlike) == (0, 1, 1)


def test_a_door_that_was_not_passed_takes_nobody_in() -> None:
    gone = StoredCardRead(
        kind=3, at=AT + timedelta(seconds=10), told_at=AT, door="entry", side="in", state=None, reason=None, card=None,
        member=None, detail={"access_at": int(AT.timestamp()) * 1_000_000}, stream=1, seq=9,
    )  # fmt: skip
    readings = [read(1, 0), gone, read(2, 5)]
    hard = a_list(passback="hard")
    assert decide_again(readings, a_list(), hard, breathe=lambda: None).refused == 0
    unanswered = [replace(read(1, 0), detail={"awaits": True}), read(2, 5)]
    assert decide_again(unanswered, a_list(), hard, breathe=lambda: None).refused == 0
    assert decide_again([read(1, 0), read(2, 5)], a_list(), hard, breathe=lambda: None).refused == 1
    taken = replace(gone, kind=2)
    outcome = decide_again([read(1, 0), taken, read(2, 5)], a_list(), hard, breathe=lambda: None)
    assert (outcome.refused, outcome.reads) == (1, 2)


def test_pins_are_taken_to_be_typed_as_they_were() -> None:
    readings = [read(1, 0), read(2, 1, reason="wrong_pin"), read(3, 2, reason="pin_required")]
    outcome = decide_again(readings, a_list(pin=True), a_list(), breathe=lambda: None)
    assert (outcome.let_in, outcome.unlike) == (2, 0)


def test_a_list_is_as_old_as_its_event_says() -> None:
    fresh, old = read(1, 0), replace(read(2, 1), list_age_s=7200)
    outcome = decide_again([fresh, old], replace(a_list(), max_age_s=None), a_list(), breathe=lambda: None)
    assert [(one.read.seq, one.becomes.reason) for one in outcome.first] == [(2, "list_too_old")]
