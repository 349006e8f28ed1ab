"""Gateways that send recorded batches at a steady rate: the load that no single gateway process can make.

A process of its own: reads its orders as JSON from standard input, a line for each run: ``{"gateways": [[place, code,
shard, url], …], "rate", "seconds"}``. Each gateway has its connection and the real window (``gateway.uplink.window``);
the texts of its events were made beforehand, and only their times are written as they happen. What happens while the
disk would be writing (5 ms) goes out as one batch, and while the window is full it waits, as in a spool.
"""

from __future__ import annotations

import json
import random
import secrets
import sys
import threading
import time
from typing import Final

from benchmarks.stand import DESKS
from gateway.contract.wire import MAX_BATCH_EVENTS, Mark
from gateway.mqtt.loop import Link, Message, MqttLoop, parse_mqtt_url
from gateway.spool.values import Position
from gateway.uplink.window import Window

_WRITE_S: Final = 0.005
"""How long a disk takes for a commit."""
_TEXTS: Final = [
    f'{{"kind":"desk","at":%d,"device":"desk-{desk}","occupied":{taken}}}'.encode()
    for taken in ("true", "false")
    for desk in range(DESKS)
]


class _Gateway:
    """One gateway: what happened and isn't committed yet, and its window."""

    def __init__(self, place: str, code: str, shard: int) -> None:
        self.topic = f"maillage/v1/{shard:02d}/{place}/{code}/"
        self.happened = 0
        self._epoch = secrets.token_hex(8)
        self._committed = 0
        self._held: list[bytes] = []
        """The events after ``_committed``."""
        self._window = Window(Position(epoch=self._epoch, committed=0, last=0))
        self._lock = threading.Lock()
        self.link: Link

    def happens(self, at: int) -> None:
        """A desk changes."""
        with self._lock:
            self._held.append(_TEXTS[self.happened % len(_TEXTS)] % at)
            self.happened += 1

    def connected(self) -> None:
        """The connection is up."""
        self._window.connected(time.monotonic())

    def hear(self, message: Message) -> None:
        """Move with the mark."""
        mark, now = Mark.model_validate_json(message.payload), time.monotonic()
        if mark.epoch != self._epoch:
            return
        with self._lock:
            self._window.mark(mark, now)
            if mark.seq > self._committed:
                del self._held[: mark.seq - self._committed]
                self._committed = mark.seq
        self.send(now)

    def send(self, now: float) -> None:
        """Send while the window has room; go back to the mark if it has not moved in time."""
        with self._lock:
            self._window.position(Position(epoch=self._epoch, committed=self._committed, last=self.happened), now)
            self._window.tick(now)
            while (after := self._window.send_after(now)) is not None:
                events = self._held[after - self._committed :][:MAX_BATCH_EVENTS]
                head = f'{{"epoch":"{self._epoch}","first":{after + 1},"sent_at":{time.time_ns() // 1000},"events":['
                self.link.publish(self.topic + "events", head.encode() + b",".join(events) + b"]}")
                self._window.sent(after + len(events), now)

    @property
    def rests(self) -> bool:
        """Whether everything that happened is committed."""
        return self._committed == self.happened


def _connect(loop: MqttLoop, gateways: list[list[str | int]]) -> list[_Gateway]:
    fleet = []
    for place, code, shard, url in gateways:
        one = _Gateway(str(place), str(code), int(shard))
        one.link = loop.add(
            parse_mqtt_url(str(url)),
            client_id=str(code),
            on_message=one.hear,
            on_connect=one.connected,
            subscriptions=[(one.topic + "committed", 1)],
        )
        fleet.append(one)
    while not all(one.link.connected for one in fleet):
        time.sleep(0.05)
    return fleet


def _play(fleet: list[_Gateway], rate: int, seconds: float, chance: random.Random) -> int:
    """Let events happen at ``rate`` for ``seconds``, at gateways drawn by lot; return how many."""
    count = 0
    started = turn = time.monotonic()
    while turn - started < seconds:
        touched = set()
        while count < (turn - started) * rate:
            one = fleet[chance.randrange(len(fleet))]
            one.happens(time.time_ns() // 1000)
            touched.add(one)
            count += 1
        for one in touched:
            one.send(turn)
        time.sleep(max(0.0, turn + _WRITE_S - time.monotonic()))
        turn = time.monotonic()
    return count


def main() -> None:
    """Play as ordered, and say how many events there were and in how many seconds."""
    loop = MqttLoop("recorded")
    loop.start()
    fleet: list[_Gateway] = []
    chance = random.Random(7)
    for line in sys.stdin:
        orders = json.loads(line)
        fleet = fleet or _connect(loop, orders["gateways"])
        started = time.monotonic()
        sent = _play(fleet, orders["rate"], orders["seconds"], chance)
        played = time.monotonic() - started
        while not all(one.rests for one in fleet):
            time.sleep(0.05)
            for one in fleet:
                one.send(time.monotonic())
        print(json.dumps({"sent": sent, "seconds": played}), flush=True)
    loop.stop()


if __name__ == "__main__":
    main()
