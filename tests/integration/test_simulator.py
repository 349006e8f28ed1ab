"""The simulator on a real broker: devices speak and obey there, and the truth answers over HTTP."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from gateway.config import write_gateways
from gateway.mqtt.loop import Message, MqttLoop, parse_mqtt_url
from maillage.embedded import EmbeddedMosquitto
from maillage.embedded.process import free_port
from simulator.run import run
from simulator.settings import SimulatorSettings
from tests.unit.simulator.doorkeeper import START, Doorkeeper
from tests.unit.simulator.plans import place
from tests.waiting import until

GATEWAYS = (place(1, desks=10, rooms=1), place(2, desks=6, lab=True), place(3, desks=8))


class Running:
    """A simulator in a thread, and a doorkeeper on the same broker."""

    def __init__(self, broker: EmbeddedMosquitto, folder: Path, **settings: Any) -> None:
        self.keeper = Doorkeeper(GATEWAYS)
        self.port = free_port()
        self.loop = MqttLoop("doorkeeper")
        self.link = self.loop.add(
            parse_mqtt_url(broker.url()), client_id="doorkeeper", on_message=self._hear, subscriptions=[("#", 0)]
        )
        self.loop.start()
        until(lambda: self.link.connected)
        file = folder / "gateways.json"
        write_gateways(file, GATEWAYS)
        self.settings = SimulatorSettings(
            gateways_file=file,
            field_mqtt_url=SecretStr(broker.url()),
            simulator_port=self.port,
            start=START,
            announce_s=0.2,
            **settings,
        )
        self.stop = threading.Event()
        self.code: list[int] = []
        self.thread = threading.Thread(target=lambda: self.code.append(run(self.settings, self.stop)))
        self.thread.start()

    def _hear(self, message: Message) -> None:
        if not message.topic.endswith("/cmd"):
            for topic, payload in self.keeper.hear(message.topic, message.payload):
                self.link.publish(topic, payload, qos=0)

    def ask(self, path: str, body: Any = None) -> tuple[int, Any]:
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", data=data, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def is_well(self) -> bool:
        try:
            return self.ask("/healthz")[0] == 200
        except OSError:
            return False

    def end(self) -> None:
        self.stop.set()
        self.thread.join(60)
        self.loop.stop()


@pytest.fixture
def running(field_mqtt: EmbeddedMosquitto, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Running]:
    one = Running(field_mqtt, tmp_path, **getattr(request, "param", {"speed": 1000}))
    until(one.is_well)
    yield one
    one.end()
    assert one.code == [0]


def test_people_get_in_through_a_real_broker_and_the_truth_knows(running: Running) -> None:
    until(lambda: running.ask("/healthz")[1]["people"] >= 3)
    status, told = running.ask("/truth?place=p-1")
    assert status == 200
    assert told["virtual"] > START.isoformat()
    assert set(told["places"]) == {"p-1"}
    assert set(told["places"]["p-1"]) == {"present", "spaces", "desks", "inside"}
    assert set(told["places"]["p-1"]["spaces"]) == {"place", "open-space", "room-0"}
    assert len(told["places"]["p-1"]["desks"]) == 10
    assert running.keeper.unreadable == []
    # The past is where it was.
    early = running.ask(f"/truth?at={told['at']}")[1]["places"]["p-1"]
    told["places"]["p-1"].pop("inside")  # who, is told of now only
    assert early == told["places"]["p-1"]
    granted = sum(1 for _, read, granted in running.keeper.reads if granted and read.side == "in")
    assert running.ask("/counters")[1]["unlocked"] <= len(running.keeper.reads)
    assert granted >= 3


def test_faults_over_http(running: Running) -> None:
    assert running.ask("/faults")[1]["dead"] == []
    status, faults = running.ask("/faults", {"dead": ["*"]})
    assert (status, faults["dead"]) == (200, ["*"])
    # What was on its way when the devices died has arrived once the counter stands still.
    said = until(lambda: (one := running.ask("/counters")[1])["silenced"] > 3 and one)["said"]
    assert running.ask("/counters")[1]["said"] == said
    assert running.ask("/faults", {"dead": [], "garbage": ["*"]})[0] == 200
    until(lambda: "invalid_json" in running.keeper.unreadable)


def test_a_drill_over_http(running: Running) -> None:
    until(lambda: running.ask("/truth?place=p-1")[1]["places"]["p-1"]["present"] >= 3)
    status, told = running.ask("/drill", {"place": "p-1"})
    assert (status, told["place"]) == (200, "p-1")
    assert told["inside"] >= 3
    until(lambda: running.ask("/counters")[1]["drill.left"] >= 3)
    until(lambda: running.ask("/counters")[1]["drill.came_back"] >= 2)
    truth = running.ask("/truth?place=p-1")[1]["places"]["p-1"]
    assert len(truth["inside"]) == truth["present"]
    assert all(ref.startswith("m-") for ref in truth["inside"])
    for nonsense in ({}, {"place": 7}, {"place": "nowhere"}, {"place": "p-1", "now": True}):
        assert running.ask("/drill", nonsense)[0] == 400


def test_nonsense_over_http_is_answered(running: Running) -> None:
    assert running.ask("/faults", {"duplicate_rate": 7})[0] == 400
    assert running.ask("/faults", b"{")[0] == 400
    assert running.ask("/faults", [])[0] == 400
    assert running.ask("/truth?place=nowhere")[0] == 400
    assert running.ask("/truth?at=yesterday")[0] == 400
    assert running.ask("/nothing")[0] == 404
    assert running.is_well()


def test_a_broker_that_dies_and_comes_back(running: Running, field_mqtt: EmbeddedMosquitto) -> None:
    field_mqtt.kill9()
    until(lambda: not running.is_well())
    field_mqtt.restart()
    until(running.is_well)
    until(lambda: running.link.connected)
    before = len(running.keeper.reads)
    until(lambda: len(running.keeper.reads) > before)


def test_what_cannot_start_says_so(tmp_path: Path) -> None:
    settings = SimulatorSettings(gateways_file=tmp_path / "none.json")
    assert run(settings, threading.Event()) == 2
