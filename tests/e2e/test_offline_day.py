"""A day without the line: what a gateway decides alone is what a connected one decides, and all of it arrives later.

Two gateways of one place, each with doors of its own, hear the same people do the same. One of them is cut off for a
simulated day, of which every hour passes at its process (``tests/e2e/shifted``). Both must decide alike, and as
``access.decide`` does in the centre with the same version of the list.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from access import AccessList, Attempt, State, after, card_token, code_token, decide, normalise, pin_hash
from access.brakes import door_paused
from maillage.embedded.bundle import Bundle
from rights.assembly import stored_list
from rights.card_secret import place_key
from rights.queries import STORED_ENTRIES, STORED_SETTINGS
from simulator.sample.entitlements import pin_of
from simulator.sample.people import Member
from tests.cards import SECRET
from tests.e2e.hands import move
from tests.e2e.twins import CODE, Tap, Told, Twins, start_twins
from tests.waiting import until

EACH_HOUR: Final = 6
"""People at the doors in each hour of the day."""


@pytest.fixture
def twins(tmp_path: Path, bundle: Bundle) -> Iterator[Twins]:
    """Yield two gateways of a place with a workshop, both with its list."""
    made = start_twins(tmp_path, bundle)
    yield made
    made.hands.close()
    made.chain.stop()


def _hour(twins: Twins, dice: random.Random, number: int) -> Iterator[Tap]:
    """Do what happens in the day's hour ``number``, and tell each tap."""
    entry, lab = {"door": "door-entry", "side": "in"}, {"door": "door-fab-lab", "side": "in"}

    def do(**what: Any) -> tuple[Tap, str]:
        one = Tap(**what)
        return one, twins.tap(one)

    last: Member | None = None  # the same card or digits again within a second would be the same act
    typed: Member | None = None
    if number == 2:  # too early for a pass of the day
        yield do(**entry, device="reader-entry-in", card=twins.people[2].card)[0]
    if number in (0, 1):  # nobody's PIN is waited for yet
        for digits in (CODE, *(f"{dice.getrandbits(20):07d}" for _ in range(3)), CODE):
            yield do(**lab, device="keypad-fab-lab-in", digits=digits)[0]
    for one in dice.sample(twins.people[:12], EACH_HOUR):
        match dice.choices(("in", "out", "lab", "stranger"), weights=(10, 4, 6, 1))[0]:
            case "in":
                yield do(**entry, device="reader-entry-in", card=one.card)[0]
            case "out":
                yield do(door="door-entry", side="out", device="reader-entry-out", card=one.card)[0]
            case "stranger":
                yield do(**entry, device="reader-entry-in", card=f"04{dice.getrandbits(48):012X}")[0]
            case "lab":
                others = [other for other in (*twins.people[8:10] * 2, one) if other not in (last, typed)]
                who = dice.choice(others or twins.people[7:8])
                last = who
                tap, reason = do(**lab, device="reader-fab-lab-in", card=who.card)
                yield tap
                wrong = [f"{dice.randrange(10_000):04d}" for _ in range(dice.choice((0, 0, 1, 3)))]
                for digits in (*wrong, pin_of(1, who.ref)) if reason == "pin_required" else ():
                    tap, reason = do(**lab, device="keypad-fab-lab-in", digits=digits)
                    typed = who
                    yield tap
                if reason == "granted" and dice.random() < 0.6:
                    yield do(door="door-fab-lab", side="out", device="reader-fab-lab-out", card=who.card)[0]
    # Once a stranger is refused, all that was said before is done with too, and the clock may step.
    yield do(**entry, device="reader-entry-in", card=f"04{number:012X}")[0]


