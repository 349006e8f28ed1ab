"""A month of a small place, with and without one member's visits: every public answer is the same, at every instant."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from api.present.availability import offer_of
from api.present.board import Board
from api.present.network import Network, Place
from api.present.occupancy import GatewayState, SpaceState
from occupancy import topology
from occupancy.fold import TTL_S, PlaceFold
from occupancy.public import Rule
from occupancy.staleness import SECOND
from tests.unit.api.network_of import NOW, a_place

DAY = 86_400 * SECOND
MINUTE = 60 * SECOND
FIRST = NOW - NOW % DAY
DAYS = 28
ROOT, OPEN = 10, 11
READER_IN, READER_OUT, COUNTER, DESKS = 1, 2, 3, (4, 5, 6)
Said = tuple[int, dict[str, Any], int]
"""When, the event and its device."""
_HOUSES = {
    "badges": ("reader", "reader", None, None),
    "all": ("reader", "reader", "counter", "desk_sensor"),
}


def devices(kind: str) -> dict[int, topology.Device]:
    reader_in, reader_out, counter, desk = _HOUSES[kind]
    plain = topology.Device(
        id=0, kind="", space=None, at_desk=False, side="in", door=None, door_from=None, door_to=None
    )
    found = {}
    if reader_in and reader_out:
        found[READER_IN] = replace(plain, id=READER_IN, kind=reader_in, side="in", door=1, door_to=ROOT)
        found[READER_OUT] = replace(plain, id=READER_OUT, kind=reader_out, side="out", door=1, door_to=ROOT)
    if counter:
        found[COUNTER] = replace(plain, id=COUNTER, kind=counter, space=ROOT, expect_every=900 * SECOND)
    if desk:
        for one in DESKS:
            found[one] = replace(plain, id=one, kind=desk, space=OPEN, at_desk=True, expect_every=3600 * SECOND)
    return found


def visits(member: int) -> Iterator[tuple[int, int]]:
    """When member 0, 1 or 2 came and left."""
    dice = random.Random(f"member {member}")
    for day in range(DAYS):
        if (day + 2) % 7 < 5 and dice.random() < 0.6:
            came = FIRST + day * DAY + int(dice.gauss(9.5, 1) * 60) * MINUTE + dice.randrange(60) * SECOND
            yield came, came + int(dice.uniform(1, 8) * 60) * MINUTE


def month(kind: str, members: tuple[int, ...]) -> list[Said]:
    """All that the devices said in the month in which only ``members`` came."""
    said: list[Said] = []
    there = devices(kind)
    came = sorted((at, member, left) for member in members for at, left in visits(member))
    entered = [at for at, _, _ in came]
    left = sorted(at for _, _, at in came)
    for at, member, until in came:
        if READER_IN in there:
            for when, side, device in ((at, "in", READER_IN), (until, "out", READER_OUT)):
                event = {"kind": "access", "decision": "granted", "member": f"m-{member}", "side": side, "at": when}
                said.append((when, event, device))
        if DESKS[member] in there:
            said.append((at + 90 * SECOND, {"kind": "desk", "occupied": True}, DESKS[member]))
            said.append((until - 30 * SECOND, {"kind": "desk", "occupied": False}, DESKS[member]))
    for at in range(FIRST, FIRST + DAYS * DAY, 900 * SECOND):  # the sensors' own rhythm
        if COUNTER in there:
            before = at - 900 * SECOND
            totals = [sum(one <= at for one in entered), sum(one <= at for one in left)]
            now = [sum(before < one <= at for one in entered), sum(before < one <= at for one in left)]
            event = {"kind": "count", "entered": now[0], "left": now[1], "entered_total": totals[0]}
            said.append((at, {**event, "left_total": totals[1]}, COUNTER))
        for member, desk in enumerate(DESKS if at % (3600 * SECOND) == 0 else ()):
            taken = member in members and any(a + 90 * SECOND <= at < b - 30 * SECOND for a, b in visits(member))
            if desk in there:
                said.append((at, {"kind": "desk", "occupied": taken}, desk))
    return sorted(said, key=lambda one: (one[0], one[2]))


def grid() -> list[int]:
    """The minutes at which the gateway is heard: all of those around a visit's ends, else every half hour."""
    found = set(range(FIRST, FIRST + DAYS * DAY, 30 * MINUTE))
    for member in range(3):
        for ends in visits(member):
            for end in ends:
                minute = end - end % MINUTE
                found |= {minute + near * MINUTE for near in range(-3, 5)}
    return sorted(found)


