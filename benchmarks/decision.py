"""Decisions a second and their slowest hundredth, in process, with lists of 100, 10,000 and 100,000 entries.

``python -m benchmarks.decision [--decisions N]``. The list is one as a network of third places would have: three of
four members with a pass for half-days and the place's hours, residents at any hour, hosts, visitors of a day, bookings
of a meeting room, some cards lost; doors with anti-passback, a limit and a PIN in the evening. The attempts come from
everybody, at the hours of a week, with some strangers; the state is what the attempts before left behind. The goal
(issue 3): p99 below 0.1 ms and flat in the size of the list, less than 100 MB and 2 s for a list of 100,000, less than
1 KB for a change of one card.
"""

from __future__ import annotations

import argparse
import gc
import math
import random
import tempfile
import time
import tracemalloc
from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from access import (
    AccessList,
    Attempt,
    State,
    after,
    decide,
    from_json,
    to_json,
)
from access.compare import apply, delta_of, digest, fingerprint, moved
from access.deltas_json import delta_from_json, delta_to_json
from benchmarks.decision_list import MONDAY, a_list
from benchmarks.report import Result, finish, progress
from gateway.contract.list_messages import ListDelta
from gateway.contract.signing import new_seed, sign

SIZES: Final = (100, 10_000, 100_000)
GOAL_P99_MS: Final = 0.1
GOAL_MB: Final = 100.0
GOAL_LOAD_S: Final = 2.0
GOAL_DELTA_BYTES: Final = 1000
DOORS: Final = ("entry", "entry", "entry", "lab", "meeting")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One size's figures."""

    per_s: float
    p50_ms: float
    p99_ms: float


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
        state = after(decision, Attempt(card_token=token, door=door, side=side, at=at), held, state)  # type: ignore[arg-type]
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


def load(path: Path, *, collecting: bool = False) -> float:
    """Return how long reading the list in ``path`` takes (seconds, the best of three).

    Args:
        collecting: whether Python's cyclic garbage collector runs meanwhile. A gateway pauses it while it reads, and
            freezes what it has read (``gateway.lists.access_lists``): else it walks over the growing list again and
            again.
    """
    took = math.inf
    for _ in range(3):
        gc.collect()
        if not collecting:
            gc.disable()
        begin = time.perf_counter()
        held = from_json(path.read_text())
        took = min(took, time.perf_counter() - begin)
        gc.enable()
        del held
    return took


def change(held: AccessList) -> tuple[int, float]:
    """Return the bytes of a lost card's message to a gateway, and how long the gateway takes for it (milliseconds)."""
    known = fingerprint(held)
    entry = next(iter(held.entries.values()))
    lost = replace(entry, status="lost" if entry.status == "active" else "active")
    newer = replace(held, version=held.version + 1, made_at=held.made_at + timedelta(hours=1))
    after_it = moved(known, [digest(entry)], [digest(lost)])
    body = delta_to_json(
        delta_of(held.version, newer, changed=[(lost, False)], removed=(), settings_changed=False, fingerprint=after_it)
    )
    message = ListDelta(body=body, signature=sign(new_seed(), "delta", body)).model_dump_json()
    begin = time.perf_counter()
    made = apply(held, delta_from_json(body), known=known)
    took = time.perf_counter() - begin
    assert made.entries[entry.token] == lost
    return len(message.encode()), took * 1e3


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
    largest, smallest = found[SIZES[-1]], found[SIZES[0]]
    held = a_list(SIZES[-1])
    delta_bytes, delta_ms = change(held)
    text = to_json(held)
    del held
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(text)
        file.flush()
        progress(f"{len(text) / 1e6:.1f} MB of JSON")
        paused_s, collecting_s = load(Path(file.name)), load(Path(file.name), collecting=True)
    goal: dict[str, Any] = {"unit": "ms", "reference": "goal", "reference_value": GOAL_P99_MS}
    finish("decision", [
        Result(name="decisions_per_s", value=largest.per_s, unit="1/s",
               reference=f"with {SIZES[0]} entries", reference_value=smallest.per_s),
        Result(name="decision_p99_ms", value=largest.p99_ms, **goal),
        Result(name="decision_p99_10k_ms", value=found[10_000].p99_ms, **goal),
        Result(name="decision_p99_100_ms", value=smallest.p99_ms, **goal),
        Result(name="decision_p99_flat_ms", value=largest.p99_ms, unit="ms",
               reference=f"p99 with {SIZES[0]} entries", reference_value=smallest.p99_ms),
        Result(name="decision_p50_ms", value=largest.p50_ms, unit="ms"),
        Result(name="list_memory_mb", value=weigh(text), unit="MB", reference="goal", reference_value=GOAL_MB),
        Result(name="list_load_s", value=paused_s, unit="s", reference="goal", reference_value=GOAL_LOAD_S),
        Result(name="list_load_collecting_s", value=collecting_s, unit="s",
               reference="goal", reference_value=GOAL_LOAD_S),
        Result(name="delta_bytes", value=delta_bytes, unit="B", reference="goal", reference_value=GOAL_DELTA_BYTES),
        Result(name="delta_apply_ms", value=delta_ms, unit="ms"),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