def test_a_day_without_the_line(twins: Twins) -> None:
    until(lambda: twins.chain.rows("SELECT 1 WHERE NOT EXISTS (SELECT FROM access_dirty)"), what="the lists are made")
    until(lambda: _agree(twins), what=f"both hold the list: {twins.versions()}")
    twins.chain.line.take_offline([twins.alone])
    until(lambda: not twins.versions()[twins.alone][1], what="the centre knows that it is offline")
    first = twins.versions()[twins.alone][0]

    taps: list[Tap] = []
    dice = random.Random("a day without the line")
    for number in range(23):  # from half past four in the morning on
        twins.jump(twins.day + timedelta(hours=4.5 + number))
        taps += _hour(twins, dice, number)
    move(twins.clock, 0)
    until(lambda: len(twins.told(twins.connected)) == len(taps), what="all of the connected one's have arrived")
    assert twins.told(twins.alone) == []

    twins.chain.line.take_offline([])
    until(lambda: len(twins.told(twins.alone)) >= len(taps), what="all of the other's arrive")
    until(lambda: _agree(twins), what="both hold the same list again")
    alone, connected = twins.told(twins.alone), twins.told(twins.connected)
    assert len(alone) == len(connected) == len(taps)

    # None lost, none twice, in their order.
    for _, last, count, different, lowest, highest in twins.chain.rows(
        """SELECT s.id, s.last_seq, count(e.seq), count(DISTINCT e.seq), min(e.seq), max(e.seq)
        FROM stream s JOIN event e ON e.stream = s.id GROUP BY s.id"""
    ):
        assert (count, different, lowest, highest) == (last, last, 1, last)
    assert [one.at for one in alone] == sorted(one.at for one in alone)
    assert twins.chain.rows("SELECT count(*) FROM dead_letter") == [(0,)]

    # As the connected one decided, and as the centre's rules decide on the same versions of the list.
    for tap, one, other in zip(taps, alone, connected, strict=True):
        assert (one.reason, one.rule, one.member) == (other.reason, other.rule, other.member), tap
    assert {one.version for one in alone} == {first}
    with psycopg.connect(twins.chain.url) as connection:
        lists = _Lists(connection, twins.place)
        for told in (alone, connected):
            expected = _decided(taps, told, lists)
            assert [(one.reason, one.rule, one.member) for one in told] == expected
    reasons = Counter(one.reason for one in alone)
    assert reasons.keys() >= {
        *("granted", "unknown_card", "card_suspended", "no_right_here", "outside_schedule", "place_closed"),
        *("pass_not_started", "pass_ended", "pass_used_up", "anti_passback", "pin_required", "wrong_pin"),
        "too_many_tries",
    }, reasons
    # Every use of a pass was counted once, whoever told it.
    assert twins.chain.rows("SELECT count(*) FROM pass_use WHERE at > now()") == [(0,)]
    ((slots,),) = twins.chain.rows(
        "SELECT count(*) FROM pass_use u JOIN pass p ON p.ref = u.pass WHERE p.unit = 'half_day' AND p.allowance = 1"
    )
    assert slots == 1


def _agree(twins: Twins) -> bool:
    found = twins.versions()
    ((newest,),) = twins.chain.rows("SELECT version FROM access_list WHERE place = %s", twins.place)
    return len(found) == 2 and set(found.values()) == {(newest, True)}


class _Lists:
    """The centre's lists of one place, as they were at each version."""

    def __init__(self, connection: psycopg.Connection[Any], place: int) -> None:
        self._connection = connection
        self._place = place
        self._known: dict[int, AccessList] = {}

    def at(self, version: int) -> AccessList:
        if version not in self._known:
            values = {"place": self._place, "version": version, "token": None}
            settings = self._connection.execute(STORED_SETTINGS, values).fetchone()
            assert settings is not None
            self._known[version] = stored_list(settings, self._connection.execute(STORED_ENTRIES, values).fetchall())
        return self._known[version]


def _decided(taps: Sequence[Tap], told: Sequence[Told], lists: _Lists) -> list[tuple[str, str, str | None]]:
    """Decide on every tap as the centre would, at the instants and by the versions that the gateway names."""
    state, waiting = State(), ""
    found: list[tuple[str, str, str | None]] = []
    for tap, one in zip(taps, told, strict=True):
        held, pin, by = lists.at(one.version), None, "card"
        key = place_key(SECRET, held.place)
        if tap.card is not None:
            token = card_token(key, normalise(bytes.fromhex(tap.card)))
        elif waiting:
            token, ref = waiting, held.entries[waiting].member.ref
            pin = pin_hash(key, ref, tap.digits or "")
        else:
            paused = door_paused(state, tap.door, "code", held.rules, one.at)  # whose code it is isn't even looked up
            token, by = "" if paused else code_token(key, tap.digits or ""), "code"
        attempt = Attempt(card_token=token, door=tap.door, side=tap.side, at=one.at, by=by)  # type: ignore[arg-type]
        decision = decide(held, token, tap.door, tap.side, one.at, state=state, pin=pin, by=by)  # type: ignore[arg-type]
        state = after(decision, attempt, held, state)
        if decision.reason == "pin_required" and by == "card":
            waiting = token or ""
        elif pin is not None and decision.reason != "wrong_pin":
            waiting = ""
        found.append((decision.reason, decision.rule, decision.member))
    return found
