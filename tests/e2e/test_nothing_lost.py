"""Nothing lost, nothing twice: whatever dies, in whatever order, under load."""

from __future__ import annotations

import json
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import psycopg
import pytest

from gateway.mqtt.loop import MqttLoop, parse_mqtt_url
from ingest import refold
from maillage.embedded.bundle import Bundle
from tests.e2e.chain import Chain, kill9, start_chain
from tests.waiting import until

ROUNDS = 3
"""How often each of them is killed."""
EVERY_S = 0.004
"""A device speaks so often: 250 messages a second, each of two events."""
MARGIN_S = 0.5
"""Around a gateway's death it may not have heard, or not yet kept, what was said."""


class Devices:
    """Zigbee sensors that count: their illuminance is the number of the message."""

    def __init__(self, chain: Chain) -> None:
        self._loop = MqttLoop("devices")
        self._link = self._loop.add(
            parse_mqtt_url(chain.field.url()), client_id="devices", on_message=lambda _message: None
        )
        self.sensors = [
            (gateway, device)
            for gateway in chain.gateways
            for device in gateway.devices
            if device.driver == "zigbee2mqtt" and device.door is None  # a keypad measures nothing
        ]
        self.said: list[tuple[float, str, str, int]] = []
        """(when, gateway's code, device's code, number)"""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._speak, daemon=True)

    def start(self) -> None:
        self._loop.start()
        until(lambda: self._link.connected)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(60)
        self._loop.stop()

    def _speak(self) -> None:
        number = 0
        while not self._stop.wait(EVERY_S):
            number += 1
            gateway, device = self.sensors[number % len(self.sensors)]
            payload = {"occupancy": number // len(self.sensors) % 2 == 0, "illuminance_lux": number}
            self.said.append((time.monotonic(), gateway.gateway, device.code, number))
            self._link.publish(device.address, json.dumps(payload).encode(), qos=1)


@pytest.fixture
def chain(tmp_path: Path, bundle: Bundle) -> Iterator[Chain]:
    made = start_chain(tmp_path, bundle, places=6)
    yield made
    made.stop()


def test_whatever_dies_every_event_is_stored_once_and_in_order(chain: Chain) -> None:
    devices = Devices(chain)
    assert len(devices.sensors) >= 3
    deaf: list[tuple[float, float]] = []

    def kill_gateway() -> None:
        began = time.monotonic()
        kill9(chain.gateway)
        chain.gateway.start()
        chain.gateway.wait_until_well(deadline_s=120, stopped=lambda: False)
        until(lambda: speaks(chain), what="the gateway hears its devices again")
        deaf.append((began - MARGIN_S, time.monotonic() + MARGIN_S))

    def kill_ingest() -> None:
        kill9(chain.ingest)
        chain.ingest.start()
        chain.ingest.wait_until_well(deadline_s=120, stopped=lambda: False)

    def kill_broker() -> None:
        chain.central.kill9()
        chain.central.restart()

    def kill_database() -> None:
        chain.postgres.kill9()
        chain.postgres.restart()

    def cut_line() -> None:
        chain.line.cut()
        grown(chain)
        chain.line.mend()

    faults: list[Callable[[], None]] = [kill_gateway, kill_ingest, kill_broker, kill_database, cut_line] * ROUNDS
    random.shuffle(faults)
    devices.start()
    stored = 0
    for fault in faults:
        fault()
        stored = until(
            partial(more_than, chain, stored), what=f"events are stored again after {fault.__name__}", deadline_s=60
        )
    devices.stop()
    until(lambda: spooled(chain) == 0, what="the spool is empty")

    per_stream = chain.rows(
        """SELECT s.id, s.last_seq, count(e.seq), count(DISTINCT e.seq), min(e.seq), max(e.seq)
           FROM stream s LEFT JOIN event e ON e.stream = s.id GROUP BY s.id"""
    )
    for _, last, count, different, first, highest in per_stream:
        assert (count, different, first, highest) == (last, last, 1, last)
    assert chain.rows("SELECT count(*) FROM dead_letter") == [(0,)]

    numbers: dict[tuple[str, str], list[int]] = {}
    for gateway, device, value in chain.rows(
        """SELECT g.code, d.code, e.value FROM event e
           JOIN stream s ON s.id = e.stream JOIN gateway g ON g.id = s.gateway
           JOIN device d ON d.id = e.device WHERE e.detail ->> 'name' = 'illuminance' ORDER BY e.stream, e.seq"""
    ):
        numbers.setdefault((gateway, device), []).append(int(value))
    for found in numbers.values():
        assert found == sorted(set(found)), "in order, and none twice"
    kept = {(*key, number) for key, found in numbers.items() for number in found}
    heard = [
        (gateway, device, number)
        for when, gateway, device, number in devices.said
        if not any(start <= when <= end for start, end in deaf)
    ]
    assert len(heard) > 500
    assert [one for one in heard if one not in kept] == []
    with psycopg.connect(chain.url) as connection:
        assert refold.differences(connection) == []


def spooled(chain: Chain) -> int:
    """Events in the spool that are not known to be committed."""
    with closing(sqlite3.connect(f"file:{chain.spool}?mode=ro", uri=True)) as file:
        return int(file.execute("SELECT count(*) FROM event").fetchone()[0])


def speaks(chain: Chain) -> bool:
    """Whether something that a device says reaches the spool."""
    before = newest(chain)
    return bool(until(lambda: newest(chain) > before))


_NEWEST = """
-- the last number given to an event, summed over the gateways
SELECT coalesce(sum(last), 0) FROM (
  SELECT max(coalesce((SELECT max(n) FROM event WHERE event.gateway = code), 0), committed) AS last FROM gateway
)
"""


def newest(chain: Chain) -> int:
    with closing(sqlite3.connect(f"file:{chain.spool}?mode=ro", uri=True)) as file:
        return int(file.execute(_NEWEST).fetchone()[0])


def grown(chain: Chain) -> None:
    """Wait until the spool has grown by what a second brings: the line is really down."""
    before = newest(chain)
    until(lambda: newest(chain) > before + 300 and spooled(chain) > 300, what="the spool grows while the line is cut")


def more_than(chain: Chain, stored: int) -> int:
    """How many events the database holds, if that is clearly more than ``stored``; else 0."""
    try:
        count = int(chain.rows("SELECT sum(last_seq) FROM stream")[0][0] or 0)
    except psycopg.OperationalError:
        return 0
    return count if count > stored + 100 else 0
