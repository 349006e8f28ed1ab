"""An ingest in threads of the test, on a real database and broker, and gateways that speak the contract by hand."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.request import urlopen

import psycopg
import pytest

from benchmarks.stand import make_network
from gateway.mqtt.loop import Link, MqttLoop, parse_mqtt_url
from gateway.mqtt.loop import Message as MqttMessage
from ingest.run import run
from ingest.settings import IngestSettings
from maillage.embedded.process import free_port
from tests.conftest import CentralBroker, Database
from tests.waiting import until

PLACES = 3


@dataclass(slots=True, kw_only=True)
class HandGateway:
    """A gateway whose every message the test writes."""

    code: str
    place: str
    shard: int
    link: Link
    marks: list[dict[str, Any]] = field(default_factory=list)
    lists: list[dict[str, Any]] = field(default_factory=list)

    def topic(self, leaf: str) -> str:
        return f"maillage/v1/{self.shard:02d}/{self.place}/{self.code}/{leaf}"

    def raw(self, payload: bytes, leaf: str = "events") -> None:
        self.link.publish(self.topic(leaf), payload)

    def batch(self, first: int, events: list[Any], *, sent_at: int, epoch: str = "00000000aaaaaaaa") -> None:
        self.raw(json.dumps({"epoch": epoch, "first": first, "sent_at": sent_at, "events": events}).encode())

    def mark(self, epoch: str = "00000000aaaaaaaa") -> int | None:
        """The newest mark heard for ``epoch``."""
        found = [mark["seq"] for mark in self.marks if mark["epoch"] == epoch]
        return found[-1] if found else None

    def until_mark(self, seq: int, epoch: str = "00000000aaaaaaaa") -> None:
        until(lambda: self.mark(epoch) == seq, what=f"mark {seq} of {epoch} for {self.code}; heard {self.marks[-3:]}")


@dataclass(slots=True, kw_only=True)
class Bench:
    """All that a test of the ingest has at hand."""

    url: str
    settings: IngestSettings
    broker: CentralBroker
    loop: MqttLoop
    gateways: list[HandGateway]

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(query, values).fetchall()

    def one(self, query: str, *values: Any) -> Any:
        return self.rows(query, *values)[0][0]


@pytest.fixture
def bench(database: Database, mqtt: CentralBroker) -> Iterator[Bench]:
    """Three places with a hand-driven gateway each, and no ingest yet."""
    make_network(database.url, PLACES)
    loop = MqttLoop("hand")
    gateways: list[HandGateway] = []
    for n in range(1, PLACES + 1):
        place = f"p{n:04d}"
        code = f"{place}-g1"

        def heard(message: MqttMessage, n: int = n) -> None:
            one = gateways[n - 1]
            (one.marks if message.topic.endswith("committed") else one.lists).append(json.loads(message.payload))

        prefix = f"maillage/v1/{n % 64:02d}/{place}/{code}/"
        link = loop.add(
            parse_mqtt_url(mqtt.url(code)),
            client_id=code,
            on_message=heard,
            subscriptions=[(prefix + "committed", 1), (prefix + "list", 1)],
        )
        gateways.append(HandGateway(code=code, place=place, shard=n % 64, link=link))
    loop.start()
    until(lambda: all(one.link.connected for one in gateways))
    settings = IngestSettings.model_validate(
        {
            "database_url": database.as_login("ingest_1"),
            "mqtt_url": mqtt.url("ingest"),
            "metrics_port": free_port(),
            "queue_bytes": 8_000_000,
        }
    )
    yield Bench(url=database.url, settings=settings, broker=mqtt, loop=loop, gateways=gateways)
    loop.stop()


@pytest.fixture
def start_ingest(bench: Bench) -> Iterator[Callable[..., threading.Event]]:
    """Start an ingest (its settings changed as given); returns the event that stops it. All are stopped at the end."""
    running: list[tuple[threading.Event, threading.Thread]] = []

    def start(**changes: Any) -> threading.Event:
        stop = threading.Event()
        settings = bench.settings.model_copy(update=changes)
        thread = threading.Thread(target=run, args=(settings, stop), daemon=True)
        thread.start()
        running.append((stop, thread))
        if settings.metrics_port:
            until(lambda: _ready(settings.metrics_port), what="the ingest is ready")
        return stop

    yield start
    for stop, _ in running:
        stop.set()
    for _, thread in running:
        thread.join(60)
        assert not thread.is_alive()


def _ready(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=60):
            return True
    except OSError:
        return False
