"""How fast one core folds a place's events, and how often a place can be asked for its numbers.

``python -m benchmarks.fold [--hours N]``. Places of several sizes and equipments, a working day of each: people come
and go through the doors, sit down and get up, and each device also repeats its state in its rhythm. The fold takes the
events as the ingest gives them, a settled transaction for each second of the events' clock that has any. Beside it, in
the same run, a bare loop that only looks at each event: what any fold in Python pays at least. Times are those of the
process, which other processes of the machine change less.
"""

from __future__ import annotations

import argparse
import gc
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.report import Result, finish, progress
from occupancy.fold import PlaceFold
from occupancy.topology import Device, Gateway, Space, Topology

MINUTE: Final = 60_000_000
_FIRST: Final = 1_764_140_400_000_000
"""A Wednesday, seven in the morning UTC; nothing here reads a clock."""
_PLACE: Final = 1
_REPEAT_S: Final = 60
"""A gateway passes an unchanged state on so often at most (docs/gateway.md)."""
_TICK: Final = 5_000_000
"""The instants for which numbers are asked lie so far apart."""

Told = tuple[dict[str, Any], Device, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """A place: how many seats, which of them sensed, and what else speaks of it."""

    name: str
    seats: int
    sensed: int
    rooms: int = 0
    """Rooms with a presence sensor and a CO2 sensor each."""
    readers: bool = False
    counters: int = 0
    """Beam counters at doors: people in and out."""


PLACES: Final = (
    Equipment(name="small", seats=10, sensed=10, readers=True),
    Equipment(name="middle", seats=28, sensed=28, rooms=2, readers=True, counters=1),
    Equipment(name="half", seats=60, sensed=30, rooms=4, counters=2),
    Equipment(name="large", seats=150, sensed=150, rooms=10, readers=True, counters=3),
    Equipment(name="counted", seats=40, sensed=0, counters=1),
)


def network(place: Equipment) -> tuple[Topology, dict[str, list[Device]]]:
    """Return the topology of one place, and its devices by what they do."""
    root, hall = 1, 2
    rooms = range(3, 3 + place.rooms)
    spaces = [Space(id=root, place=_PLACE, parent=None, capacity=place.seats + 4 * place.rooms)]
    spaces.append(Space(id=hall, place=_PLACE, parent=root, capacity=place.seats))
    spaces += [Space(id=room, place=_PLACE, parent=root, capacity=6) for room in rooms]
    devices: dict[str, list[Device]] = {"desk": [], "pir": [], "co2": [], "reader": [], "counter": []}

    def add(what: str, kind: str, space: int | None, *, side: str = "in", every_s: int | None = None) -> None:
        number = sum(map(len, devices.values())) + 1
        devices[what].append(
            Device(
                id=number,
                kind=kind,
                space=space,
                at_desk=what == "desk",
                side=side,
                door_from=None,
                door_to=root if kind in ("reader", "counter") else None,
                door=1 if kind in ("reader", "counter") else None,
                expect_every=None if every_s is None else every_s * 1_000_000,
            )
        )

    for _ in range(place.sensed):
        add("desk", "desk_sensor", hall, every_s=600)
    for room in rooms:
        add("pir", "presence_sensor", room, every_s=600)
        add("co2", "climate", room, every_s=300)
    for side in ("in", "out") if place.readers else ():
        add("reader", "reader", None, side=side)
    for _ in range(place.counters):
        add("counter", "counter", None, every_s=600)
    gateway = Gateway(id=1, code="g1", place=_PLACE, place_code="place", shard=1)
    rows = [(1, f"{what}-{one.id}", one) for what, those in devices.items() for one in those]
    return Topology.build([gateway], spaces, rows, {_PLACE: "Europe/Paris"}), devices


class Day:
    """The events of a place's day: visits, and each device's repeats. The same each time."""

    def __init__(self, place: Equipment, devices: dict[str, list[Device]], hours: float) -> None:
        self._chance = random.Random(7)
        self._place = place
        self._devices = devices
        self._end = _FIRST + round(hours * 60) * MINUTE
        self._states: dict[int, list[tuple[int, bool]]] = {}
        """By sensor: from when on its seat or room is taken, or free."""
        self.told: list[Told] = []
        for visitor in range(round(place.seats * hours / 5)):
            self._visit(f"m-{visitor:05d}")
        for one in devices["desk"] + devices["pir"]:
            self._repeat(one, sorted(self._states.get(one.id, [])))
        for one in devices["co2"]:
            for at in range(_FIRST + self._chance.randrange(5 * MINUTE), self._end, 5 * MINUTE):
                value = 430.0 + self._chance.randrange(600)
                self._tell(one, at, {"kind": "measure", "name": "co2", "value": value})
        self.told.sort(key=lambda one: one[2])

    def _tell(self, device: Device, at: int, event: dict[str, Any]) -> None:
        self.told.append(({**event, "device": f"d-{device.id}", "at": at}, device, at))

    def _visit(self, member: str) -> None:
        """One person: in by the door, at a seat or in a room with pauses, out again."""
        chance = self._chance
        came = chance.randrange(_FIRST, self._end)
        left = min(came + chance.randrange(30, 420) * MINUTE, self._end - 1)
        for at, side in ((came, "in"), (left, "out")):
            for reader in self._devices["reader"]:
                if reader.side == side:
                    grant = {"kind": "access", "decision": "granted", "reason": "granted", "side": side}
                    self._tell(reader, at, {**grant, "member": member})
            if self._devices["counter"]:
                moved = {"kind": "count", "entered": int(side == "in"), "left": int(side == "out")}
                self._tell(chance.choice(self._devices["counter"]), at, moved)
        sensors = self._devices["desk"] + self._devices["pir"]
        free = [one for one in sensors if self._states.get(one.id, [(0, False)])[-1][0] < came]
        if free and chance.random() < self._place.sensed / self._place.seats:
            self._sit(chance.choice(free), came + MINUTE, left)

    def _sit(self, sensor: Device, at: int, left: int) -> None:
        states, occupied = self._states.setdefault(sensor.id, []), True
        while at < left:
            states.append((at, occupied))
            at += self._chance.randrange(20, 90) * MINUTE if occupied else self._chance.randrange(3, 15) * MINUTE
            occupied = not occupied
        states.append((left, False))

    def _repeat(self, sensor: Device, states: Sequence[tuple[int, bool]]) -> None:
        """What a sensor says: each change at once, and its state again in its rhythm."""
        said_at, occupied = _FIRST + self._chance.randrange(_REPEAT_S * 1_000_000), False
        for at, then in [*states, (self._end, False)]:
            while said_at < min(at, self._end):
                self._tell(sensor, said_at, {"kind": "desk", "occupied": occupied})
                said_at += _REPEAT_S * 1_000_000
            said_at, occupied = at, then


def folded(topology: Topology, told: Sequence[Told]) -> float:
    """Return how long a fold of these events takes, settled each second as by the ingest's transactions; seconds."""
    fold = PlaceFold(_PLACE, topology)
    apply = fold.apply
    over = 0
    started = time.process_time()
    for event, device, at in told:
        if at >= over:  # a transaction
            over = (at // 1_000_000 + 1) * 1_000_000
            fold.settle()
            fold.touched.clear()
            fold.changes.clear()
        apply(event, device, at)
    fold.settle()
    return time.process_time() - started


def bare(told: Sequence[Told]) -> float:
    """Return how long it takes to only look at each event, as any fold must; seconds."""
    newest: dict[int, tuple[Any, int]] = {}
    started = time.process_time()
    for event, device, at in told:
        kind = event["kind"]
        if kind == "desk":
            newest[device.id] = (event["occupied"], at)
        elif kind == "count":
            newest[device.id] = (event["entered"] - event["left"], at)
        elif kind == "access":
            newest[device.id] = (event["member"], at)
        else:
            newest[device.id] = (event["value"], at)
    return time.process_time() - started


def asked(topology: Topology, told: Sequence[Told], seconds: float) -> float:
    """Return how many times a second a place at midday is asked for its numbers, each time a little later."""
    fold = PlaceFold(_PLACE, topology)
    for event, device, at in told[: len(told) // 2]:
        fold.apply(event, device, at)
    fold.settle()
    now = told[len(told) // 2][2]
    ask: Callable[[int], Any] = getattr(fold, "estimates", fold.look)
    done = 0
    started = time.process_time()
    while (spent := time.process_time() - started) < seconds:
        now += _TICK
        ask(now)
        done += 1
    return done / spent


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=12.0, help="of each place's day (default 12)")
    choice = parser.parse_args()
    results: list[Result] = []
    events = 0
    spent = loops = ticks_s = 0.0
    for place in PLACES:
        topology, devices = network(place)
        told = Day(place, devices, choice.hours).told
        gc.collect()
        gc.freeze()
        folding, looping = (min(run(told) for _ in range(3)) for run in (lambda t, of=topology: folded(of, t), bare))
        ticks = asked(topology, told, 0.5)
        rate, loop_rate = len(told) / folding, len(told) / looping
        events, spent, loops, ticks_s = events + len(told), spent + folding, loops + looping, ticks_s + 1 / ticks
        progress(
            f"{place.name:>8}: {len(told):>7,} events, {rate:>9,.0f} events/s (bare loop {loop_rate:,.0f}), "
            f"{ticks:>8,.0f} ticks/s"
        )
        results.append(
            Result(
                name=f"events_per_s_{place.name}",
                value=rate,
                unit="events/s",
                reference="a bare loop over the same events",
                reference_value=loop_rate,
            )
        )
        results.append(Result(name=f"ticks_per_s_{place.name}", value=ticks, unit="1/s"))
    main_results = [
        Result(
            name="events_per_s",
            value=events / spent,
            unit="events/s",
            reference="a bare loop over the same events",
            reference_value=events / loops,
        ),
        Result(name="ticks_per_s", value=len(PLACES) / ticks_s, unit="1/s"),
    ]
    finish("fold", main_results + results)


if __name__ == "__main__":
    main()
