"""Decisions a second and their slowest hundredth, in process, with lists of 100, 10,000 and 100,000 entries.

``python -m benchmarks.decision [--decisions N]``. The list is one as a network of third places would have: three of
four members with a pass for half-days and the place's hours, residents at any hour, hosts, visitors of a day, bookings
of a meeting room, some cards lost; doors with anti-passback, a limit and a PIN in the evening. The readings come from
everybody, at the hours of a week, with some strangers; the state is what the readings before left behind. The goal
(issue 3): p99 below 0.1 ms and flat in the size of the list, less than 100 MB and 2 s for a list of 100,000.
"""

from __future__ import annotations

import argparse
import gc
import math
import random
import time
import tracemalloc
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from access import (
    AccessList,
    Entry,
    Member,
    Reading,
    Right,
    State,
    after,
    decide,
    from_json,
    pin_hash,
    to_json,
)
from access.rules import Allowance, Booking, DoorRules, PlaceRules, SpaceRules, Terms
from access.schedules import DAYS, schedule_from_json
from benchmarks.report import Result, finish, progress

SIZES: Final = (100, 10_000, 100_000)
GOAL_P99_MS: Final = 0.1
GOAL_MB: Final = 100.0
GOAL_LOAD_S: Final = 2.0
MONDAY: Final = datetime(2026, 3, 23, tzinfo=UTC)
"""The clocks change at the end of this week."""
_KEY: Final = bytes(32)
_HOURS: Final = {day: [["08:00", "12:30"], ["13:30", "19:30"]] for day in DAYS[:5]}
_HOLIDAYS: Final = {"department": "67", "hours": []}
WORK: Final = schedule_from_json({**_HOURS, "sat": [["09:00", "12:00"]], "holidays": _HOLIDAYS})
OPEN: Final = schedule_from_json(
    {
        **{day: [["06:00", "23:00"]] for day in DAYS},
        "closed": [["2026-08-03", "2026-08-16"], ["2026-12-24", "2027-01-03"]],
    }
)
EVENING: Final = schedule_from_json({day: [["19:00", "24:00"]] for day in DAYS})
RULES: Final = PlaceRules(
    doors={
        "entry": DoorRules(to_space="place", passback="timed", passback_s=30, pin=True, pin_while=EVENING),
        "lab": DoorRules(from_space="place", to_space="lab", supervised=WORK),
        "meeting": DoorRules(from_space="place", to_space="meeting"),
    },
    spaces={
        "place": SpaceRules(limit=60),
        "lab": SpaceRules(parent="place", limit=12),
        "meeting": SpaceRules(parent="place"),
    },
)
DOORS: Final = ("entry", "entry", "entry", "lab", "meeting")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One size's figures."""

    per_s: float
    p50_ms: float
    p99_ms: float


def a_list(size: int, seed: int = 1) -> AccessList:
    """Make up a list of ``size`` entries; one member in ten has two cards."""
    chance = random.Random(seed)
    entries: dict[str, Entry] = {}
    number = 0
    while len(entries) < size:
        ref = f"m-{number:06x}"
        member = Member(
            ref=ref,
            status="suspended" if chance.random() < 0.01 else "active",
            rights=_rights(number, chance),
            pin=pin_hash(_KEY, ref, f"{chance.randrange(10**4):04}"),
            bookings=_bookings(chance) if chance.random() < 0.05 else (),
        )
        for _ in range(2 if chance.random() < 0.1 and len(entries) < size - 1 else 1):
            token = chance.randbytes(32).hex()
            status = chance.choices(("active", "lost", "suspended", "returned"), (95, 2, 1, 2))[0]
            entries[token] = Entry(token=token, member=member, status=status)  # type: ignore[arg-type]
        number += 1
    return AccessList(
        place="gare", version=1, made_at=MONDAY, time_zone="Europe/Paris", max_age_s=30 * 86_400, opening_hours=OPEN,
        rules=RULES, entries=entries,
    )  # fmt: skip


