"""A recording on a real broker: everything arrives, in order, at its pace."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from gateway.mqtt.loop import Message, MqttLoop, parse_mqtt_url
from maillage.embedded import EmbeddedMosquitto
from maillage.replay import ReplayError, replay
from tests.waiting import until

CAPTURE = Path(__file__).parents[1] / "data" / "devices" / "capture.jsonl"


class Ears:
    def __init__(self, url: str) -> None:
        self.heard: list[Message] = []
        self.loop = MqttLoop("ears")
        self.link = self.loop.add(
            parse_mqtt_url(url), client_id="ears", on_message=self.heard.append, subscriptions=[("#", 1)]
        )
        self.loop.start()
        until(lambda: self.link.connected)
        # Subscribed for sure once our own word comes back.
        until(self._echoes, every_s=0.05)

    def _echoes(self) -> bool:
        self.link.publish("ready", b"")
        return bool(self.heard)

    def topics(self) -> list[str]:
        return [one.topic for one in self.heard if one.topic != "ready"]


def test_a_recording_arrives_whole_and_in_order(field_mqtt: EmbeddedMosquitto) -> None:
    ears = Ears(field_mqtt.url())
    said: list[str] = []
    played = replay(
        CAPTURE, mqtt_url=field_mqtt.url(), speed=None, prefixes=[("zigbee2mqtt/", "z2m-p1/")], say=said.append
    )
    lines = [json.loads(line) for line in CAPTURE.read_text(encoding="utf-8").splitlines()]
    until(lambda: len(ears.topics()) == len(lines))
    ears.loop.stop()
    assert ears.topics() == [line["topic"].replace("zigbee2mqtt/", "z2m-p1/") for line in lines]
    assert (played.sent, played.bad_lines, played.complete) == (len(lines), 0, True)
    assert not any(one.retained for one in ears.heard)
    assert said[-1].startswith(f"{len(lines)} messages sent")


def test_pace_and_bad_lines(field_mqtt: EmbeddedMosquitto, tmp_path: Path) -> None:
    file = tmp_path / "recording.jsonl"
    lines = [json.dumps({"time": time_s, "topic": "t", "payload": ""}) for time_s in (1000, 1500, 1250, 2000)]
    file.write_text("\n".join([*lines, "no JSON"]), encoding="utf-8")
    said: list[str] = []
    played = replay(file, mqtt_url=field_mqtt.url(), speed=5000, say=said.append)
    assert (played.sent, played.bad_lines) == (4, 1)
    assert 0.2 <= played.seconds < 200, "the recording is of a thousand seconds"
    assert said[0] == "line 5: it is not JSON"


@pytest.mark.parametrize("name", ["README.md", "short.md", "empty.jsonl"])
def test_what_is_no_recording_is_one_error(field_mqtt: EmbeddedMosquitto, tmp_path: Path, name: str) -> None:
    (tmp_path / "README.md").write_text("# A heading\n\n" + "Some text.\n" * 200, encoding="utf-8")
    (tmp_path / "short.md").write_text("# A heading\n", encoding="utf-8")
    (tmp_path / "empty.jsonl").write_text("\n", encoding="utf-8")
    said: list[str] = []
    with pytest.raises(ReplayError, match="is no recording of device messages"):
        replay(tmp_path / name, mqtt_url=field_mqtt.url(), say=said.append)
    assert said == []


def test_many_bad_lines_are_only_counted(field_mqtt: EmbeddedMosquitto, tmp_path: Path) -> None:
    file = tmp_path / "recording.jsonl"
    line = json.dumps({"time": 0, "topic": "t", "payload": ""})
    file.write_text("no JSON\n" + line + "\n" + "no JSON\n" * 200, encoding="utf-8")
    said: list[str] = []
    played = replay(file, mqtt_url=field_mqtt.url(), speed=None, say=said.append)
    assert (played.sent, played.bad_lines) == (1, 201)
    assert said[0] == "line 1: it is not JSON"
    assert len(said) == 12


def test_it_ends_when_told_to(field_mqtt: EmbeddedMosquitto, tmp_path: Path) -> None:
    file = tmp_path / "recording.jsonl"
    file.write_text("".join(json.dumps({"time": time_s, "topic": "t", "payload": ""}) + "\n" for time_s in (0, 3600)))
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    began = time.monotonic()
    played = replay(file, mqtt_url=field_mqtt.url(), stop=stop, say=lambda _line: None)
    assert (played.sent, played.complete) == (1, False)
    assert time.monotonic() - began < 600


def test_no_broker_and_no_file_are_said(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match=r"no broker at 127\.0\.0\.1:9"):
        replay(CAPTURE, mqtt_url="mqtt://127.0.0.1:9")
    with pytest.raises(ReplayError, match="cannot read"):
        replay(tmp_path / "none", mqtt_url="mqtt://127.0.0.1:9")
