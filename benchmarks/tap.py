"""Card read at the driver to unlock command on the wire, beside a bare echo through the same broker in the same run.

``python -m benchmarks.tap [--taps N] [--background PER_S]`` shows it alone; ``benchmarks.latency`` includes it. Real
parts: a field Mosquitto, a central Mosquitto, a gateway process with a list of 2,000 cards, signed and delivered as in
life. Both times are taken by one client at the field broker: from its publish to what comes back to it.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from access import AccessList, Entry, Member, Right, card_token, normalise, token_key
from access.compare import fingerprint
from access.schedules import DAYS, schedule_from_json
from benchmarks.report import Result, finish, progress
from gateway.config import GatewayConfig, write_gateways
from gateway.contract.configuration import Device, Door
from gateway.contract.signing import new_seed, public_key
from gateway.mqtt.loop import Link, Message, MqttLoop, parse_mqtt_url
from maillage.embedded import EmbeddedMosquitto, fetch
from rights.packing import list_messages

CARDS: Final = 2_000
DESKS: Final = 24
_KEY: Final = "5a" * 32
_ECHO: Final = """
import sys
from paho.mqtt.client import CallbackAPIVersion, Client
client = Client(CallbackAPIVersion.VERSION2)
client.on_connect = lambda client, *_: client.subscribe("echo/ask", 1)
client.on_message = lambda client, _data, message: client.publish("echo/answer", message.payload, qos=1)
client.connect(sys.argv[1], int(sys.argv[2]))
client.loop_forever()
"""
"""The least that could answer at all: a paho client in a process of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """Both brokers and the gateway between them."""

    field: EmbeddedMosquitto
    central: EmbeddedMosquitto
    gateway: GatewayConfig
    seed: str


def measure_tap_to_unlock(*, taps: int = 2000, background_per_s: float = 200.0) -> dict[str, float]:
    """Badge ``taps`` times, one after the other, and echo as often in between; times in milliseconds.

    Args:
        background_per_s: desk sensors' messages that keep the same gateway busy meanwhile.

    Returns:
        ``tap_to_unlock_p50_ms``, ``tap_to_unlock_p99_ms``, ``tap_to_unlock_max_ms``, ``echo_p50_ms``, ``echo_p99_ms``,
        ``taps``.
    """
    with stand() as one:
        loop = MqttLoop("tapper")
        loop.start()
        try:
            return _measured(one, loop, taps, background_per_s)
        finally:
            loop.stop()


def result(*, taps: int = 2000, background_per_s: float = 200.0) -> Result:
    """Return ``tap_to_unlock_p99_ms`` beside the echo."""
    measured = measure_tap_to_unlock(taps=taps, background_per_s=background_per_s)
    return Result(
        name="tap_to_unlock_p99_ms",
        value=measured["tap_to_unlock_p99_ms"],
        unit="ms",
        reference="bare paho echo through the same broker",
        reference_value=measured["echo_p99_ms"],
    )