def measure(held: AccessList, decisions: int, seed: int = 2) -> Measured:
    """Decide ``decisions`` times, each timed by itself; remembering (``after``) is not in the time."""
    chance = random.Random(seed)
    tokens = list(held.entries)
    asked = [
        (
            chance.choice(tokens) if chance.random() < 0.97 else chance.randbytes(32).hex(),
            chance.choice(DOORS),
            "out" if chance.random() < 0.4 else "in",
            MONDAY + timedelta(minutes=round(index * 7 * 1440 / decisions)),
        )
        for index in range(decisions)
    ]
    state, spent, reasons = State(), [], Counter[str]()
    gc.collect()
    gc.freeze()
    for token, door, side, at in asked:
        begin = time.perf_counter()
        decision = decide(held, token, door, side, at, state=state)  # type: ignore[arg-type]
        spent.append(time.perf_counter() - begin)
        reasons[decision.reason] += 1
        state = after(decision, Reading(card_token=token, door=door, side=side, at=at), held, state)  # type: ignore[arg-type]
        if len(state.movements) > 2_000:
            state = State(used=state.used)
    gc.unfreeze()
    spent.sort()
    progress(f"{len(tokens):>7,} entries: " + ", ".join(f"{name} {count}" for name, count in reasons.most_common(6)))
    return Measured(
        per_s=len(spent) / sum(spent),
        p50_ms=spent[len(spent) // 2] * 1e3,
        p99_ms=spent[int(len(spent) * 0.99)] * 1e3,
    )


def load(text: str, *, collecting: bool = True) -> float:
    """Return how long reading ``text`` takes (seconds, the best of three).

    Args:
        collecting: whether Python's cyclic garbage collector runs meanwhile; a process may pause it while it reads.
    """
    took = math.inf
    for _ in range(3):
        gc.collect()
        if not collecting:
            gc.disable()
        begin = time.perf_counter()
        held = from_json(text)
        took = min(took, time.perf_counter() - begin)
        gc.enable()
        del held
    return took


def weigh(text: str) -> float:
    """Return what the list in ``text`` holds in memory (10^6 bytes)."""
    gc.collect()
    tracemalloc.start()
    held = from_json(text)
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held.entries
    return size / 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", type=int, default=20_000, help="for each size (default 20,000)")
    count = parser.parse_args().decisions
    found: dict[int, Measured] = {}
    for size in SIZES:
        held = a_list(size)
        found[size] = measure(held, count)
        del held
    text = to_json(a_list(SIZES[-1]))
    progress(f"{len(text) / 1e6:.1f} MB of JSON")
    largest, smallest = found[SIZES[-1]], found[SIZES[0]]
    flat = f"p99 with {SIZES[0]} entries"
    finish("decision", [
        Result(name="decisions_per_s", value=largest.per_s, unit="1/s",
               reference=f"with {SIZES[0]} entries", reference_value=smallest.per_s),
        Result(name="decision_p99_ms", value=largest.p99_ms, unit="ms", reference="goal", reference_value=GOAL_P99_MS),
        Result(name="decision_p99_flat_ms", value=largest.p99_ms, unit="ms",
               reference=flat, reference_value=smallest.p99_ms),
        Result(name="decision_p99_10k_ms", value=found[10_000].p99_ms, unit="ms",
               reference="goal", reference_value=GOAL_P99_MS),
        Result(name="decision_p50_ms", value=largest.p50_ms, unit="ms"),
        Result(name="list_100k_mb", value=weigh(text), unit="MB", reference="goal", reference_value=GOAL_MB),
        Result(name="list_100k_load_s", value=load(text), unit="s", reference="goal", reference_value=GOAL_LOAD_S),
        Result(name="list_100k_load_gc_paused_s", value=load(text, collecting=False), unit="s",
               reference="goal", reference_value=GOAL_LOAD_S),
    ])  # fmt: skip


def _rights(number: int, chance: random.Random) -> tuple[Right, ...]:
    ends = MONDAY + timedelta(days=chance.randrange(-10, 300))
    kind = chance.random()
    ref = f"p-{number:06x}"
    if kind < 0.75:
        half_days = Terms(allowance=Allowance(unit="half_day", limit=10 * chance.randrange(1, 4)))
        used = tuple(sorted({2 * MONDAY.toordinal() - chance.randrange(1, 80) for _ in range(chance.randrange(8))}))
        doors = None if chance.random() < 0.7 else frozenset({"entry", "meeting"})
        return (
            Right(doors=doors, schedule=WORK, valid_until=ends, pass_ref=ref, terms=half_days, used=used),
            Right(doors=frozenset({"meeting", "entry"}), schedule=None, pass_ref=ref, terms=Terms(booked=True)),
        )
    if kind < 0.9:
        return (Right(doors=None, schedule=None, valid_until=ends, pass_ref=ref),)
    if kind < 0.93:
        return (Right(doors=None, schedule=None, pass_ref=ref, terms=Terms(supervises=True, outside_hours=True)),)
    visit = MONDAY + timedelta(days=chance.randrange(7))
    terms = Terms(visitor="expected", allowance=Allowance(unit="day", limit=1))
    return (
        Right(
            doors=frozenset({"entry"}), schedule=WORK, valid_from=visit, valid_until=visit + timedelta(days=1),
            pass_ref=ref, terms=terms,
        ),
    )  # fmt: skip


def _bookings(chance: random.Random) -> tuple[Booking, ...]:
    start = MONDAY + timedelta(hours=chance.randrange(7 * 24))
    return (Booking(doors=frozenset({"meeting", "entry"}), start=start, end=start + timedelta(hours=2)),)


if __name__ == "__main__":
    main()
