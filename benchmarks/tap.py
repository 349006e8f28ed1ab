"""Card read at the driver to unlock command on the wire, beside a bare echo through the same broker in the same run.

``python -m benchmarks.tap [--taps N] [--background PER_S]`` shows it alone; ``benchmarks.latency`` includes it. Real
parts: a field Mosquitto, a central Mosquitto, a gateway process with a list of 2,000 cards, signed and delivered as in
life. Both times are taken by one client at the field broker: from its publish to what comes back to it.
"""

from __future__ import annotations

import argparse
import json
import queue
import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from benchmarks.door_stand import CARDS, DESKS, Stand, card, deliver_list, driven, stand
from benchmarks.report import Result, finish, progress
from gateway.mqtt.loop import MqttLoop, parse_mqtt_url

_WARM: Final = 100


class Tapper:
    """One client at the field broker, which reads cards and asks the echo, one after the other."""

    def __init__(self, stand: Stand, loop: MqttLoop) -> None:
        """Connect."""
        self._back: queue.Queue[tuple[str, float]] = queue.Queue()
        self._cards = [card(number) for number in random.Random(7).sample(range(CARDS), CARDS)]
        self._next = 0
        self.link = loop.add(
            parse_mqtt_url(stand.field.url()),
            client_id="tapper",
            on_message=lambda message: self._back.put((message.topic, time.perf_counter())),
            subscriptions=[("bench/entry/cmd", 1), ("echo/answer", 1)],
        )

    def warm(self) -> None:
        """Read some cards, so that both sides are warm."""
        for _ in range(_WARM):
            self.tap()
            self.echo()

    def tap(self) -> float:
        """Read the next card; return the milliseconds until the lock's command."""
        read = {"type": "access", "uid": self._cards[self._next % CARDS], "hostname": "reader", "isKnown": "false"}
        self._next += 1
        return self.round_trip("bench/entry/send", json.dumps({**read, "time": self._next}).encode(), "bench/entry/cmd")

    def echo(self) -> float:
        """Ask the echo; return the milliseconds until its answer."""
        return self.round_trip("echo/ask", str(self._next).encode(), "echo/answer")

    def round_trip(self, topic: str, payload: bytes, answer: str) -> float:
        """Publish and return how many milliseconds passed until ``answer``; asks again where nobody was there yet."""
        for _ in range(60):
            begin = time.perf_counter()
            self.link.publish(topic, payload)
            try:
                while True:
                    came, at = self._back.get(timeout=1.0)
                    if came == answer:
                        return (at - begin) * 1000
            except queue.Empty:
                continue
        raise SystemExit(f"nobody answers {topic}")

    @contextmanager
    def background(self, per_s: float) -> Iterator[None]:
        """Publish ``per_s`` desk sensors' messages a second meanwhile."""
        stop = threading.Event()

        def publish() -> None:
            number = 0
            while per_s > 0 and not stop.wait(1 / per_s):
                number += 1
                payload = json.dumps({"occupancy": number % 2 == 0, "linkquality": number % 255}).encode()
                self.link.publish(f"zigbee2mqtt/desk-{number % DESKS}", payload, qos=0)

        noise = threading.Thread(target=publish, daemon=True)
        noise.start()
        try:
            yield
        finally:
            stop.set()
            noise.join()


def quantile(values: Sequence[float], part: float) -> float:
    """Return the value below which ``part`` of ``values`` lie."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def measure_tap_to_unlock(*, taps: int = 2000, background_per_s: float = 200.0) -> dict[str, float]:
    """Badge ``taps`` times, one after the other, and echo as often in between; times in milliseconds.

    Args:
        background_per_s: desk sensors' messages that keep the same gateway busy meanwhile.

    Returns:
        ``tap_to_unlock_p50_ms``, ``tap_to_unlock_p99_ms``, ``tap_to_unlock_max_ms``, ``echo_p50_ms``, ``echo_p99_ms``,
        ``taps``.
    """
    with stand() as one, driven() as loop:
        tapper = Tapper(one, loop)
        deliver_list(one, loop)
        tapper.warm()
        tapped, echoed = [], []
        with tapper.background(background_per_s):
            for _ in range(taps):
                tapped.append(tapper.tap())
                echoed.append(tapper.echo())
    return {
        "tap_to_unlock_p50_ms": quantile(tapped, 0.5),
        "tap_to_unlock_p99_ms": quantile(tapped, 0.99),
        "tap_to_unlock_max_ms": max(tapped),
        "echo_p50_ms": quantile(echoed, 0.5),
        "echo_p99_ms": quantile(echoed, 0.99),
        "taps": float(taps),
    }


def result(*, taps: int = 2000, background_per_s: float = 200.0) -> Result:
    """Return ``tap_to_unlock_p99_ms`` beside the echo."""
    measured = measure_tap_to_unlock(taps=taps, background_per_s=background_per_s)
    progress(", ".join(f"{name} {value:.3g}" for name, value in measured.items()))
    return Result(
        name="tap_to_unlock_p99_ms",
        value=measured["tap_to_unlock_p99_ms"],
        unit="ms",
        reference="bare paho echo through the same broker",
        reference_value=measured["echo_p99_ms"],
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--taps", type=int, default=2000)
    parser.add_argument("--background", type=float, default=200.0, help="desk messages a second meanwhile")
    wishes = parser.parse_args()
    progress(f"{wishes.taps} taps and echoes, {wishes.background:g} desk messages a second beside them")
    finish("tap", [result(taps=wishes.taps, background_per_s=wishes.background)])


if __name__ == "__main__":
    main()