def _measured(stand: Stand, loop: MqttLoop, taps: int, background_per_s: float) -> dict[str, float]:
    back: queue.SimpleQueue[tuple[str, float]] = queue.SimpleQueue()
    link = loop.add(
        parse_mqtt_url(stand.field.url()),
        client_id="tapper",
        on_message=lambda message: back.put((message.topic, time.perf_counter())),
        subscriptions=[("bench/entry/cmd", 1), ("echo/answer", 1)],
    )
    deliver_list(stand, loop)
    cards = [number.to_bytes(4, "big").hex() for number in random.Random(7).sample(range(CARDS), CARDS)]

    def tap(number: int) -> float:
        card = cards[number % CARDS]
        read = {"type": "access", "uid": card, "hostname": "reader", "isKnown": "false", "time": number}
        return _round_trip(link, back, "bench/entry/send", json.dumps(read).encode(), "bench/entry/cmd")

    def echo(number: int) -> float:
        return _round_trip(link, back, "echo/ask", str(number).encode(), "echo/answer")

    for number in range(100):  # both sides warm, the list applied
        tap(number)
        echo(number)
    stop = threading.Event()
    noise = threading.Thread(target=_background, args=(link, background_per_s, stop), daemon=True)
    noise.start()
    tapped, echoed = [], []
    for number in range(100, 100 + taps):
        tapped.append(tap(number))
        echoed.append(echo(number))
    stop.set()
    noise.join()
    tapped.sort()
    echoed.sort()
    return {
        "tap_to_unlock_p50_ms": tapped[taps // 2],
        "tap_to_unlock_p99_ms": tapped[int(taps * 0.99)],
        "tap_to_unlock_max_ms": tapped[-1],
        "echo_p50_ms": echoed[taps // 2],
        "echo_p99_ms": echoed[int(taps * 0.99)],
        "taps": float(taps),
    }


def _round_trip(
    link: Link, back: queue.SimpleQueue[tuple[str, float]], topic: str, payload: bytes, answer: str
) -> float:
    """Publish and return how many milliseconds passed until ``answer``; asks again where nobody was there yet."""
    for _ in range(60):
        begin = time.perf_counter()
        link.publish(topic, payload)
        try:
            while True:
                came, at = back.get(timeout=1.0)
                if came == answer:
                    return (at - begin) * 1000
        except queue.Empty:
            continue
    raise SystemExit(f"nobody answers {topic}")


def _background(link: Link, per_s: float, stop: threading.Event) -> None:
    number = 0
    while per_s > 0 and not stop.wait(1 / per_s):
        number += 1
        payload = json.dumps({"occupancy": number % 2 == 0, "linkquality": number % 255}).encode()
        link.publish(f"zigbee2mqtt/desk-{number % DESKS}", payload, qos=0)


def deliver_list(stand: Stand, loop: MqttLoop) -> None:
    """Play the centre: answer batches with marks, and send the list until the gateway says that it has it."""
    address = stand.gateway.address
    applied = threading.Event()

    def hear(message: Message) -> None:
        body = json.loads(message.payload)
        if message.topic == address.topic("state"):
            if body.get("list_version") == 1:
                applied.set()
            return
        mark = {"epoch": body["epoch"], "seq": body["first"] + len(body["events"]) - 1}
        link.publish(address.topic("committed"), json.dumps(mark).encode(), retain=True)

    link = loop.add(
        parse_mqtt_url(stand.central.url("ingest")),
        client_id="centre",
        on_message=hear,
        subscriptions=[(address.topic("events"), 1), (address.topic("state"), 1)],
    )
    rights = loop.add(parse_mqtt_url(stand.central.url("rights")), client_id="rights", on_message=lambda _message: None)
    whole = small_list()
    parts = list_messages(whole, fingerprint(whole), stand.seed)
    for _ in range(60):
        for part in parts:
            rights.publish(address.topic("list"), part)
        if applied.wait(0.5):
            return
    raise SystemExit("the gateway takes no list")


def small_list() -> AccessList:
    """Return the list of the cards that are read, version 1."""
    week = schedule_from_json({day: [["00:00", "12:00"], ["12:00", "24:00"]] for day in DAYS})
    key = token_key(_KEY)
    entries = {}
    for number in range(CARDS):
        token = card_token(key, normalise(number.to_bytes(4, "big")))
        member = Member(ref=f"m-{number // 2:04}", status="active", rights=(Right(doors=None, schedule=week),))
        entries[token] = Entry(token=token, member=member, status="active")
    return AccessList(
        place="bench",
        version=1,
        made_at=datetime.now(UTC),
        time_zone="Europe/Paris",
        max_age_s=86_400,
        entries=entries,
    )


@contextmanager
def stand() -> Iterator[Stand]:
    """Start both brokers, the gateway and the echo; stop them at the end."""
    bundle = fetch()
    directory = Path(tempfile.mkdtemp(prefix="maillage-tap-"))
    directory.chmod(0o755)
    seed = new_seed()
    central = EmbeddedMosquitto(
        directory / "central", bundle=bundle, users={"ingest": "x", "rights": "z", "bench-1": "y"}
    )
    field = EmbeddedMosquitto(directory / "field", bundle=bundle)
    reader = Device(code="reader", driver="esp_rfid", address="bench/entry#reader", door="entry")
    desks = [
        Device(code=f"desk-{number}", driver="zigbee2mqtt", address=f"zigbee2mqtt/desk-{number}")
        for number in range(DESKS)
    ]
    config = GatewayConfig.model_validate(
        {
            "shard": 0,
            "place": "bench",
            "gateway": "bench-1",
            "mqtt_password": "y",
            "list_key": public_key(seed),
            "card_key": _KEY,
            "doors": [Door(code="entry", lock="reader")],
            "devices": [reader, *desks],
        }
    )
    write_gateways(directory / "gateways.json", (config,))
    processes = []
    try:
        central.start()
        field.start()
        environment = {
            **os.environ,
            "MAILLAGE_MQTT_URL": f"mqtt://127.0.0.1:{central.port}",
            "MAILLAGE_FIELD_MQTT_URL": field.url(),
            "MAILLAGE_GATEWAYS_FILE": str(directory / "gateways.json"),
            "MAILLAGE_SPOOL": str(directory / "spool.sqlite"),
            "MAILLAGE_METRICS_PORT": "0",
            "MAILLAGE_LOG_LEVEL": "WARNING",
        }
        processes.append(subprocess.Popen([sys.executable, "-m", "maillage", "gateway"], env=environment))
        processes.append(subprocess.Popen([sys.executable, "-c", _ECHO, "127.0.0.1", str(field.port)]))
        yield Stand(field=field, central=central, gateway=config, seed=seed)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(10)
        field.stop()
        central.stop()
        shutil.rmtree(directory, ignore_errors=True)


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
