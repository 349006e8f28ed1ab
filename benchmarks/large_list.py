"""A card at the door while its gateway takes a whole list of 100,000 cards, beside a card without.

``python -m benchmarks.large_list [--entries N]``. The stand of ``benchmarks.tap``; the list goes out in parts as in
life, first in the place of a small one, then again with one entry changed, in the place of its like. A tap every few
milliseconds meanwhile, each timed from its publish to the lock's command.
"""

from __future__ import annotations

import argparse
import json
import queue
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from access import AccessList, to_json
from access.compare import fingerprint
from benchmarks.decision_list import a_list
from benchmarks.door_stand import CARDS, Stand, deliver_list, driven, small_list, stand
from benchmarks.report import Result, finish, progress
from gateway.mqtt.loop import Message, MqttLoop, parse_mqtt_url
from rights.packing import list_messages

_PAUSE_S: Final = 0.004
_QUIET_S: Final = 5.0
_LIMIT_S: Final = 120.0


@dataclass(slots=True)
class _Taps:
    """What a tapping thread has measured: when each tap began (``time.perf_counter``) and its milliseconds."""

    found: list[tuple[float, float]] = field(default_factory=list)

    def since(self, begin: float) -> list[float]:
        """Return the milliseconds of the taps from ``begin`` on, the fastest first."""
        return sorted(spent for at, spent in self.found if at >= begin)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    wishes = parser.parse_args()
    with stand() as one, driven() as loop:
        finish("large_list", _measured(one, loop, wishes.entries))


def _measured(one: Stand, loop: MqttLoop, entries: int) -> list[Result]:
    deliver_list(one, loop)
    small = small_list()
    made = a_list(entries)
    first = replace(small, version=2, made_at=datetime.now(UTC), entries={**made.entries, **small.entries})
    gone = next(iter(made.entries))
    second = replace(first, version=3, entries={token: one for token, one in first.entries.items() if token != gone})
    taps, stop = _Taps(), threading.Event()
    tapping = threading.Thread(target=_tap, args=(one, loop, taps, stop), daemon=True)
    send = _sender(one, loop)
    tapping.start()
    begin = time.perf_counter()
    time.sleep(_QUIET_S)
    quiet = taps.since(begin)
    busy: list[float] = []
    spent: list[float] = []
    for held in (first, second):
        messages = list_messages(held, fingerprint(held), one.seed)
        progress(
            f"{len(to_json(held)) / 1e6:.0f} MB of JSON in {len(messages)} messages of {sum(map(len, messages))} bytes"
        )
        begin = time.perf_counter()
        send(held, messages)
        spent.append(time.perf_counter() - begin)
        busy += taps.since(begin)
    stop.set()
    tapping.join()
    busy.sort()
    return [
        Result(name="list_taken_s", value=max(spent), unit="s"),
        _result("p50", 0.5, busy, quiet),
        _result("p99", 0.99, busy, quiet),
        _result("max", 1.0, busy, quiet),
    ]


def _result(name: str, part: float, busy: list[float], quiet: list[float]) -> Result:
    return Result(
        name=f"tap_while_list_{name}_ms",
        value=busy[min(int(len(busy) * part), len(busy) - 1)],
        unit="ms",
        reference="taps without",
        reference_value=quiet[min(int(len(quiet) * part), len(quiet) - 1)],
    )


def _sender(one: Stand, loop: MqttLoop) -> Callable[[AccessList, list[bytes]], None]:
    """Return what sends a list and waits until the gateway acknowledges it."""
    topic = one.gateway.address.topic
    said: queue.Queue[int] = queue.Queue()

    def hear(message: Message) -> None:
        said.put(json.loads(message.payload).get("list_version", 0))

    link = loop.add(
        parse_mqtt_url(one.central.url("rights")),
        client_id="sender",
        on_message=hear,
        subscriptions=[(topic("state"), 1)],
    )

    def send(held: AccessList, messages: list[bytes]) -> None:
        for message in random.Random(1).sample(messages, len(messages)):
            link.publish(topic("list"), message)
        while said.get(timeout=_LIMIT_S) != held.version:
            pass

    return send


def _tap(one: Stand, loop: MqttLoop, taps: _Taps, stop: threading.Event) -> None:
    back: queue.Queue[float] = queue.Queue()
    ready = threading.Event()
    link = loop.add(
        parse_mqtt_url(one.field.url()),
        client_id="taps",
        on_message=lambda _message: back.put(time.perf_counter()),
        on_connect=ready.set,
        subscriptions=[("bench/entry/cmd", 1)],
    )
    ready.wait(10)
    number = 0
    while not stop.wait(_PAUSE_S):
        card = (number % CARDS).to_bytes(4, "big").hex()
        read = {"type": "access", "uid": card, "hostname": "reader", "isKnown": "false", "time": number}
        number += 1
        begin = time.perf_counter()
        link.publish("bench/entry/send", json.dumps(read).encode())
        taps.found.append((begin, (back.get(timeout=_LIMIT_S) - begin) * 1000))


if __name__ == "__main__":
    main()