def the_place(kind: str, rule: Rule) -> Place:
    place = a_place(1, public=rule)
    spaces = tuple(replace(one, capacity=8, read_only=kind == "badges" and one.parent is None) for one in place.spaces)
    return replace(place, spaces=spaces)


class Public:
    """A place's fold and the board that shows it; notes all that a client without a key can see."""

    def __init__(self, kind: str, rule: Rule) -> None:
        self.place = the_place(kind, rule)
        rows = [topology.Space(id=one, place=1, parent=up, capacity=8) for one, up in ((ROOT, None), (OPEN, ROOT))]
        self.devices = devices(kind)
        gateway = topology.Gateway(id=1, code="g", place=1, place_code="place-1", shard=0)
        coded = [(1, f"d{number}", one) for number, one in self.devices.items()]
        made = topology.Topology.build([gateway], rows, coded, {1: "Europe/Paris"})
        self.fold = PlaceFold(1, made)
        self.board = Board(boot="b")
        self.board.set_network(Network([self.place]), FIRST - DAY)
        self.seen: list[tuple[Any, ...]] = []
        self.hidden: set[int | None] = set()
        self._revision = 0

    def live(self, said: list[Said], grid: list[int]) -> None:
        at = 0
        for minute in grid:
            while at < len(said) and said[at][0] < minute:
                when, event, device = said[at]
                self.fold.apply({"at": when, "device": str(device), **event}, self.devices[device], when)
                self.fold.settle()
                self._store(when + SECOND)
                at += 1
            self.fold.look(minute)
            self._store(minute)
            self.board.hear(
                [GatewayState(gateway=1, place=1, online=True, heard=minute, spool_depth=0, complete=minute)], minute
            )
            self._look(minute)

    def _store(self, now: int) -> None:
        rows = []
        for space in sorted(self.fold.touched):
            one = self.fold.spaces[space]
            self._revision += 1
            self.hidden.add(one.estimate.present)
            rows.append(
                SpaceState(
                    space=space, place=1, revision=self._revision, present=one.estimate.present, low=one.estimate.low,
                    high=one.estimate.high, capacity=None, quality=one.estimate.quality, at=one.at, ttl_s=TTL_S,
                    changed=now,
                )
            )  # fmt: skip
        self.fold.touched.clear()
        self.board.apply(rows, now)
        self._look(now)

    def _look(self, now: int) -> None:
        self.board.age(now)
        ledger = self.board.public
        view = ledger.latest(self.place)
        assert view is not None
        offers = tuple(offer_of(view, seats=seats, kind=kind) for seats in (1, 4) for kind in (None, "open_space"))
        found = (view.body, view.etag, ledger.cursor(), ledger.digest, len(ledger.changed_since(now - DAY)), offers)
        if not self.seen or self.seen[-1][1:] != found:
            self.seen.append((now, *found))


@pytest.mark.parametrize(("kind", "numbers"), [("badges", True), ("all", True), ("all", False)])
def test_a_member_leaves_no_trace_in_any_public_answer_of_a_small_place(kind: str, numbers: bool) -> None:
    everybody, without = (Public(kind, Rule(numbers=numbers)) for _ in range(2))
    everybody.live(month(kind, (0, 1, 2)), grid())
    without.live(month(kind, (1, 2)), grid())
    assert {1, 2} <= everybody.hidden, "the numbers behind it do move"
    assert len(everybody.seen) > DAYS * 24, "the answers stay live"
    assert everybody.seen == without.seen
    assert b'"band":{"from":0,"to":' in everybody.seen[-1][1]


def test_the_only_member_of_a_place_with_readers_leaves_no_trace_either() -> None:
    everybody, nobody = (Public("badges", Rule(numbers=True)) for _ in range(2))
    everybody.live(month("badges", (0,)), grid())
    nobody.live(month("badges", ()), grid())
    assert everybody.seen == nobody.seen
