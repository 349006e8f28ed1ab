"""A fleet of gateways as the broker sees them: real connections, real batches, the window and go-back-N.

Everything is encoded before the clock starts, so that what is measured is the broker, the ingest and the database.
Run as a process of its own: ``python -m benchmarks.fleet`` reads its orders as JSON from standard input.
"""

from __future__ import annotations

import json
import secrets
import sys
import threading
import time
from pathlib import Path
from typing import Final

from benchmarks.stand import DESKS
from gateway.contract.wire import Mark
from gateway.mqtt.loop import Link, Message, MqttLoop, parse_mqtt_url
from gateway.spool.values import Position
from gateway.uplink.window import MARK_WAIT_S, Window

BATCH: Final = 500
_EPOCH: Final = secrets.token_hex(8)


def events(first: int, count: int, at: int, step_us: int) -> list[str]:
    """Events as JSON texts: of 20, seventeen desks, one card, one count and one measure."""
    made = []
    for n in range(first, first + count):
        when, kind = at + (n - first) * step_us, n % 20
        if kind == 7:
            side = "in" if n % 40 < 20 else "out"
            made.append(
                f'{{"kind":"access","at":{when},"device":"reader-{side}","decision":"granted","reason":"granted","side":"{side}",'
                f'"card":"{n % 997:064x}","member":"m-{n % 37:05d}","list_version":3,"list_age_s":60}}'
            )
        elif kind == 13:
            made.append(f'{{"kind":"count","at":{when},"device":"counter","present":{n % DESKS}}}')
        elif kind == 19:
            made.append(f'{{"kind":"measure","at":{when},"device":"air","name":"co2","value":{400 + n % 900}}}')
        else:
            desk, taken = n * 7 % DESKS, "true" if n // DESKS % 2 else "false"
            made.append(f'{{"kind":"desk","at":{when},"device":"desk-{desk}","occupied":{taken}}}')
    return made


class _Gateway:
    """One gateway: its batches, and the window by which it sends them."""

    def __init__(self, place: str, code: str, shard: int, bodies: list[bytes]) -> None:
        self.topic = f"maillage/v1/{shard:02d}/{place}/{code}/"
        self.bodies = bodies
        self.committed = 0
        """Batches."""
        self.window = Window(Position(epoch=_EPOCH, committed=0, last=len(bodies) * BATCH))
        self.link: Link
        self._lock = threading.Lock()

    def begin(self, now: float) -> None:
        """Send the first batches; no mark is retained of a new epoch."""
        with self._lock:
            self.window.connected(now - MARK_WAIT_S)
            self._pump(now)

    def _pump(self, now: float) -> None:
        """Send while the window has room."""
        while (after := self.window.send_after(now)) is not None:
            head = b'{"epoch":"%s","first":%d,"sent_at":%d,"events":[' % (
                _EPOCH.encode(),
                after + 1,
                time.time_ns() // 1000,
            )
            self.link.publish(self.topic + "events", head + self.bodies[after // BATCH] + b"]}", qos=1)
            self.window.sent(after + BATCH, now)

    def hear(self, message: Message) -> None:
        """Move with the mark."""
        mark, now = Mark.model_validate_json(message.payload), time.monotonic()
        with self._lock:
            self.window.mark(mark, now)
            if mark.epoch == _EPOCH:
                self.committed = mark.seq // BATCH
            self._pump(now)

    def look(self, now: float) -> None:
        """Go back to the mark if it has not moved in time."""
        with self._lock:
            due = self.window.next_tick()
            if due is not None and now >= due:
                self.window.tick(now)
                self._pump(now)


def main() -> None:
    """Connect, say ``ready``, wait for ``go``, send everything, say how long it took."""
    orders = json.loads(sys.stdin.readline())
    now = time.time_ns() // 1000
    bodies = [",".join(events(n * BATCH, BATCH, now + n * 50_000, 100)).encode() for n in range(orders["batches"])]
    loop = MqttLoop("fleet")
    fleet = []
    for n, (place, code, url, tls) in enumerate(orders["gateways"], start=1):
        one = _Gateway(place, code, n % 64, bodies)
        one.link = loop.add(
            parse_mqtt_url(url, tls=tls and Path(tls)),
            client_id=code,
            on_message=one.hear,
            subscriptions=[(one.topic + "committed", 1)],
            keepalive_s=120,
        )
        fleet.append(one)
    loop.start()
    while not all(one.link.connected for one in fleet):
        time.sleep(0.05)
    print(json.dumps({"ready": len(fleet), "bytes": len(bodies[0]) / BATCH}), flush=True)
    sys.stdin.readline()
    started = time.monotonic()
    for one in fleet:
        one.begin(started)
    waiting = threading.Event()
    total = len(bodies) * len(fleet)
    while sum(one.committed for one in fleet) < total:
        waiting.wait(0.02)
        for one in fleet:
            one.look(time.monotonic())
    resent = sum(one.window.resends for one in fleet)
    print(json.dumps({"seconds": time.monotonic() - started, "events": total * BATCH, "resent": resent}), flush=True)
    loop.stop()


if __name__ == "__main__":
    main()
