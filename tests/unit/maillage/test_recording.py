from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.recording import BadLine, LineError, Recorded, moved, parse_map, read_line, read_recording

CAPTURE = Path(__file__).parents[2] / "data" / "devices" / "capture.jsonl"


def test_the_capture_of_published_samples_has_no_bad_line() -> None:
    with CAPTURE.open("rb") as lines:
        items = list(read_recording(lines))
    assert len(items) > 30
    assert all(isinstance(item, Recorded) for item in items)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"time": 12.5, "topic": "a/b", "payload": "é"}', Recorded(time_s=12.5, topic="a/b", payload="é".encode())),
        (
            '{"time": "1970-01-01T01:00:10+01:00", "topic": "a", "payload_b64": "AP8="}',
            Recorded(time_s=10, topic="a", payload=b"\x00\xff"),
        ),
        (
            '{"tst": "1970-01-01T00:00:01.500000+0000", "topic": "a", "qos": 0, "payload": ""}',
            Recorded(time_s=1.5, topic="a", payload=b""),
        ),
    ],
)
def test_lines(line: str, message: Recorded) -> None:
    assert read_line(line) == message


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ('{"topic": "a", "payload": ""}', "time is neither"),
        ('{"time": "2026-03-03T07:30:00", "topic": "a", "payload": ""}', "no zone"),
        ('{"time": true, "topic": "a", "payload": ""}', "time is neither"),
        ('{"time": 1, "payload": ""}', "topic is missing"),
        ('{"time": 1, "topic": "a/#", "payload": ""}', "wildcard"),
        ('{"time": 1, "topic": "a"}', "one of payload"),
        ('{"time": 1, "topic": "a", "payload": "", "payload_b64": ""}', "one of payload"),
        ('{"time": 1, "topic": "a", "payload_b64": "!"}', "not base64"),
    ],
)
def test_bad_lines_say_why(line: str, reason: str) -> None:
    with pytest.raises(LineError, match=reason):
        read_line(line)


def test_bad_lines_are_told_by_their_number_and_end_nothing() -> None:
    good = b'{"time": 1, "topic": "a", "payload": ""}\n'
    items = list(read_recording([good, b"\n", b"\xff\n", b"?\n", good]))
    assert [item.number for item in items if isinstance(item, BadLine)] == [3, 4]
    assert len(items) == 4


@given(
    st.binary(max_size=80)
    | st.text(max_size=40).map(lambda text: json.dumps({"time": 1, "topic": text, "payload": text}).encode())
)
def test_no_line_ends_the_reading(raw: bytes) -> None:
    for item in read_recording([raw]):
        if isinstance(item, Recorded):
            item.topic.encode()


def test_prefixes() -> None:
    message = Recorded(time_s=0, topic="zigbee2mqtt/room", payload=b"")
    maps = [parse_map("other/=x/"), parse_map("zigbee2mqtt/=z2m-p1/")]
    assert moved(message, maps).topic == "z2m-p1/room"
    assert moved(message, maps[:1]) == message
    with pytest.raises(LineError, match="OLD_PREFIX=NEW_PREFIX"):
        parse_map("no map")
