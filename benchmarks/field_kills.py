"""How much of what the field broker took is lost, and how much doubled, while the gateway is killed again and again.

``python -m benchmarks.field_kills [--kills N] [--rate PER_S]``. A real field Mosquitto and a gateway process without a
line to the centre, so that all that it takes in lies in its spool at the end. Half of the messages carry an identity
(LoRaWAN).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.report import Result, finish, progress
from gateway.config import GatewayConfig, write_gateways
from gateway.contract.configuration import Device
from maillage.embedded import EmbeddedMosquitto, fetch
from maillage.embedded.process import free_port

_EUI: Final = "24e1240000000b01"
_DEVICES: Final = (
    Device(code="desk", kind="presence", driver="zigbee2mqtt", address="z/desk"),
    Device(code="counter", kind="counter", driver="chirpstack", model="VS350", address=f"app/{_EUI}"),
)


def measure(*, kills: int = 20, rate: float = 500.0) -> dict[str, int]:
    """Publish at ``rate`` messages a second, kill the gateway ``kills`` times; return published, lost and doubled."""
    directory = Path(tempfile.mkdtemp(prefix="maillage-kills-"))
    directory.chmod(0o755)
    field = EmbeddedMosquitto(directory / "field", bundle=fetch())
    write_gateways(
        directory / "gateways.json", (GatewayConfig(shard=0, place="bench", gateway="bench-1", devices=_DEVICES),)
    )
    environment = {
        **os.environ,
        "MAILLAGE_MQTT_URL": f"mqtt://127.0.0.1:{free_port()}",
        "MAILLAGE_FIELD_MQTT_URL": field.url(),
        "MAILLAGE_GATEWAYS_FILE": str(directory / "gateways.json"),
        "MAILLAGE_SPOOL": str(directory / "spool.sqlite"),
        "MAILLAGE_METRICS_PORT": "0",
        "MAILLAGE_LOG_LEVEL": "CRITICAL",
    }
    field.start()
    sensors = _Sensors(field)
    try:
        for number in range(kills + 1):
            process = subprocess.Popen([sys.executable, "-m", "maillage", "gateway"], env=environment)
            try:
                if number == 0:
                    _wait(lambda: _stored(directory, "gateway"))
                    time.sleep(2)  # the broker knows the session
                    sensors.begin(rate)
                before = sum(_stored(directory, "desk", "count").values())
                _wait(lambda before=before: sum(_stored(directory, "desk", "count").values()) > before)
                if number == kills:
                    sensors.end()
                    _wait(lambda: len(_stored(directory, "desk", "count")) >= len(sensors.acknowledged))
                    time.sleep(1)
                else:
                    time.sleep(random.uniform(0.2, 1.0))
            finally:
                process.kill()
                process.wait()
            progress(f"kill {number + 1}: {len(sensors.acknowledged)} taken by the broker")
        stored = _stored(directory, "desk", "count")
        return {
            "published": len(sensors.acknowledged),
            "lost": len(sensors.acknowledged - set(stored)),
            "doubled": sum(times - 1 for times in stored.values()),
        }
    finally:
        sensors.end()
        field.stop()
        shutil.rmtree(directory, ignore_errors=True)


class _Sensors:
    """A desk and a people counter; each message's number is its device's time."""

    def __init__(self, field: EmbeddedMosquitto) -> None:
        self.acknowledged: set[int] = set()
        self._numbers: dict[int, int] = {}
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="sensors")
        self._client.max_inflight_messages_set(2000)
        self._client.on_publish = self._published
        self._client.connect(field.host, field.port)
        self._client.loop_start()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, rate: float) -> None:
        self._thread = threading.Thread(target=self._run, args=(rate,), daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            _wait(lambda: not self._numbers)
            self._client.disconnect()
            self._client.loop_stop()
            self._thread = None

    def _published(self, _client: object, _data: object, mid: int, *_: object) -> None:
        number = self._numbers.pop(mid, None)
        if number is not None:
            self.acknowledged.add(number)

    def _run(self, rate: float) -> None:
        number, began = 0, time.monotonic()
        while not self._stop.wait(0.005):
            while number < (time.monotonic() - began) * rate:
                self._say(number)
                number += 1

    def _say(self, number: int) -> None:
        message: dict[str, Any]
        if number % 2 == 0:
            topic, message = "z/desk", {"occupancy": number % 4 == 0, "last_seen": str(number)}
        else:
            topic = f"application/app/device/{_EUI}/event/up"
            message = {"deduplicationId": f"d{number}", "time": str(number), "fPort": 85, "data": "BcwBAAAA"}
        info = self._client.publish(topic, json.dumps(message), qos=1)
        self._numbers[info.mid] = number
        if info.is_published():
            self._published(None, None, info.mid)


def _stored(directory: Path, *kinds: str) -> Counter[int]:
    """Return how many times each number lies in the spool."""
    path = directory / "spool.sqlite"
    if not path.exists():
        return Counter()
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        bodies = [json.loads(body) for (body,) in connection.execute("SELECT body FROM event")]
    except sqlite3.OperationalError:
        return Counter()
    finally:
        connection.close()
    return Counter(int(body.get("device_at", -1)) for body in bodies if body["kind"] in kinds)


def _wait(condition: Any) -> None:
    end = time.monotonic() + 60
    while not condition() and time.monotonic() < end:
        time.sleep(0.1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--rate", type=float, default=500.0, help="messages a second")
    wishes = parser.parse_args()
    found = measure(kills=wishes.kills, rate=wishes.rate)
    progress(f"{found['published']} messages, {wishes.kills} kills")
    reference = "acknowledged by the field broker"
    finish(
        "field_kills",
        [
            Result(
                name=name, value=found[name], unit="messages", reference=reference, reference_value=found["published"]
            )
            for name in ("lost", "doubled")
        ],
    )


if __name__ == "__main__":
    main()
